"""On the slices of which axis was painted, if all of it is on those of one?"""

from collections.abc import Iterator

import numpy as np
from scipy import ndimage
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from PatchICLLib.propagation.geometry.holding_planes import planes_holding

AXIS_NAMES = ("k", "j", "i")
_ADJACENT = 3  # so many painted slices in a row say nothing about how they were painted
_SHEET = 0.75  # voxels: deviation from a plane of what was drawn on one
_SHARE = 0.25  # of the painted voxels that may look as if drawn across the slices
_FEWER = 0.75  # of the slices of one axis: if so many of two axes hold everything, it was painted on these
_FARTHER = 1.5  # times: the axis along which so much more of the way is made is the one that was followed
THICKER = 1.01  # times: spacings that differ by less count as equal


def axes_of_slices(at: np.ndarray, spacing: tuple[float, float, float]) -> list[int]:
    """The axes across whose slices a painting may lie as a whole.

    Somebody who paints on a few slices leaves gaps between them, along that axis only; along the others the painted
    voxels are contiguous. Several slices with gaps between them, each with a row of voxels, are therefore not taken for
    one slice of the axis across the row. Otherwise the axis with fewer neighbouring slices wins, then that with fewer
    slices; ties go to the thicker slices.

    Args:
        at: (n, 3) voxels that are painted, each once, ascending.
        spacing: (sk, sj, si) in mm.

    Returns:
        One axis, 0 for k, 1 for j, 2 for i; several where nothing decides between them; none where the painting lies on
        an oblique plane, or on slices of several axes.
    """
    candidates = [axis for axis in _likeliest(at) if not crosses_slices(at, axis)]
    if not candidates:
        return []
    thickest = max(candidates, key=lambda axis: spacing[axis])
    tied = any(axis != thickest and spacing[thickest] < THICKER * spacing[axis] for axis in candidates)
    return candidates if tied else [thickest]


def thickest_axis(spacing: tuple[float, float, float]) -> int:
    """The axis of the thickest slices, along which a scan was acquired; the first of those that are equal."""
    return next(axis for axis in range(3) if THICKER * spacing[axis] >= max(spacing))


def _likeliest(at: np.ndarray) -> list[int]:
    """The axes between which gaps, neighbours and number of the painted slices do not decide, one in general."""
    present = [np.flatnonzero(np.bincount(at[:, axis] - at[:, axis].min())) for axis in range(3)]
    adjacent = [int((np.diff(slices) == 1).sum()) for slices in present]
    gaps = [len(slices) - 1 - count for slices, count in zip(present, adjacent, strict=True)]
    apart = [axis for axis in range(3) if gaps[axis] > 0 and gaps[axis] >= 2 * adjacent[axis]]
    if not apart:
        keys = [(adjacent[axis], len(present[axis])) for axis in range(3)]
        return [axis for axis in range(3) if keys[axis] == min(keys)]
    ways = sorted(((int(present[axis][-1]), axis) for axis in apart), reverse=True)  # from the first to the last slice
    if len(ways) == 1 or ways[0][0] >= _FARTHER * ways[1][0]:
        return [ways[0][1]]
    return sorted({*apart, *(axis for axis in range(3) if len(present[axis]) == 1)})


def crosses_slices(at: np.ndarray, axis: int) -> bool:
    """Whether much was drawn on an oblique plane, or on slices of another axis, across many slices of an axis.

    Args:
        at: (n, 3) voxels that are painted, each once, ascending; at least one.
        axis: 0 for k, 1 for j, 2 for i.
    """
    seen = at[:, [axis, *(a for a in range(3) if a != axis)]]
    runs = list(_long_runs(seen - seen.min(0)))
    if any(_lies_on_fewer_slices(run) for run in runs):
        return True
    across = sum(int(part.sum()) for run in runs for part in _parts(run) if _crosses(part))
    return bool(across > _SHARE * len(at))


def _lies_on_fewer_slices(run: np.ndarray) -> bool:
    """Whether slices of several axes, fewer of them in all than these neighbouring slices, hold everything.

    Seen along the third axis, slices of two are rows and columns that cover what is painted. As many as are needed at
    least can be matched with each other (Koenig 1931).
    """
    shape = run.max(0) + 1
    fewer = int(_FEWER * shape[0])
    for first, second in ((1, 2), (0, 2), (0, 1)):
        held = np.zeros((shape[first], shape[second]), bool)
        held[run[:, first], run[:, second]] = True
        if int((maximum_bipartite_matching(csr_array(held)) >= 0).sum()) <= fewer:
            return True
    return _apart(run) <= fewer and len(planes_holding(run, most=fewer)) <= fewer


def _apart(run: np.ndarray) -> int:
    """Some number of voxels no two of which share a plane: they need as many planes, and are sooner found."""
    counts = np.bincount(run[:, 0])
    of_slice = np.split(run[np.argsort(run[:, 0], kind="stable"), 1:], np.cumsum(counts)[:-1])
    rows, columns = (np.ones(run[:, side].max() + 1, bool) for side in (1, 2))
    count = 0
    for z in np.argsort(counts, kind="stable"):
        left = np.flatnonzero(rows[of_slice[z][:, 0]] & columns[of_slice[z][:, 1]])
        if len(left):
            row, column = of_slice[z][left[0]]
            rows[row] = columns[column] = False
            count += 1
    return count


def _long_runs(at: np.ndarray) -> Iterator[np.ndarray]:
    """Voxels of neighbouring painted slices, the first one 0; only where many are adjacent can it cross them."""
    present = np.bincount(at[:, 0]) > 0
    edges = np.flatnonzero(np.diff(present.astype(np.int8), prepend=0, append=0))
    for first, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - first > _ADJACENT:
            yield at[(at[:, 0] >= first) & (at[:, 0] < stop)] - [first, 0, 0]


def _parts(run: np.ndarray) -> Iterator[np.ndarray]:
    """Connected parts, each within its own box."""
    corner = run.min(0)
    mask = np.zeros(run.max(0) - corner + 1, bool)
    mask[tuple((run - corner).T)] = True
    numbers, _ = ndimage.label(mask, np.ones((3, 3, 3)))
    for number, box in enumerate(ndimage.find_objects(numbers), 1):
        yield numbers[box] == number


def _crosses(part: np.ndarray) -> bool:
    """Whether a connected part (slices, rows, columns) looks drawn on planes other than the slices."""
    depth, rows, columns = part.shape
    if depth <= _ADJACENT or max(rows, columns) <= _ADJACENT:
        return False
    if min(rows, columns) == 1:
        return True
    if min(rows, columns) <= _ADJACENT or ndimage.binary_erosion(part, np.ones((3, 3, 3))).any():
        return False
    areas = part.sum((1, 2))
    if areas.max() >= 4 * np.median(areas):
        return True  # a whole slice, and the edges of slices of another axis
    deviations = np.sqrt(np.linalg.eigvalsh(np.cov(np.argwhere(part).T)).clip(0))
    return bool(deviations[0] < _SHEET and deviations[1] > 2 * _SHEET)
