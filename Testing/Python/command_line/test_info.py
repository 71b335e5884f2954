"""`patchicl info`: what it says is so."""

import hashlib
import json
import platform
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from PatchICLLib import weight_files
from PatchICLLib.cascade.sparse import SparseCascade
from PatchICLLib.command_line.info_report import bundled_weights, total_memory
from PatchICLLib.version import __version__
from PatchICLLib.weights import save_weights

from .conftest import run


def test_table_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info", "--json", tmp_path / "info.json") == 0
    facts = json.loads((tmp_path / "info.json").read_text(encoding="utf-8"))
    assert facts["patchicl"] == __version__
    assert facts["python"] == platform.python_version()
    assert facts["packages"]["torch"] == torch.__version__
    assert facts["devices"][-1]["name"] == "cpu"
    assert any(device["name"].startswith("cuda") for device in facts["devices"]) == torch.cuda.is_available()
    printed = capsys.readouterr().out
    assert __version__ in printed and torch.__version__ in printed
    for weights in facts["weights"]:
        assert weights["name"] in printed
        assert weights["card_sha256"] in printed


def test_weights_that_are_not_what_their_card_says(tmp_path: Path) -> None:
    for name in ("good", "damaged", "changed", "missing"):
        save_weights(SparseCascade(), tmp_path / f"{name}.safetensors", "sparse", {"figures": {"dice": 0.8}})
    content = (tmp_path / "good.safetensors").read_bytes()
    (tmp_path / "damaged.safetensors").write_bytes(content[:-1])
    (tmp_path / "missing.safetensors").unlink()
    card = (tmp_path / "changed.json").read_text(encoding="utf-8")
    (tmp_path / "changed.json").write_text(card.replace('"heads": 4', '"heads": 2', 1), encoding="utf-8")
    found = {one["name"]: one for one in bundled_weights(tmp_path)}
    problems = {name: one["problem"] for name, one in found.items()}
    assert problems["good"] == ""
    assert "is damaged" in problems["damaged"]
    assert "was changed after it was written" in problems["changed"]
    assert "There is no weights file" in problems["missing"]
    assert [name for name, one in found.items() if one["intact"]] == ["good"]
    assert found["good"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert found["good"]["card_sha256"] == hashlib.sha256((tmp_path / "good.json").read_bytes()).hexdigest()
    assert found["good"]["bytes"] == len(content)
    assert found["good"]["figures"] == {"dice": 0.8}


def test_weights_of_several_files_are_told_of_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weight_files, "_MOST_BYTES", 1_000_000)
    save_weights(SparseCascade(), tmp_path / "many.safetensors", "sparse", {}, bits=16)
    files = sorted(tmp_path.glob("*.safetensors"))
    assert len(files) > 1
    (found,) = bundled_weights(tmp_path)
    assert (found["name"], found["problem"]) == ("many", "")
    assert found["bytes"] == sum(path.stat().st_size for path in files)
    files[0].unlink()
    (found,) = bundled_weights(tmp_path)
    assert f"{files[0]} is missing; it belongs beside many.safetensors" in found["problem"]


def test_memory_is_that_of_a_computer() -> None:
    assert 2**28 < total_memory() < 2**46


def test_json_needs_a_folder(tmp_path: Path, refused: Callable[..., str]) -> None:
    assert "does not exist" in refused("info", "--json", tmp_path / "nowhere" / "info.json")
