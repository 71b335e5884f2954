"""Frames of a sequence, handed to the worker one after the other, become what the library makes of the whole."""

from pathlib import Path

import numpy as np
import pytest

from PatchICLLib.errors import InputError
from PatchICLLib.follow.motion import MotionTracker
from PatchICLLib.images import Volume
from PatchICLLib.worker import InProcessWorker, Worker, WorkerClient
from Testing.Miniatures.moving import SPACING, moving_phantom

ENGINE = "Testing.Python.worker.test_follow:no_engine"
DIRECTION = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def no_engine(weights: str | None, device: str) -> object:
    return object()  # frames take none


@pytest.mark.parametrize("kind", [InProcessWorker, WorkerClient])
def test_frames_are_followed_as_the_library_does(kind: type[Worker]) -> None:
    phantom = moving_phantom(frames=4, farthest=3.0)
    frames = [Volume(image, SPACING, (0.0, 0.0, 0.0), DIRECTION, Path(), "") for image in phantom.images[:3]]
    labels = phantom.labels[0]
    worker = kind(engine=ENGINE)  # type: ignore[call-arg]
    with worker:
        with pytest.raises(InputError, match="has to come first"):
            worker.run(frames[1].array, labels, SPACING, follow="next", outputs=frozenset())
        tracker, before = MotionTracker(frames[0], labels), labels.copy()
        first = worker.run(frames[0].array, labels, SPACING, follow="painted", outputs=frozenset())
        assert np.array_equal(first.labels, before) and first.report["alike"] == 1
        for frame in frames[1:]:
            result = worker.run(frame.array, labels, SPACING, follow="next", outputs=frozenset())
            motion, expected = tracker.next(frame)
            assert np.array_equal(result.labels, expected) and result.labels.dtype == labels.dtype
            assert result.report == {"alike": round(motion.alike, 4), "farthest_mm": round(motion.farthest, 3)}
        with pytest.raises(InputError, match="painted one"):
            worker.run(frames[0].array[1:], labels[1:], SPACING, follow="next", outputs=frozenset())
        with pytest.raises(InputError, match="Nothing is painted"):
            worker.run(frames[0].array, 0 * labels, SPACING, follow="painted", outputs=frozenset())
