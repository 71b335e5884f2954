"""Logits before and after each level, of the slices that were asked for."""

from collections.abc import Callable

import numpy as np
import pytest

from PatchICLLib.errors import InputError
from PatchICLLib.propagation import Propagator
from PatchICLLib.propagation.result.slice_logits import MOST_SLICES, SliceLogits
from Testing.Miniatures.same_logits import assert_same_logits

from ..conftest import Scan

NewEngine = Callable[[], Propagator]


def at_voxels(found: SliceLogits, level: int, shape: tuple[int, ...]) -> np.ndarray:
    """The logits after a level at the voxels of a slice, from the nearest pixel; NaN beyond the field of view."""
    values = np.full(shape, np.nan)
    after = found.levels[level].after
    pixels = [
        np.floor((np.arange(n) - corner) / size * len(after)).astype(int)
        for n, corner, size in zip(shape, found.corner, found.size, strict=True)
    ]
    rows, columns = (np.flatnonzero((p >= 0) & (p < len(after))) for p in pixels)
    values[np.ix_(rows, columns)] = after[np.ix_(pixels[0][rows], pixels[1][columns])]
    return values


def test_only_of_the_slices_that_were_asked_for(engine: Propagator, scan: Scan) -> None:
    result = engine.propagate(scan.image, scan.painted, scan.spacing, logits_slices=[5, 6, 3])
    assert result.logits is not None
    assert sorted((one.slice_index, one.label) for one in result.logits) == [(3, 2), (5, 1), (5, 2), (6, 1), (6, 2)]
    for one in result.logits:
        assert [level.resolution for level in one.levels] == [32 * 2**n for n in range(len(one.levels))]
        for level in one.levels:
            assert level.before.shape == level.after.shape == (level.resolution, level.resolution)
            assert np.isfinite(level.before).all() and (level.before != level.after).any()
    assert engine.propagate(scan.image, scan.painted, scan.spacing).logits is None


@pytest.mark.parametrize("stored", ["as it is", "otherwise"])
def test_they_lie_where_the_label_is(new_engine: NewEngine, scan: Scan, stored: str) -> None:
    image, painted, spacing, index = scan.image, scan.painted, scan.spacing, 5
    if stored == "otherwise":
        image, painted = (np.transpose(a, (0, 2, 1))[::-1, :, ::-1] for a in (image, painted))
        spacing, index = (2.5, 0.8, 1.0), len(image) - 1 - index
    result = new_engine().propagate(image, painted, spacing, labels=[1], logits_slices=[index])
    assert result.logits is not None
    (one,) = result.logits
    seen = at_voxels(one, -1, image.shape[1:])
    known = np.isfinite(seen)
    assert known.sum() > 100 and (result.labels[index] == 1).any()
    agreed = (seen[known] > 0) == (result.labels[index][known] == 1)
    assert agreed.mean() > 0.98, "nearest pixels differ from interpolated ones at the border only"


def test_asking_later_gives_the_same_and_changes_nothing(new_engine: NewEngine, scan: Scan) -> None:
    arguments = (scan.image, scan.painted, scan.spacing)
    engine = new_engine()
    first = engine.propagate(*arguments)
    later = engine.propagate(*arguments, logits_slices=[5])
    at_once = new_engine().propagate(*arguments, logits_slices=[5])
    assert later.logits and at_once.logits
    assert (first.labels == later.labels).all() and (first.entropy == later.entropy).all()  # type: ignore[union-attr]
    assert_same_logits(later.logits, at_once.logits)
    timings = later.report["timings"]
    assert timings["recalled_slices"] > 0, "gaps without that slice are not computed again"
    again = engine.propagate(*arguments)
    assert again.report["timings"]["computed_slices"] == 0


def test_shares_of_the_context_add_up(engine: Propagator, scan: Scan) -> None:
    result = engine.propagate(scan.image, scan.painted, scan.spacing, labels=[1], logits_slices=[4, 9])
    assert result.logits and result.selections
    for one in result.logits:
        (selection,) = (s for s in result.selections if s.slice_index == one.slice_index)
        nearest: dict[int, float] = {}
        for level, looked in zip(one.levels, selection.levels, strict=True):
            assert level.shares is not None and len(level.shares) == len(looked.context_patches)
            assert level.shares.min() >= 0 and level.shares.sum() == pytest.approx(1, abs=1e-4)
            for box, share in zip(looked.context_patches, level.shares, strict=True):
                nearest[box.slice_index] = nearest.get(box.slice_index, 0.0) + float(share)
        assert max(nearest, key=lambda index: nearest[index]) == min(nearest, key=lambda z: abs(z - one.slice_index))


def test_listening_leaves_the_model_as_it_was(engine: Propagator, scan: Scan) -> None:
    engine.propagate(scan.image, scan.painted, scan.spacing, labels=[1], logits_slices=[4])
    assert "read" not in vars(engine.model.late_readout)


def test_painted_slices_have_none(engine: Propagator, scan: Scan) -> None:
    result = engine.propagate(scan.image, scan.painted, scan.spacing, labels=[1], logits_slices=[3])
    assert result.logits == ()


@pytest.mark.parametrize(
    ("slices", "message"), [([14], "no slice 14"), ([-1], "no slice -1"), (range(MOST_SLICES + 1), "at most")]
)
def test_what_cannot_be_given_is_said(engine: Propagator, scan: Scan, slices: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        engine.propagate(scan.image, scan.painted, scan.spacing, logits_slices=slices)
