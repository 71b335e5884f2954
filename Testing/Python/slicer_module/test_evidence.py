"""What is known of single voxels, put together from several sources."""

import numpy as np
import pytest

pytest.importorskip("slicer", reason="needs slicer-core (pip install slicer-core)")

from hypothesis import given
from hypothesis import strategies as st
from PatchICLSegmentLib.Evidence import SINGLE, WALL, Exclusion, composed
from PatchICLSegmentLib.SceneIO.Segments import SegmentBox

SHAPE = (3, 4, 5)
starts = st.tuples(*[st.integers(0, count - 2) for count in SHAPE])
someLabels = st.one_of(st.none(), st.lists(st.integers(1, 3), min_size=1, max_size=3, unique=True).map(tuple))


def region(start):
    return tuple(slice(first, first + 2) for first in start)


@given(
    st.lists(st.tuples(starts, st.integers(0, 255), someLabels, st.booleans()), max_size=6),
    st.lists(st.tuples(starts, st.integers(0, 255)), max_size=2),
)
def testEveryVoxelKnowsAllThatIsExcludedThere(excluded, single):
    def bits(number):
        return (number >> np.arange(8) & 1).astype(bool).reshape(2, 2, 2)

    exclusions = [Exclusion(region(start), bits(number), labels, wall) for start, number, labels, wall in excluded]
    singles = [SegmentBox(SHAPE, start, bits(number)) for start, number in single]
    evidence, codes = composed(SHAPE, exclusions, singles)
    expected = np.zeros((4, *SHAPE), bool)  # what is excluded of label 1 to 3
    for one in exclusions:
        for label in one.labels or (1, 2, 3):
            expected[label][one.region] |= one.voxels
    isSingle, isWall = np.zeros((2, *SHAPE), bool)
    for one in exclusions:
        isWall[one.region] |= one.voxels & one.isWall
    for box in singles:
        isSingle |= box.filled()
    if evidence is None:
        assert not expected.any() and not isSingle.any() and codes == {}
        return
    assert evidence.dtype == np.uint8 and np.array_equal(evidence == SINGLE, isSingle)
    assert np.array_equal(evidence >= WALL, isWall & ~isSingle)
    for label in (1, 2, 3):
        names = [code for code in range(2, 256) if label in codes.get(code, (1, 2, 3))]
        assert np.array_equal(np.isin(evidence, names), expected[label] & ~isSingle)
