"""Structures and volumes of unusual size, one painted slice, many painted slices; and that easy shapes come out."""

import numpy as np
import pytest

from PatchICLLib import Propagator as AnyPropagator
from PatchICLLib.propagation import Propagator

BARE: frozenset[str] = frozenset()


def noise(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 5, shape).astype(np.float32)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_one_voxel(engine: Propagator, count: int) -> None:
    painted = np.zeros((count + 4, 9, 9), np.uint8)
    for index in range(2, 2 + count, 2):
        painted[index, 4, 5] = 1
    image = noise(painted.shape) + 100 * (painted > 0)
    result = engine.propagate(image, painted, (3.0, 1.0, 1.0), axis=0)
    np.testing.assert_array_equal(result.labels[painted > 0], 1)
    assert result.labels.sum() < 9 * 9


def test_the_smallest_volume(engine: Propagator) -> None:
    painted = np.zeros((2, 2, 2), np.uint8)
    painted[0, 0, 0] = 1
    result = engine.propagate(np.arange(8.0).reshape(2, 2, 2), painted, axis=0)
    np.testing.assert_array_equal(result.labels[0], painted[0])


def test_a_structure_that_fills_its_slices(engine: Propagator) -> None:
    painted = np.zeros((7, 12, 15), np.uint8)
    painted[[1, 5]] = 1
    result = engine.propagate(noise(painted.shape), painted, axis=0, extent="painted", outputs=BARE)
    assert result.labels[1:6].mean() > 0.95 and not result.labels[[0, 6]].any()


def test_a_structure_cut_by_the_border(engine: Propagator) -> None:
    k, j, i = np.meshgrid(np.arange(9), np.arange(30), np.arange(26), indexing="ij")
    disc = (j - 2) ** 2 + (i - 24) ** 2 <= 80
    painted = np.where(np.isin(k, [1, 7]), disc, 0).astype(np.uint8)
    result = engine.propagate(noise(disc.shape) + 100 * disc, painted, extent="painted", outputs=BARE)
    assert dice(result.labels[2:7] > 0, disc[2:7]) > 0.95


def test_a_structure_larger_than_the_network_input(engine: Propagator) -> None:
    k, j, i = np.meshgrid(np.arange(5), np.arange(420), np.arange(300), indexing="ij")
    disc = ((j - 210) / 190) ** 2 + ((i - 140) / 120) ** 2 <= 1
    painted = np.where(np.isin(k, [1, 3]), disc, 0).astype(np.uint8)
    result = engine.propagate(noise(disc.shape) + 100 * disc, painted, axis=0, extent="painted", outputs=BARE)
    assert dice(result.labels[2] > 0, disc[2]) > 0.98


def test_more_painted_slices_than_are_learnt_from(engine: Propagator) -> None:
    k, j, i = np.meshgrid(np.arange(17), np.arange(24), np.arange(24), indexing="ij")
    disc = (j - 11) ** 2 + (i - 12) ** 2 <= 36
    painted = np.where(k % 2 == 0, disc, 0).astype(np.uint8)
    result = engine.propagate(noise(disc.shape) + 100 * disc, painted, context_size=3, outputs=BARE)
    assert len(result.report["slices"]) == 8
    assert dice(result.labels[1::2] > 0, disc[1::2]) > 0.95


@pytest.mark.parametrize("prior", [True, False])
def test_one_painted_slice(engine: Propagator, prior: bool) -> None:
    painted = np.zeros((9, 20, 20), np.uint8)
    painted[4, 6:14, 6:14] = 1
    result = engine.propagate(noise(painted.shape), painted, (1.0, 1.0, 1.0), prior=prior, extent=(3, 5))
    np.testing.assert_array_equal(result.labels[4], painted[4])
    assert {f["index"] for f in result.report["slices"]} == {3, 5}


def test_slices_declared_empty_bound_a_structure(engine: Propagator) -> None:
    k, j, i = np.meshgrid(np.arange(16), np.arange(24), np.arange(24), indexing="ij")
    disc = ((j - 11) ** 2 + (i - 12) ** 2 <= 49) & (k < 9)
    painted = np.where(np.isin(k, [3, 7]), disc, 0).astype(np.uint8)
    options = {"axis": 0, "outputs": BARE}
    result = engine.propagate(noise(disc.shape) + 60 * disc, painted, (3.0, 1, 1), painted_slices=[0, 9], **options)
    assert not result.labels[[0, *range(9, 16)]].any()
    assert result.labels[5].any()


def test_anisotropic_pixels_are_the_same_shape_in_millimetres(engine: Propagator) -> None:
    # the same scan with rows of half the distance: each row twice
    k, j, i = np.meshgrid(np.arange(9), np.arange(24), np.arange(30), indexing="ij")
    disc = (j - 11) ** 2 + (i - 13) ** 2 <= 36
    image = noise((9, 24, 30)) + 100 * disc
    painted = np.where(np.isin(k, [1, 7]), disc, 0).astype(np.uint8)
    one = engine.propagate(image, painted, (3.0, 1.0, 1.0), extent="painted", outputs=BARE).labels
    twice = engine.propagate(
        image.repeat(2, 1), painted.repeat(2, 1), (3.0, 0.5, 1.0), extent="painted", outputs=BARE
    ).labels
    assert dice(twice[2:7] > 0, one.repeat(2, 1)[2:7] > 0) > 0.95


@pytest.fixture(scope="module")
def bundled() -> Propagator:
    return AnyPropagator.from_pretrained(device="cpu")


def test_bundled_weights_follow_a_leaning_tube(bundled: Propagator) -> None:
    k, j, i = np.meshgrid(np.arange(13), np.arange(40), np.arange(40), indexing="ij")
    tube = (j - 14 - k) ** 2 + (i - 22 + 0.5 * k) ** 2 <= 49
    painted = np.where(np.isin(k, [1, 6, 11]), tube, 0).astype(np.uint8)
    result = bundled.propagate(noise(tube.shape) + 100 * tube, painted, (2.0, 1.0, 1.0), extent="painted")
    unpainted = [2, 3, 4, 5, 7, 8, 9, 10]
    assert dice(result.labels[unpainted] > 0, tube[unpainted]) > 0.9
    assert result.report["weights"]["preset"] == "sparse" and len(result.report["weights"]["sha256"]) == 64
