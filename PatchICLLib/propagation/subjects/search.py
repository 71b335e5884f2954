"""Where structures of other subjects lie in a scan in which nothing is painted: found by how alike scans look there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from PatchICLLib.propagation.subjects.correlation import CoarseScan, Correlation
from PatchICLLib.propagation.subjects.finished_structure import FinishedStructure
from PatchICLLib.propagation.subjects.frame import Frame
from PatchICLLib.propagation.subjects.placed_subjects import Subjects
from PatchICLLib.propagation.subjects.placement import Placement, agreeing, placed_by_look

AROUND, AROUND_MM = 1.5, 8.0  # what is looked at around a structure: of the longest one, and in mm
_COARSE, _COARSE_SCALES = 8, (0.87, 1.0, 1.15)  # grid steps and scales with which a whole scan is looked through


def found_by_look(
    image: np.ndarray,
    spacing: tuple[float, float, float],
    structures: Sequence[FinishedStructure],
    check: Callable[[], None],
) -> Subjects | None:
    """Subjects where most agree that they look alike: searched first coarsely in all of the scan, then around that.

    None if they agree nowhere.

    Args:
        image: (Z, H, W).
        spacing: along slices, rows and columns, in mm.
        structures: of other subjects.
        check: called now and then; may raise to stop.
    """

    def placed(scan: CoarseScan, *coarse: object) -> tuple[list[Placement | None], list[int]]:
        found = [placed_by_look(Correlation.of(scan, one, check, *coarse)) for one in structures]  # type: ignore[arg-type]
        return found, agreeing(structures, found)

    placements, kept = placed(CoarseScan(image, spacing), _COARSE_SCALES, _COARSE)
    if not kept:
        return None
    first = Subjects.likest(structures, placements, kept)
    box = Frame.placed(first.structures, first.placements, spacing).box
    reach = AROUND / 2 * max(one.longest for one in structures) + AROUND_MM
    placements, kept = placed(CoarseScan(image, spacing, box + [[-reach], [reach]]))
    return Subjects.likest(structures, placements, kept) if kept else first
