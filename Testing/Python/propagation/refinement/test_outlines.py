"""Outlines drawn between two painted slices: where they run, how sure they are, and when they keep silent."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.errors import Cancelled
from PatchICLLib.propagation.geometry.gaps import Gap
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.refinement import gap_refinement
from PatchICLLib.propagation.refinement.outlines import Outlines
from PatchICLLib.propagation.refinement.painted_bounds import PaintedBounds
from PatchICLLib.propagation.result.filled_slices import FilledSlices

DEPTH, HEIGHT, WIDTH = 9, 48, 40
WHOLE = (slice(0, HEIGHT), slice(0, WIDTH))
GAP = Gap(0, 8, (1, 7, 2, 6, 3, 5, 4), (0, 8))
CPU = torch.device("cpu")
BLANK = np.zeros((HEIGHT, WIDTH), bool)


def disc(radius: float, row: float = 24, column: float = 20, pixel: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.hypot((rows - row) * pixel[0], (columns - column) * pixel[1]) <= radius


def volume(first: np.ndarray, last: np.ndarray, spacing: tuple[float, float] = (1.0, 1.0)) -> SlicedVolume:
    """Painted with label 3 on the first and the last slice."""
    painted = np.zeros((DEPTH, HEIGHT, WIDTH), np.uint8)
    painted[0], painted[8] = 3 * first, 3 * last
    return SlicedVolume(painted.astype(np.float32), painted, 2.0, spacing, None)  # type: ignore[arg-type]


def outlines_of(seen: SlicedVolume, gap: Gap = GAP, check: Callable[[], None] = lambda: None) -> Outlines:
    return Outlines(seen, gap, PaintedBounds(seen, 3, gap), check)


def between(first: np.ndarray, last: np.ndarray, spacing: tuple[float, float] = (1.0, 1.0)) -> Outlines:
    return outlines_of(volume(first, last, spacing))


def says(outlines: Outlines, index: int, window: tuple[slice, slice] = WHOLE) -> np.ndarray:
    return outlines.logits((index,), window, CPU)[0].numpy()


def drawn(seen: SlicedVolume, gap: Gap) -> dict[int, np.ndarray]:
    """Logits of slices of which the network said 0.5 everywhere."""
    said = FilledSlices(3, gap.slices, WHOLE, torch.full((len(gap.slices), HEIGHT, WIDTH), 0.5))
    found = outlines_of(seen, gap).of(said)
    assert found.indices == gap.slices and found.logits.dtype == torch.float32
    return dict(zip(found.indices, found.logits.numpy(), strict=True))


@pytest.mark.parametrize(("index", "steps"), [(1, 1), (2, 2), (4, 4), (7, 1)])
def test_what_stays_is_sure_to_a_pixel_and_counts_less_the_farther_away(index, steps):
    """Half a pixel from the outline is twice as far as it is unsure, which is as sure as it gets."""
    mask = disc(10)
    outlines = between(mask, mask)
    assert outlines.overlap == 1.0
    np.testing.assert_allclose(says(outlines, index, WHOLE), np.where(mask, 4.0, -2.0) / steps)


@pytest.mark.parametrize(("index", "radius"), [(2, 14.0), (4, 12.0), (6, 10.0)])
def test_a_disc_that_shrinks_goes_straight(index, radius):
    found = says(between(disc(16), disc(8)), index) > 0
    assert np.sqrt(found.sum() / np.pi) == pytest.approx(radius, abs=0.4)


def test_where_outlines_run_apart_they_say_less():
    """Both discs touch on the left and differ on the right."""
    first, last = disc(12), disc(8, column=16)
    sure = np.abs(says(between(first, last), 4))
    assert sure[24, 20 - 12 + 1] > 2 * sure[24, 20 + 12 - 4]


def test_the_less_both_hold_the_same_the_less_they_say():
    tops = [says(between(disc(8), disc(8, column=20 + shift)), 4).max() for shift in (0, 4, 8)]
    assert tops == sorted(tops, reverse=True) and tops[2] < 0.7 * tops[0]


def test_beside_each_other_says_nothing():
    first, last = disc(5, column=10), disc(5, column=30)
    found = drawn(volume(first, last), GAP)
    assert all(np.array_equal(logits, np.full_like(logits, 0.5)) for logits in found.values())


def test_added_to_what_the_network_says():
    seen = volume(disc(12), disc(9))
    outlines = outlines_of(seen)
    found = drawn(seen, GAP)
    assert set(found) == set(GAP.slices)
    for index, logits in found.items():
        np.testing.assert_array_equal(logits, 0.5 + says(outlines, index, WHOLE))


@pytest.mark.parametrize(
    ("first", "last", "gap"),
    [
        (disc(9), disc(9), Gap(None, 8, (7, 6, 5), (0, 8))),
        (disc(9), disc(9), Gap(0, None, (1, 2, 3), (0, 8))),
        (disc(9), BLANK, GAP),
        (BLANK, disc(9), GAP),
    ],
)
def test_one_outline_alone_says_nothing(first, last, gap):
    found = drawn(volume(first, last), gap)
    assert len(found) == len(gap.slices)
    assert all((logits == 0.5).all() for logits in found.values())


masks = st.builds(
    disc, st.floats(2, 25), st.floats(12, 36), st.floats(10, 30), st.just((1.0, 1.0))
)  # some reach the border, some fill the plane but for its corners


@given(masks, masks, st.integers(1, 7), st.integers(0, 30), st.integers(0, 30), st.integers(1, 17), st.integers(1, 9))
def test_a_window_shows_a_part_of_the_same(first, last, index, top, left, height, width):
    window = (slice(top, top + height), slice(left, left + width))
    outlines = between(first, last)
    part = says(outlines, index, window)
    np.testing.assert_array_equal(part, says(outlines, index, WHOLE)[window])
    np.testing.assert_array_equal(part, says(outlines, index, window))


@given(masks, masks, st.integers(1, 7), st.floats(0.1, 9))
def test_the_order_and_the_unit_of_length_do_not_matter(first, last, index, unit):
    forth, back = between(first, last, (2.0, 1.0)), between(last, first, (2 * unit, unit))
    np.testing.assert_allclose(says(back, 8 - index, WHOLE), says(forth, index, WHOLE), atol=1e-4)


def test_distances_follow_the_shape_of_pixels():
    """A disc in millimetres, of pixels twice as high as wide."""
    pixel = (2.0, 1.0)
    found = says(between(disc(16, pixel=pixel), disc(8, pixel=pixel), pixel), 4) > 0
    assert np.sqrt(2 * found.sum() / np.pi) == pytest.approx(12, abs=0.5)


def test_a_plane_painted_all_over():
    full = ~BLANK
    assert (says(between(full, full), 1) == 4.0).all()
    assert np.isfinite(says(between(full, disc(9)), 4)).all()


def test_stops_when_told():
    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        outlines_of(volume(disc(9), disc(8)), GAP, stop).logits((4,), WHOLE, CPU)


def test_pure_in_context_use_does_without(engine, scan, monkeypatch):
    def never(*_: object) -> None:
        raise AssertionError("outlines are a hint of the painted slices")

    monkeypatch.setattr(gap_refinement, "Outlines", never)
    engine.propagate(scan.image, scan.painted, scan.spacing, prior=False)
    with pytest.raises(AssertionError, match="a hint"):
        engine.propagate(scan.image, scan.painted, scan.spacing)
