"""Rows and columns of slices that were seen through different windows."""

import torch.nn.functional as F
from torch import Tensor

from PatchICLLib.propagation.geometry.region import Window


def around(one: Window, other: Window) -> Window:
    """The smallest window around two."""
    rows, columns = (slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True))
    return rows, columns


def padded(probability: Tensor, window: Window, whole: Window) -> Tensor:
    """(n, h, w) of a window with zeros around it, so that it fills the whole one."""
    (rows, columns), (all_rows, all_columns) = window, whole
    sides = (columns.start - all_columns.start, all_columns.stop - columns.stop)
    return F.pad(probability, (*sides, rows.start - all_rows.start, all_rows.stop - rows.stop))
