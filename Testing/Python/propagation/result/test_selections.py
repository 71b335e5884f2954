"""What was looked at, in voxels of the stored slices."""

from __future__ import annotations

import json

import numpy as np
import pytest

from PatchICLLib.propagation import Propagator
from PatchICLLib.propagation.geometry.region import Region
from PatchICLLib.propagation.result.propagation_result import PatchBox, SliceSelections

from ..conftest import SMALL, Scan

ORDER, MIRRORED = (0, 2, 1), (True, True, False)


@pytest.fixture(scope="module", params=["as it is", "stored otherwise"])
def found(
    request: pytest.FixtureRequest, new_engine: object, scan: Scan
) -> tuple[tuple[SliceSelections, ...], np.ndarray, tuple[float, float, float]]:
    """Selections for label 1 on slices 4 to 6, and the painting and spacing they belong to."""
    engine: Propagator = new_engine()  # type: ignore[operator]
    image, painted, spacing = scan.image, scan.painted, scan.spacing
    if request.param != "as it is":
        image, painted = (np.transpose(a, ORDER)[::-1, ::-1] for a in (image, painted))
        spacing = (2.5, 0.8, 1.0)
    extent = (4, 6) if request.param == "as it is" else (7, 9)
    result = engine.propagate(image, painted, spacing, labels=[1], extent=extent)
    assert result.selections is not None
    return result.selections, painted, spacing


def test_one_for_each_predicted_slice(found: tuple) -> None:
    selections, painted, _ = found
    expected = {4, 5, 6} if painted.shape[1] == 34 else {7, 8, 9}
    assert {s.slice_index for s in selections} == expected and {s.label for s in selections} == {1}


def test_boxes_lie_in_the_region_on_the_right_slices(found: tuple) -> None:
    selections, painted, spacing = found
    held = np.flatnonzero((painted == 1).any((1, 2))).tolist()
    region = Region.around((painted == 1).any(0), spacing[1:])
    first = [c - region.side / s / 2 for c, s in zip(region.centre, spacing[1:], strict=True)]
    last = [c + region.side / s / 2 for c, s in zip(region.centre, spacing[1:], strict=True)]
    for selection in selections:
        for number, level in enumerate(selection.levels):
            assert level.resolution == 32 * 2**number
            assert 0 < len(level.patches) <= SMALL.target_patches[number]
            assert 0 < level.coverage <= 1 and 0 <= level.mean_entropy <= 1
            assert len({p.corner for p in level.patches}) == len(level.patches)
            scores = [p.score for p in level.patches]
            assert scores == sorted(scores, reverse=True) and 0 <= scores[-1] <= scores[0] <= 1
            assert {p.slice_index for p in level.patches} == {selection.slice_index}
            assert {p.slice_index for p in level.context_patches} == set(held)
            for box in (*level.patches, *level.context_patches):
                side = region.side * SMALL.patch_size / level.resolution
                assert box.size == pytest.approx([side / s for s in spacing[1:]])
                for a in (0, 1):
                    assert first[a] - 1e-6 <= box.corner[a] and box.corner[a] + box.size[a] <= last[a] + 1e-6


def test_the_finest_patches_follow_the_boundary(found: tuple) -> None:
    selections, painted, _ = found
    for selection in selections:
        for box in (b for b in selection.levels[-1].context_patches if b.score == 1):
            rows, columns = (
                slice(max(0, round(c + 0.5)), round(c + s + 0.5) + 1) for c, s in zip(box.corner, box.size, strict=True)
            )
            assert len(np.unique(painted[box.slice_index][rows, columns] == 1)) == 2


def test_json_round_trip(found: tuple) -> None:
    for selection in found[0]:
        text = json.dumps(selection.to_json(), allow_nan=False)
        back = SliceSelections.from_json(json.loads(text))
        assert json.dumps(back.to_json()) == text
        assert (back.slice_index, back.label) == (selection.slice_index, selection.label)
        for one, other in zip(back.levels, selection.levels, strict=True):
            assert one.resolution == other.resolution
            for a, b in zip(one.patches + one.context_patches, other.patches + other.context_patches, strict=True):
                assert isinstance(a, PatchBox) and a.slice_index == b.slice_index
                assert (*a.corner, *a.size) == pytest.approx((*b.corner, *b.size), abs=6e-4)
                assert a.score == pytest.approx(b.score, abs=5e-6)
