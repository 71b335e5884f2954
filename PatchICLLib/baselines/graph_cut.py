"""Graph cut: the surface between inside and outside seeds that costs least.

Boykov and Jolly, "Interactive graph cuts for optimal boundary and region segmentation of objects in N-D images", ICCV
2001. The minimum cut is exact, by SciPy's maximum flow.
"""

import itertools

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from PatchICLLib.baselines.per_label import Baseline, Spacing, nearness
from PatchICLLib.baselines.seeds import FREE, INSIDE, growth_window, seeds_of

# The best of fourteen pairs on development structures.
_REGION = 0.3  # lambda: what the likelihood of an intensity counts beside the surface
_SHARPNESS = 0.5  # sigma over the root mean square of differences of direct neighbours
_BINS = 32  # of the histograms of the intensities inside and outside
_UNIT = 1000  # capacities are whole numbers: so many to 1, fewer where the sum would not fit 32 bits
_SMALLEST_SUM, _LARGEST_SUM = 1.0, 2.0**30

# half of the 26 neighbours of a voxel; the others have it as theirs
_SIDES = (-1, 0, 1)
_STEPS = [step for step in itertools.product(_SIDES, _SIDES, _SIDES) if step > (0, 0, 0)]


def _cut(
    mask: np.ndarray, slices: tuple[int, ...], image: np.ndarray, spacing: Spacing
) -> tuple[np.ndarray, np.ndarray]:
    """Minimum cut from the seeds and in the box of *Grow from seeds*.

    Neighbours in the 26-neighbourhood at a distance d are parted for ``exp(-(difference of intensities)^2 / 2 sigma^2)
    / d`` (sigma: half the root mean square of direct neighbours; d in units of the smallest spacing); a voxel costs
    lambda times minus the logarithm of how often its intensity was painted on its side.
    """
    window = growth_window(mask, spacing)
    seeds, intensities = seeds_of(mask, slices)[window], image[window].astype(np.float64)
    filled = np.zeros_like(mask)
    filled[window] = minimum_cut(seeds, _surface(intensities, spacing), _REGION * _likelihood(intensities, seeds))
    return filled, nearness(slices, len(mask))


graph_cut = Baseline(_cut, "The graph cut")


def minimum_cut(seeds: np.ndarray, surface: dict[tuple[int, int, int], np.ndarray], region: np.ndarray) -> np.ndarray:
    """The inside of the cut that costs least; of several, the smallest.

    Args:
        seeds: (S, R, C) of `seeds_of`.
        surface: for a step to a neighbour, (s, r, c) >= 0: what it costs to part a voxel from that neighbour.
        region: (S, R, C) what it costs to have a voxel outside less what it costs to have it inside.

    Returns:
        (S, R, C) bool.
    """
    # All inside seeds are the source, node 0, and all outside seeds the sink, node 1.
    node = np.where(seeds == INSIDE, 0, 1)
    free = seeds == FREE
    count = int(np.count_nonzero(free))
    node[free] = np.arange(count) + 2
    rows, columns, costs = [], [], []
    for step, cost in surface.items():
        here, there = _neighbours(seeds.shape, step)
        a, b = node[here].ravel(), node[there].ravel()
        rows += [a, b]
        columns += [b, a]
        costs += [cost.ravel()] * 2
    inner, outer = region[free].clip(min=0), (-region[free]).clip(min=0)
    rows += [np.zeros(count, int), node[free]]
    columns += [node[free], np.ones(count, int)]
    costs += [inner, outer]
    start, end, cost = np.concatenate(rows), np.concatenate(columns), np.concatenate(costs)
    kept = (start != end) & (end != 0) & (start != 1)  # nothing flows into the source or out of the sink
    start, end, cost = start[kept], end[kept], cost[kept]
    leaving = max(float(cost[start == 0].sum()), float(cost[end == 1].sum()), _SMALLEST_SUM)
    unit = min(_UNIT, _LARGEST_SUM / leaving)
    graph = sparse.coo_matrix((cost * unit, (start, end)), shape=(count + 2, count + 2)).tocsr()
    graph.data = np.rint(graph.data)
    graph = graph.astype(np.int32)
    graph.eliminate_zeros()
    flow = maximum_flow(graph, 0, 1).flow
    left = graph - flow
    left.data = np.maximum(left.data, 0)
    left.eliminate_zeros()
    inside = np.zeros(count + 2, bool)
    inside[breadth_first_order(left, 0, return_predecessors=False)] = True
    return inside[node]


def _neighbours(
    shape: tuple[int, ...], step: tuple[int, int, int]
) -> tuple[tuple[slice, slice, slice], tuple[slice, slice, slice]]:
    """Voxels that have a neighbour at a step, and these neighbours."""
    here = tuple(slice(max(0, -s), n - max(0, s)) for s, n in zip(step, shape, strict=True))
    there = tuple(slice(max(0, s), n - max(0, -s)) for s, n in zip(step, shape, strict=True))
    return (here[0], here[1], here[2]), (there[0], there[1], there[2])


def _surface(image: np.ndarray, spacing: Spacing) -> dict[tuple[int, int, int], np.ndarray]:
    squares = {}
    for step in _STEPS:
        here, there = _neighbours(image.shape, step)
        squares[step] = (image[here] - image[there]) ** 2
    direct = np.concatenate([squares[step].ravel() for step in ((0, 0, 1), (0, 1, 0), (1, 0, 0))])
    variance = max(_SHARPNESS**2 * float(direct.mean()) if direct.size else 0.0, np.finfo(float).tiny)
    smallest = min(spacing)
    return {
        step: np.exp(-square / (2 * variance)) / np.linalg.norm(np.multiply(step, spacing) / smallest)
        for step, square in squares.items()
    }


def _likelihood(image: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Logarithm of how much more often an intensity is painted inside than outside, (S, R, C)."""
    painted = image[seeds != FREE]
    low, high = np.percentile(painted, [0.5, 99.5])
    bins = ((image - low) / max(high - low, np.finfo(float).tiny) * _BINS).astype(int).clip(0, _BINS - 1)
    shares = []
    for side in (seeds == INSIDE, (seeds != FREE) & (seeds != INSIDE)):
        counts = np.bincount(bins[side], minlength=_BINS).astype(float)
        smooth = ndimage.gaussian_filter1d(counts, 1.0, mode="nearest") + 0.01 * max(1.0, counts.sum()) / _BINS
        shares.append(np.log(smooth / smooth.sum()))
    return (shares[0] - shares[1])[bins]
