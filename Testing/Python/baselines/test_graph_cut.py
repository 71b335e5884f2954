import itertools

import numpy as np
import pytest

from PatchICLLib.baselines.graph_cut import graph_cut, minimum_cut
from PatchICLLib.baselines.seeds import INSIDE, OUTSIDE


def energy(
    inside: np.ndarray, surface: dict[tuple[int, int, int], np.ndarray], region: np.ndarray, free: np.ndarray
) -> float:
    """What a labelling costs, voxel by voxel."""
    total = float(region[free & ~inside].sum())
    for step, costs in surface.items():
        first = [max(0, -s) for s in step]
        for place in np.ndindex(costs.shape):
            here = tuple(p + f for p, f in zip(place, first, strict=True))
            there = tuple(h + s for h, s in zip(here, step, strict=True))
            total += float(costs[place]) * (inside[here] != inside[there])
    return total


@pytest.mark.parametrize("seed", range(12))
def test_no_other_labelling_costs_less(seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = (2, 3, 2)
    seeds = np.zeros(shape, np.int16)
    seeds[0, 0, 0], seeds[1, 2, 1] = INSIDE, OUTSIDE
    surface = {}
    for step in ((0, 0, 1), (0, 1, 0), (1, 0, 0), (1, -1, 0), (0, 1, -1), (1, 1, 1)):
        surface[step] = random.random([n - abs(s) for n, s in zip(shape, step, strict=True)])
    region = random.normal(size=shape)
    found = minimum_cut(seeds, surface, region)
    free = seeds == 0
    assert found[0, 0, 0] and not found[1, 2, 1]
    least = np.inf
    for chosen in itertools.product((False, True), repeat=int(free.sum())):
        inside = seeds == INSIDE
        inside[free] = chosen
        least = min(least, energy(inside, surface, region, free))
    assert energy(found, surface, region, free) == pytest.approx(least, abs=0.02)  # costs are rounded to 1/1000


def test_large_costs_fit_as_well() -> None:
    seeds = np.zeros((1, 1, 4), np.int16)
    seeds[0, 0, 0], seeds[0, 0, 3] = INSIDE, OUTSIDE
    costs = np.array([[[5e12, 1e12, 3e12]]])
    assert minimum_cut(seeds, {(0, 0, 1): costs}, np.zeros(seeds.shape)).tolist() == [[[True, True, False, False]]]


@pytest.mark.parametrize(("second", "joined"), [(3, True), (4, True), (8, False), (11, False)])
def test_without_an_edge_the_surface_is_the_smallest(second: int, joined: bool) -> None:
    # Walls between two painted boxes of 8 x 6 have 28 faces a slice, lids on both have 96. Round corners cost less.
    painted = np.zeros((13, 16, 16), np.uint8)
    painted[[1, second], 4:12, 5:11] = 3
    filled = graph_cut(painted, 0, image=np.zeros(painted.shape))
    for index in range(2, second):
        wrong = (filled[index] == 3) != (joined & (painted[1] == 3))
        wrong[np.ix_([4, 11], [5, 10])] = False
        assert not wrong.any()


def test_what_looks_like_the_painted_inside_is_inside() -> None:
    # Noise without a sharp edge: only the histograms of the two sides tell them apart.
    random = np.random.default_rng(0)
    truth = np.zeros((7, 20, 20), bool)
    for index in range(7):
        truth[index, 4 + index : 12 + index, 4:12] = True
    image = random.normal(size=truth.shape) + 4.0 * truth
    painted = np.where(np.isin(np.arange(7), (0, 6))[:, None, None], truth, False).astype(np.uint8)
    filled = graph_cut(painted, 0, image=image) == 1
    overlap = 2 * np.count_nonzero(filled & truth) / (np.count_nonzero(filled) + np.count_nonzero(truth))
    assert overlap > 0.9
