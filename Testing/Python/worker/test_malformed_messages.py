"""Whatever a worker sends, `poll` raises nothing, and every job ends once with something that can be used or shown."""

import json
import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PatchICLLib.errors import PatchICLError
from PatchICLLib.propagation.progress import Progress
from PatchICLLib.propagation.result.packed_selections import PackedSelections
from PatchICLLib.propagation.result.propagation_result import LevelSelection, PatchBox, SliceSelections
from PatchICLLib.worker import WorkerClient, client, messages
from Testing.Miniatures.spoiled_json import spoiled

SHAPE = (3, 4, 5)
PLANES = ((4, 5), (3, 5), (3, 4))
_PATCH = PatchBox(1, (0.0, 1.0), (2.0, 2.0), 0.5)
_LEVEL = LevelSelection(24, (_PATCH, _PATCH), (_PATCH,), 0.5, 0.25)
RESULT = {
    "volumes": ["labels", "entropy"],
    "selections": PackedSelections.pack([SliceSelections(1, 1, (_LEVEL, _LEVEL))]).packed,
    "report": {"axis": "k"},
    "logits": [[1, 1, [0.0, 0.0, 4.0, 4.0], [[24, 2], [64, 0]]]],
    "boxes": [[[0, 3], [0, 4], [0, 5]]],
    "candidates": [0.75, 0.25],
}
SENT: list[dict[str, Any]] = [
    {"type": "ready", "pid": os.getpid()},
    {
        "type": "progress",
        "job": 1,
        "message": "",
        "progress": messages.encode_progress(Progress("propagating", 1, 2, 0.5, 0.5, 1, np.ones((4, 5), np.uint8))),
    },
    {"type": "result", "job": 1, "message": "", "result": RESULT},
    {"type": "cancelled", "job": 1, "message": "Stopped.", "result": RESULT},
    {"type": "error", "job": 1, "message": "No.", "error": {"class": "InputError", "message": "No."}},
    {"type": "failed", "error": {"class": "WeightsError", "message": "No weights."}},
    {"type": "health", "state": "idle", "pid": os.getpid()},
]
SPOILED = st.sampled_from(json.loads(json.dumps(SENT))).flatmap(spoiled)


class ScriptedProcess:
    """Stands for `WorkerProcess`: says what it was given, then is gone."""

    script: list[bytes]

    def __init__(self, *_: Any) -> None:
        self.waiting, self.ended, self.alive, self.worker_pid = list(self.script), False, True, None

    def send(self, *_: Any) -> None:
        pass

    def receive(self, _timeout: float) -> list[Any]:
        self.ended = not self.waiting
        self.alive = not self.ended
        lines, self.waiting = self.waiting[:1], self.waiting[1:]
        return [messages.decode(line) or line.decode(errors="replace") for line in lines]

    def describe_death(self) -> str:
        return "ended"

    def kill(self) -> None:
        self.ended, self.alive = True, False


def said(script: list[Any], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Events of a job whose worker says these things."""
    ScriptedProcess.script = [messages.encode(message) for message in script]
    monkeypatch.setattr(client, "WorkerProcess", ScriptedProcess)
    worker = WorkerClient()
    painted = np.zeros(SHAPE, np.uint8)
    worker.propagate(painted, painted, logits_slices=[1], labels=[1], candidates=2)
    events = []
    while worker.is_alive:
        events += worker.poll()
    return events + worker.poll()


@pytest.mark.parametrize("last", SENT[2:6], ids=lambda message: message["type"])
def test_the_script_is_understood_as_it_is(last: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        kinds = [event.kind for event in said([*SENT[:2], last], monkeypatch)]
    assert kinds[:2] == ["progress", "error" if last["type"] == "failed" else last["type"]]


@settings(max_examples=400)
@given(st.lists(SPOILED | st.sampled_from(SENT), max_size=4))
def test_poll_never_raises(script: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        events = said([SENT[0], *script], monkeypatch)
    assert [event.job for event in events if event.ends_job] == [1]
    for event in events:
        assert isinstance(event.message, str)
        if event.kind == "progress" and event.progress.slice_labels is not None:
            place = event.progress.slice_index, event.progress.slice_labels.shape
            assert place in {(index, PLANES[axis]) for axis in range(3) for index in range(SHAPE[axis])}
        if event.kind in ("error", "died"):
            assert isinstance(event.error, PatchICLError)
            assert event.message
        if event.result is not None:
            assert event.result.labels.shape == SHAPE
            assert isinstance(event.result.report, dict)
            list(event.result.selections or ())
            assert event.result.labels[event.result.box].ndim == 3


def test_process_that_is_none_is_not_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    (event,) = said([{"type": "ready", "pid": -1}], monkeypatch)
    assert event.kind == "died"
    assert "makes no sense" in event.message
