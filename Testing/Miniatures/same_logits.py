"""Logits of slices, compared bit for bit."""

from collections.abc import Sequence

import numpy as np

from PatchICLLib.propagation.result.slice_logits import SliceLogits


def assert_same_logits(these: Sequence[SliceLogits], those: Sequence[SliceLogits]) -> None:
    for one, other in zip(these, those, strict=True):
        for name in ("slice_index", "label", "corner", "size"):
            assert getattr(one, name) == getattr(other, name), name
        for a, b in zip(one.levels, other.levels, strict=True):
            assert a.resolution == b.resolution
            for name in ("before", "after", "shares"):
                np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
