"""Labels that occur, against numpy's own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from PatchICLLib.images.label_values import numbered


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64])
@given(data=st.data())
def test_as_unique_with_its_inverse(kind: type[np.integer], data: st.DataObject) -> None:
    """Labels near each other, and labels farther apart than any table should be long."""
    limits = np.iinfo(kind)
    elements = st.sampled_from([limits.min, limits.min + 1, 0, 1, 5, 90, min(limits.max, 40_000), limits.max])
    labels = data.draw(arrays(kind, (3, 4, 2), elements=elements))
    values, positions = numbered(labels)
    expected, inverse = np.unique(labels, return_inverse=True)
    assert values.dtype == labels.dtype
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(positions, inverse.reshape(labels.shape))
