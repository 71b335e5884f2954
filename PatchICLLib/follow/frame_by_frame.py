"""Frames that come one at a time, from a caller who holds the sequence; what moved so far is remembered in between."""

from pathlib import Path
from typing import Literal

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.follow.motion import MotionTracker
from PatchICLLib.images import Volume
from PatchICLLib.propagation.result.propagation_result import PropagationResult

Step = Literal["painted", "next"]
_STRAIGHT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


class FrameFollower:
    """Carries labels away from a painted frame, all frames on one grid."""

    def __init__(self) -> None:
        self._tracker: MotionTracker | None = None
        self._shape: tuple[int, ...] = ()

    def take(
        self, step: Step, image: np.ndarray, labels: np.ndarray, spacing: tuple[float, float, float]
    ) -> PropagationResult:
        """The labels of a frame, with `alike` and `farthest_mm` in the report (see `Motion`).

        Args:
            step: "painted" is where a way begins, "next" is the neighbor of the frame before.
            image: (K, J, I), the frame.
            labels: (K, J, I) or (L, K, J, I) integers of the painted frame; of the others only their shape counts.
            spacing: millimetres per voxel along k, j, i.

        Raises:
            InputError: nothing is painted, no painted frame came before, or the frame is on another grid.
        """
        frame = Volume(image, spacing, (0.0, 0.0, 0.0), _STRAIGHT, Path(), "")
        if step == "painted":
            if not labels.any():
                raise InputError("Nothing is painted on the frame to follow from.")
            if labels.shape[-3:] != image.shape:
                raise InputError(f"The labels are {labels.shape[-3:]} voxels, but the frame is {image.shape}.")
            self._tracker, self._shape = MotionTracker(frame, labels.copy()), image.shape
            return PropagationResult(labels, None, None, None, {"alike": 1.0, "farthest_mm": 0.0})
        if self._tracker is None:
            raise InputError("The painted frame has to come first.")
        if image.shape != self._shape:
            raise InputError(f"The frame is {image.shape} voxels, but the painted one {self._shape}.")
        motion, found = self._tracker.next(frame)
        report = {"alike": round(motion.alike, 4), "farthest_mm": round(motion.farthest, 3)}
        return PropagationResult(found, None, None, None, report)
