"""The labels that occur in a label map."""

import numpy as np

_TABLE = 1 << 24  # labels within such a range are looked up in a table; sorting voxels takes ten times as long


def numbered(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The labels that occur, and which of them each voxel has: ``np.unique`` with its inverse, of integers.

    Args:
        labels: integers, any shape, not empty.

    Returns:
        (n,) labels, ascending; positions among them, of the shape of ``labels``.
    """
    low, high = int(labels.min()), int(labels.max())
    if high - low >= _TABLE:
        values, positions = np.unique(labels, return_inverse=True)
        return values, positions.reshape(labels.shape)
    # unsigned numbers do not all fit signed ones, nor do signed differences their own type
    shifted = (labels if labels.dtype.kind == "u" else labels.astype(np.int64)) - labels.dtype.type(low)
    present = np.zeros(high - low + 1, bool)
    present[shifted] = True
    table = np.cumsum(present, dtype=np.int32) - 1
    values = np.array([int(offset) + low for offset in np.flatnonzero(present)], labels.dtype)
    return values, table[shifted]
