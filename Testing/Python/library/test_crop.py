"""The part of a scan that is kept holds what a prediction looks at, and hardly more."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.library.crop import box_around

SIZES = st.tuples(*[st.integers(6, 40)] * 3)
SPACING = st.tuples(*[st.sampled_from([0.5, 1.0, 3.0])] * 3)


@given(SIZES, SPACING, st.data())
def test_margin(shape, spacing, data) -> None:
    masks = []
    for _ in range(data.draw(st.integers(1, 2))):
        low = [data.draw(st.integers(0, count - 1)) for count in shape]
        high = [data.draw(st.integers(start + 1, count)) for start, count in zip(low, shape, strict=True)]
        masks.append(np.zeros(shape, bool))
        masks[-1][tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
    box = box_around(masks, spacing)
    assert all(mask.sum() == mask[box].sum() for mask in masks)
    alone = [box_around([mask], spacing) for mask in masks]
    for axis in range(3):
        assert box[axis].start == min(one[axis].start for one in alone)
        assert box[axis].stop == max(one[axis].stop for one in alone)
    for mask, one in zip(masks, alone, strict=True):
        extents = [
            np.ptp(np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))) * spacing[axis] + spacing[axis]
            for axis in range(3)
        ]
        for axis in range(3):
            occupied = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
            wanted = max(1.5 * extents[axis], 2 * np.median(extents))
            for beyond, room in (
                (occupied[0] - one[axis].start, occupied[0]),
                (one[axis].stop - 1 - occupied[-1], shape[axis] - 1 - occupied[-1]),
            ):
                need = max(3.0, (wanted - extents[axis]) / 2 / spacing[axis])
                assert min(room, need) - 1e-9 <= beyond <= need + 1
