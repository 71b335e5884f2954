"""Copy of the nearest painted slice."""

import math

import numpy as np

from PatchICLLib.baselines.per_label import Baseline, Spacing, nearness


def _copy_nearest(
    mask: np.ndarray, slices: tuple[int, ...], _image: None, spacing: Spacing
) -> tuple[np.ndarray, np.ndarray]:
    """Copy the nearest painted slice of each label (on a tie the lower one).

    Beyond the outermost painted slice its copy reaches half the gap to its neighbour (the best guess when slices are
    painted evenly); when only one slice is painted, the radius of the disc that has its area.
    """
    count = len(mask)
    first, last = slices[0], slices[-1]
    if len(slices) > 1:
        reach_below, reach_above = (slices[1] - first) / 2, (last - slices[-2]) / 2
    else:
        area = float(mask[first].sum()) * spacing[1] * spacing[2]
        reach_below = reach_above = math.sqrt(area / math.pi) / spacing[0]
    positions = np.asarray(slices)
    filled = np.zeros_like(mask)
    for index in range(max(0, math.ceil(first - reach_below)), min(count - 1, math.floor(last + reach_above)) + 1):
        filled[index] = mask[positions[np.abs(positions - index).argmin()]]
    return filled, nearness(slices, count)


nearest_slice = Baseline(_copy_nearest)
