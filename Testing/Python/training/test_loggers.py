"""The log of a training in other places."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from PatchICLLib.errors import InputError
from PatchICLLib.training.loggers import flat, open_logs

ENTRIES = [
    {"step": 1, "loss": 2.5, "rate": 0.1},
    {"step": 2, "validation": {"mean": {"hints": 0.5, "bare": 0.25}}, "rate": 0.2},
]


def test_numbers_by_name() -> None:
    assert flat(ENTRIES[0]) == {"training/loss": 2.5, "training/rate": 0.1}
    assert flat(ENTRIES[1]) == {
        "training/rate": 0.2,
        "validation/mean/hints": 0.5,
        "validation/mean/bare": 0.25,
    }


def test_tensorboard_reads_what_was_logged(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs tensorboard: pip install patchicl[distributed]")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    announce = open_logs(["tensorboard"], tmp_path, 0, {})
    for entry in ENTRIES:
        announce(entry)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("training/loss")] == [(1, 2.5)]
    assert [(e.step, e.value) for e in events.Scalars("validation/mean/bare")] == [(2, 0.25)]


def test_wandb_goes_on_with_the_same_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started, logged = [], []
    run = SimpleNamespace(log=lambda numbers, step: logged.append((step, numbers)))

    def init(**options: object) -> SimpleNamespace:
        started.append(options)
        return run

    names = iter("abc")
    double = SimpleNamespace(init=init, util=SimpleNamespace(generate_id=lambda: next(names)))
    monkeypatch.setitem(sys.modules, "wandb", double)
    open_logs(["wandb"], tmp_path, 0, {"steps": 5})(ENTRIES[0])
    open_logs(["wandb"], tmp_path, 1, {"steps": 5})(ENTRIES[1])
    assert [options["id"] for options in started] == ["a", "a"]
    assert started[0]["config"] == {"steps": 5} and started[0]["resume"] == "allow"
    assert logged == [(1, flat(ENTRIES[0])), (2, flat(ENTRIES[1]))]


def test_unknown_and_missing_loggers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="must be some of tensorboard, wandb, but it is paper"):
        open_logs(["paper"], tmp_path, 0, {})
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(InputError, match="pip install wandb"):
        open_logs(["wandb"], tmp_path, 0, {})
    assert list(tmp_path.iterdir()) == []
