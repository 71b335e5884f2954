"""Tensors of weights in safetensors files: all in one, or in small ones, less what other weights that ship hold anyway.

Of several files, the first has the name that the weights go by. Its header tells names and sha256 of the others, and of
the weights that hold what was left out, so that its own sha256 stands for all of them.
"""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from PatchICLLib.errors import WeightsError
from PatchICLLib.outputs import StagedFiles
from PatchICLLib.outputs.companions import is_further

_ENTRY = "files"  # of the header
_MOST_BYTES = 3_900_000  # of tensors in a small file, which with its header stays below 4 MB


@dataclass(frozen=True)
class Lender:
    """Bundled weights that hold some tensors of others. Attributes: name; sha256 of their file."""

    name: str
    sha256: str


@dataclass(frozen=True)
class _Header:
    further: dict[str, str] = field(default_factory=dict)  # sha256 by name
    lender: Lender | None = None


def sha256_of(path: Path) -> str:
    """Hash of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def further_files(path: Path) -> list[Path]:
    """The further files of weights, beside the first; none if that is missing or no such file."""
    try:
        return [path.with_name(name) for name in _header(path).further]
    except (OSError, ValueError, SafetensorError):
        return []


def divided(tensors: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    """Tensors of as many files as it takes to keep each below 4 MB; a larger tensor has one of its own."""
    files: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, tensor in tensors.items():
        if files[-1] and size + tensor.nbytes > _MOST_BYTES:
            files.append({})
            size = 0
        files[-1][name] = tensor
        size += tensor.nbytes
    return files


def stage_tensors(
    files: StagedFiles, path: Path, tensors: list[dict[str, Tensor]], lender: Lender | None = None
) -> str:
    """Write weights among files that appear together; further files of those that they replace go.

    Args:
        files: where they are staged.
        path: of the first.
        tensors: of each file.
        lender: who holds those that were left out.

    Returns:
        The sha256 of the first file, which stands for all.

    Raises:
        OSError, SafetensorError: they cannot be written.
    """
    count = len(tensors)
    further = [path.with_name(f"{path.stem}-{i:05}-of-{count:05}.safetensors") for i in range(2, count + 1)]
    for old in further_files(path):
        if old not in further and old.is_file():
            files.remove(old)
    digests = {one.name: _stage(files, one, part, {}) for one, part in zip(further, tensors[1:], strict=True)}
    # one entry, since safetensors writes several in any order and the same weights should be the same file
    header = {_ENTRY: json.dumps(asdict(_Header(digests, lender)))} if digests or lender else {}
    return _stage(files, path, tensors[0], header)


def _stage(files: StagedFiles, path: Path, tensors: dict[str, Tensor], header: dict[str, str]) -> str:
    staged = files.path_for(path)
    safetensors.torch.save_file(tensors, staged, header or None)
    staged.chmod(0o644)  # safetensors makes it private
    stored = safetensors.torch.load_file(staged)
    if stored.keys() != tensors.keys() or not all(torch.equal(stored[name], tensors[name]) for name in stored):
        raise OSError("what was stored differs")
    return sha256_of(staged)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], Lender | None]:
    """The tensors of all files of weights as they are stored, and who holds what was left out.

    Args:
        path: of the first, whose sha256 has been checked.

    Raises:
        WeightsError: a further file is missing, damaged, or not the one that the first tells of.
        SafetensorError, ValueError: a file is of another kind; the message continues a sentence.
    """
    header = _header(path)
    tensors = safetensors.torch.load_file(path)
    for name, sha256 in header.further.items():
        tensors |= safetensors.torch.load_file(_checked(path.with_name(name), sha256, path))
    return tensors, header.lender


def _checked(further: Path, sha256: str, first: Path) -> Path:
    if not further.is_file():
        raise WeightsError(f"The weights file {further} is missing; it belongs beside {first.name}.")
    try:
        digest = sha256_of(further)
    except OSError as error:
        raise WeightsError(f"The weights file {further} cannot be read ({error.strerror}).") from error
    if digest != sha256:
        raise WeightsError(
            f"The weights file {further} is damaged or belongs to others than {first.name}: its sha256 starts with "
            f"{digest[:12]}, not {sha256[:12]}; get all files of these weights again."
        )
    return further


def _header(path: Path) -> _Header:
    with safe_open(path, "pt") as file:
        said = file.metadata() or {}
    content = json.loads(said.get(_ENTRY, "{}"))
    if not isinstance(content, dict):
        raise ValueError("its header is none of weights")
    further, lender = content.get("further", {}), content.get("lender")
    if not isinstance(further, dict) or not all(
        is_further(Path(name)) and Path(name).name == name and _is_sha256(sha256) for name, sha256 in further.items()
    ):
        raise ValueError("its header names further files that are none")
    if lender is None:
        return _Header(further)
    if not isinstance(lender, dict) or lender.keys() != {"name", "sha256"} or not _is_sha256(lender["sha256"]):
        raise ValueError("its header names other weights that are none")
    return _Header(further, Lender(str(lender["name"]), lender["sha256"]))


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None
