"""How well intensities tell a structure from what lies beside it, on painted slices."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import ndimage

from PatchICLLib.propagation.geometry.intensity_scale import differences
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume

_REACH = 2  # pixels on either side of the painted outline
_MOST_BINS = 24


def distinction(
    volume: SlicedVolume, label: int, slices: Sequence[int], check: Callable[[], None] = lambda: None
) -> float:
    """Of the intensities within two pixels of the outline: 0 if they are alike on both sides, 1 if none is on both.

    One minus what their histograms share. Few pixels make few bins, so that chance does not tell them apart.

    Args:
        volume: image and painting.
        label: the label.
        slices: painted ones.
        check: called for each slice; may raise to stop.
    """
    inside, outside = [], []
    for index in slices:
        check()
        mask = np.asarray(volume.painted[index] == label)
        rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
        if not len(rows):
            continue
        window = tuple(slice(max(0, int(x[0]) - _REACH), int(x[-1]) + 1 + _REACH) for x in (rows, columns))
        mask = mask[window]
        image = np.asarray(volume.image[index][window])
        core = ndimage.binary_erosion(mask, iterations=_REACH, border_value=1)
        inside.append(image[mask & ~core])
        outside.append(image[ndimage.binary_dilation(mask, iterations=_REACH) & ~mask])
    if not sum(map(len, inside)) or not sum(map(len, outside)):
        return 0.0
    first, second = np.concatenate(inside), np.concatenate(outside)
    return 1.0 - shared(first, second)


def shared(first: np.ndarray, second: np.ndarray) -> float:
    """What the histograms of two sets of numbers share, 0 to 1. Few numbers make few bins.

    Args:
        first, second: (n,) and (m,) real numbers of one type, not empty.
    """
    offset = first.min().item()  # double precision does not hold all whole numbers of 64 bits
    first, second = differences(first, offset), differences(second, offset)
    low, high = np.percentile(np.concatenate([first, second]), [1, 99])
    if high <= low:
        return 1.0
    bins = int(np.clip(np.sqrt(min(len(first), len(second))), 2, _MOST_BINS))
    edges = np.linspace(low, high, bins + 1)[1:-1]
    shares = [np.bincount(np.searchsorted(edges, x, "right"), minlength=bins) / len(x) for x in (first, second)]
    return float(np.minimum(*shares).sum())
