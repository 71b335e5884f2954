"""Checkpoints on disk."""

import os
import pickle
from pathlib import Path

import pytest
import torch

from PatchICLLib.errors import InputError
from PatchICLLib.training.checkpoint import Checkpoint


@pytest.fixture
def checkpoint() -> Checkpoint:
    return Checkpoint(
        7,
        {"w": torch.randn(3)},
        {"w": torch.randn(3)},
        {"state": {0: {"step": torch.tensor(7.0)}}, "param_groups": [{"betas": (0.9, 0.98)}]},
        torch.Generator().manual_seed(3).get_state(),
        {"plan": {"sizes": ((128, 0.85),)}},
    )


def test_round_trip(checkpoint, tmp_path):
    path = tmp_path / "new folder" / "checkpoint.pt"
    checkpoint.save(path)
    loaded = Checkpoint.load(path)
    assert (loaded.step, loaded.recipe) == (checkpoint.step, checkpoint.recipe)
    assert torch.equal(loaded.model["w"], checkpoint.model["w"])
    assert torch.equal(loaded.noise, checkpoint.noise)
    assert loaded.optimiser["param_groups"] == checkpoint.optimiser["param_groups"]
    assert [p.name for p in path.parent.iterdir()] == ["checkpoint.pt"]


def test_a_crash_while_saving_keeps_the_previous_one(checkpoint, tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path)

    def crash(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", crash)
    checkpoint.step = 8
    with pytest.raises(InputError, match="checkpoint.pt cannot be written .disk full.; nothing was changed"):
        checkpoint.save(path)
    assert Checkpoint.load(path).step == 7


def test_a_missing_one_is_told(tmp_path):
    with pytest.raises(InputError, match="no checkpoint to resume from at .*checkpoint.pt"):
        Checkpoint.load(tmp_path / "checkpoint.pt")


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("damage", ["empty", "garbage", "truncated", "foreign", "pickle", "trap", "folder"])
def test_a_damaged_one_is_told_and_runs_no_code(checkpoint, tmp_path, damage):
    path, trap = tmp_path / "checkpoint.pt", tmp_path / "sprung"
    checkpoint.save(path)
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "garbage":
        path.write_bytes(b"not a checkpoint" * 100)
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:-200])
    elif damage == "foreign":
        torch.save([1, 2, 3], path)
    elif damage == "pickle":
        path.write_bytes(pickle.dumps({"step": 1}))
    elif damage == "trap":
        torch.save({"step": Trap(trap)}, path)
    else:
        path.unlink()
        path.mkdir()
    with pytest.raises(InputError, match="checkpoint.pt (cannot be read|is no checkpoint of a training)") as error:
        Checkpoint.load(path)
    assert "\n" not in str(error.value)
    assert not trap.exists()
