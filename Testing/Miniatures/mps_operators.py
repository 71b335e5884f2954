"""Which operators torch has on Apple's devices, by torch's own list: for machines that have no such device."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

_ANY_DEVICE = {
    "MPS",
    "CompositeImplicitAutograd",
    "CompositeExplicitAutograd",
    "CompositeExplicitAutogradNonFunctional",
}


@cache
def _listed() -> dict[str, dict[str, Any]]:
    yaml = pytest.importorskip("yaml", reason="torch's list of operators is a YAML file")
    torchgen = pytest.importorskip("torchgen", reason="comes with torch")
    path = Path(torchgen.__file__).parent / "packaged" / "ATen" / "native" / "native_functions.yaml"
    return {entry["func"].split("(")[0]: entry for entry in yaml.safe_load(path.read_text(encoding="utf-8"))}


def missing_on_mps(operators: Iterable[str]) -> list[str]:
    """Those of some operators, such as "add.Tensor", that Apple's devices lack."""
    return [name for name in operators if not _is_there(name)]


def _is_there(name: str) -> bool:
    entry = _listed().get(name, {"dispatch": {}})
    if "structured_delegate" in entry:
        return _is_there(entry["structured_delegate"])
    keys = {key.strip() for keys in entry.get("dispatch", _ANY_DEVICE) for key in keys.split(",")}
    return bool(keys & _ANY_DEVICE)
