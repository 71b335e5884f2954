"""Frames lay structures of several subjects over each other, and do not depend on who is segmented."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.propagation.geometry.region import GROWTH
from PatchICLLib.propagation.subjects.frame import Frame
from PatchICLLib.propagation.subjects.placement import Placement
from Testing.Miniatures.patients import SPACING, Patient

SCALES = st.floats(0.7, 1.4)


@given(scale=SCALES, offset=st.tuples(*[st.floats(-20, 20)] * 3))
def test_a_placed_frame_shows_the_same_of_the_structure(scale: float, offset: tuple[float, float, float]) -> None:
    one = Patient.of(2).finished
    own, here = Frame.own(one), Frame.placed([one], [Placement(scale, np.array(offset), 1.0)], (1.5, 0.5, 0.5))
    assert here.side == pytest.approx(scale * own.side)
    # a slice here and the one of the structure that it comes to lie on are at the same place
    np.testing.assert_allclose(
        here.places([7], 1.5), own.places([(7 * 1.5 - offset[0]) / scale / SPACING[0]], SPACING[0]), atol=1e-9
    )
    mine, theirs = here.region((0.5, 0.5)), own.region(SPACING[1:])
    centre = np.multiply(theirs.centre, SPACING[1:]) * scale + offset[1:]
    np.testing.assert_allclose(np.multiply(mine.centre, 0.5), centre, atol=1e-6)


def test_it_reaches_over_what_is_painted_and_follows_the_middle_of_several() -> None:
    one = Patient.of(2).finished
    moved = [Placement(1.0, np.array(by, float), 1.0) for by in ((0, 0, 0), (2, 1, 1), (50, 90, -80))]
    frame = Frame.placed([one] * 3, moved, SPACING)
    np.testing.assert_allclose(frame.box, one.corners + [2, 1, 0])
    painted = np.array([[0.0, -30.0, 4.0], [1.0, 10.0, 5.0]])
    wide = Frame.placed([one] * 3, moved, SPACING, painted)
    assert wide.box[0, 1] == -30 and wide.box[1, 1] == frame.box[1, 1] and wide.side > frame.side
    assert wide.side == pytest.approx(GROWTH * (wide.box[1, 1] + 30))


@given(first=st.floats(-30, 60), length=st.floats(0, 40), step=st.floats(0.3, 5), margin=st.floats(0, 9))
def test_slices_between_the_ends_lie_in_the_scan(first: float, length: float, step: float, margin: float) -> None:
    frame = Frame(np.array([[first, 0, 0], [first + length, 9, 9]]), 12.0)
    slices = frame.slices(step, 20, margin)
    assert len(slices) and slices.start >= 0 and slices.stop <= 20
    # but for rounding
    inside = [z for z in range(20) if first - margin + 1e-9 <= z * step <= first + length + margin - 1e-9]
    assert set(inside) <= set(slices)
