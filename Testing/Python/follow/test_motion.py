"""A structure is carried along with the motion, and does not drift."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from PatchICLLib.follow.motion import MotionTracker
from PatchICLLib.images import Volume
from Testing.Miniatures.moving import SPACING, MovingPhantom, dice, moving_phantom

OBLIQUE = (0.96, 0.0, 0.28, 0.0, -1.0, 0.0, 0.28, 0.0, -0.96)


@pytest.fixture(scope="module")
def phantom() -> MovingPhantom:
    return moving_phantom()


def frame(phantom: MovingPhantom, number: int) -> Volume:
    return Volume(phantom.images[number], SPACING, (-31.0, 42.5, 7.25), OBLIQUE, Path("frame"), "")


def mean_dice(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean([dice(found == label, truth == label) for label in (1, 2)]))


@pytest.mark.slow
def test_structures_are_followed_without_drift(phantom: MovingPhantom) -> None:
    tracker = MotionTracker(frame(phantom, 0), phantom.labels[0])
    for number in range(1, len(phantom.images)):
        motion, labels = tracker.next(frame(phantom, number))
        stayed = mean_dice(phantom.labels[0], phantom.labels[number])
        followed = mean_dice(labels, phantom.labels[number])
        assert followed > 0.9 and followed > stayed - 0.03, (number, followed, stayed)
        assert motion.alike > 0.85 and motion.farthest < 15
    assert stayed > 0.99  # the last frame is the first one again, seen with other noise
    assert min(mean_dice(phantom.labels[0], one) for one in phantom.labels) < 0.7  # what was to be followed


def test_a_frame_on_another_grid(phantom: MovingPhantom) -> None:
    """Another part of the lattice, its axis k the other way round: labels lie at the same places in the patient."""
    first, second = frame(phantom, 0), frame(phantom, 1)
    _, labels = MotionTracker(first, phantom.labels[0]).next(second)
    grid = second.grid
    last = np.array(grid.origin) + grid.steps @ [3, 2, grid.shape[0] - 1]
    direction = np.reshape(grid.direction, (3, 3)) * [1, 1, -1]
    turned = replace(
        second,
        array=np.ascontiguousarray(second.array[::-1, 2:, 3:]),
        origin=tuple(last.tolist()),
        direction=tuple(direction.ravel().tolist()),
    )
    _, there = MotionTracker(first, phantom.labels[0]).next(turned)
    assert there.shape == turned.array.shape
    assert mean_dice(there, labels[::-1, 2:, 3:]) > 0.97


def test_overlapping_structures_stay_apart(phantom: MovingPhantom) -> None:
    organ = phantom.labels[0] == 1
    lesion = organ & (np.indices(organ.shape)[1] < 14)
    layers = np.stack([organ.astype(np.uint8), 2 * lesion.astype(np.uint8)])
    _, labels = MotionTracker(frame(phantom, 0), layers).next(frame(phantom, 1))
    alone = MotionTracker(frame(phantom, 0), layers[0]).next(frame(phantom, 1))[1]
    assert labels.shape == layers.shape and set(np.unique(labels[1])) == {0, 2}
    assert dice(labels[0] > 0, alone > 0) > 0.97 and dice(labels[0] > 0, phantom.labels[1] == 1) > 0.9
