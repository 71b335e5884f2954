"""Geodesic distances against Dijkstra on the graph of 26 neighbours."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from PatchICLLib.errors import Cancelled
from PatchICLLib.hints import geodesic_vote as geodesic_vote_module
from PatchICLLib.hints.geodesic_vote import geodesic_distances, geodesic_vote

LENGTH_COST = 0.05


def by_dijkstra(image: np.ndarray, seeds: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    shape = image.shape[1:]
    numbers = np.arange(seeds.size).reshape(shape)
    starts, ends, costs = [], [], []
    for offset in itertools.product((-1, 0, 1), repeat=3):
        if offset <= (0, 0, 0):
            continue
        here = tuple(slice(max(0, -o), n - max(0, o)) for o, n in zip(offset, shape, strict=True))
        there = tuple(slice(max(0, o), n - max(0, -o)) for o, n in zip(offset, shape, strict=True))
        length = LENGTH_COST * np.linalg.norm(np.multiply(offset, spacing))
        starts.append(numbers[here].ravel())
        ends.append(numbers[there].ravel())
        change = np.abs(image[:, *here] - image[:, *there]).sum(0)
        costs.append((change + length).ravel())
    edges = (np.concatenate(costs), (np.concatenate(starts), np.concatenate(ends)))
    graph = coo_matrix(edges, (seeds.size, seeds.size)).tocsr()
    kinds = [numbers[seeds == kind].ravel() for kind in (1, 2)]
    found = [dijkstra(graph, directed=False, indices=k, min_only=True) if len(k) else np.inf for k in kinds]
    return np.stack([np.broadcast_to(f, seeds.size).reshape(shape) for f in found])


def one_run(
    image: torch.Tensor, seeds: torch.Tensor, spacing: tuple[float, float, float]
) -> tuple[torch.Tensor, torch.Tensor, np.ndarray, np.ndarray]:
    """An image (C, Z, Y, X) and its seeds, as a batch of one run."""
    return image.transpose(0, 1), seeds, np.array([len(seeds)]), np.array([spacing])


@st.composite
def problems(
    draw: st.DrawFn, channels: int | None = None, side: tuple[int, int] | None = None
) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    shape = (draw(st.integers(1, 7)), *(side or (draw(st.integers(1, 7)), draw(st.integers(1, 7)))))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    seeds = rng.choice([0, 0, 0, 0, 1, 2], shape).astype(np.uint8)
    spacing = tuple(draw(st.sampled_from([0.01, 0.1, 0.5])) for _ in range(3))
    image = rng.random((channels or draw(st.integers(1, 2)), *shape)).astype(np.float32)
    return image, seeds, spacing  # type: ignore[return-value]


@settings(max_examples=15)
@given(problem=problems())
def test_equal_after_enough_sweeps_and_never_below(
    problem: tuple[np.ndarray, np.ndarray, tuple[float, float, float]],
) -> None:
    image, seeds, spacing = problem
    expected = np.minimum(by_dijkstra(image, seeds, spacing), 1e4)
    arguments = one_run(torch.from_numpy(image), torch.from_numpy(seeds), spacing)
    one = geodesic_distances(*arguments).transpose(0, 1).numpy()
    assert (one >= expected - 1e-4).all()
    many = geodesic_distances(*arguments, sweeps=8).transpose(0, 1)
    np.testing.assert_allclose(many, expected, rtol=1e-5, atol=1e-4)


@settings(max_examples=25)
@given(
    runs=st.lists(problems(channels=2, side=(5, 4)), min_size=1, max_size=5), at_once=st.sampled_from([1, 7, 1 << 16])
)
def test_runs_do_not_depend_on_each_other(
    runs: list[tuple[np.ndarray, np.ndarray, tuple[float, float, float]]], at_once: int
) -> None:
    """However many planes are swept at once, to the last bit."""
    alone = [one_run(torch.from_numpy(image), torch.from_numpy(seeds), spacing) for image, seeds, spacing in runs]
    expected = torch.cat([geodesic_distances(*arguments, sweeps=2) for arguments in alone])
    images, seeds, depth, spacing = zip(*alone, strict=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(geodesic_vote_module._AT_ONCE, "cpu", at_once)
        together = geodesic_distances(
            torch.cat(images), torch.cat(seeds), np.concatenate(depth), np.concatenate(spacing), sweeps=2
        )
    assert torch.equal(together, expected)


def test_exact_at_once_where_the_image_is_flat() -> None:
    seeds = torch.zeros(3, 9, 11, dtype=torch.uint8)
    seeds[0, 4, 5] = 1
    distance = geodesic_distances(*one_run(torch.zeros(1, 3, 9, 11), seeds, (0.2, 0.1, 0.1)), sweeps=1).transpose(0, 1)
    np.testing.assert_allclose(
        distance[0], by_dijkstra(np.zeros((1, 3, 9, 11)), seeds.numpy(), (0.2, 0.1, 0.1))[0], atol=1e-5
    )
    assert (distance[1] == 1e4).all()


def test_vote_follows_the_intensity() -> None:
    image = torch.zeros(5, 12, 12)
    image[:, :, 6:] = 1
    seeds = torch.zeros(5, 12, 12, dtype=torch.uint8)
    seeds[0] = torch.where(image[0] > 0, 1, 2)
    vote = geodesic_vote(*one_run(image[None], seeds, (0.05, 0.05, 0.05)))
    assert ((vote > 0) == (image > 0)).all() and vote.abs().max() <= 1
    assert (vote[0][image[0] > 0] == 1).all() and (vote[0][image[0] == 0] == -1).all()


def test_no_seeds_is_undecided() -> None:
    seeds = torch.zeros(2, 3, 3, dtype=torch.uint8)
    vote = geodesic_vote(*one_run(torch.rand(1, 2, 3, 3), seeds, (1.0, 1.0, 1.0)))
    assert (vote == 0).all()


def test_check_stops_it() -> None:
    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        seeds = torch.ones(2, 3, 3, dtype=torch.uint8)
        geodesic_vote(*one_run(torch.rand(1, 2, 3, 3), seeds, (1.0, 1.0, 1.0)), check=stop)
