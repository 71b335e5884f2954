"""Fusion of labels, and entropy in bits."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from PatchICLLib.propagation.geometry.orientation import Orientation
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.result.canvas import Canvas
from PatchICLLib.propagation.result.filled_slices import FilledSlices

CPU = torch.device("cpu")
WINDOW = (slice(1, 3), slice(0, 3))


@pytest.fixture
def volume() -> SlicedVolume:
    """Slice 0 painted with label 4 at (1, 1); stored order is kept in the plane by the spacing."""
    painted = np.zeros((3, 4, 5), np.int16)
    painted[0, 1, 1] = 4
    image = np.zeros(painted.shape)
    image[0, 0, 0] = 1
    return SlicedVolume.along(0, image, painted, (1.0, 2.0, 1.0))


def logits(*values: float) -> np.ndarray:
    return np.array(values, np.float32).reshape(2, 3)


def filled(label: int, index: int, values: np.ndarray) -> FilledSlices:
    return FilledSlices(label, (index,), WINDOW, torch.from_numpy(values)[None])


def test_the_largest_logit_above_0_wins_in_any_order(volume: SlicedVolume) -> None:
    pieces = {
        2: logits(1, -1, 3, 0, 30, -3),
        7: logits(2, -2, 2, -1, 30, 0.5),
        9: logits(-5, 0, -4, -4, 29, 0.25),
    }
    for order in itertools.permutations(pieces):
        canvas = Canvas(volume, tuple(pieces), CPU)
        for label in order:
            canvas.add(filled(label, 1, pieces[label]))
        labels, probability = canvas.labels(), canvas.probability()
        np.testing.assert_array_equal(labels[1, 1:3, :3], [[7, 0, 2], [0, 2, 7]])
        np.testing.assert_allclose(
            probability[1, 1:3, :3], 1 / (1 + np.exp(-logits(2, 0, 3, 0, 30, 0.5).astype(float))), rtol=1e-6
        )
        assert not labels[2].any() and not labels[1, 0].any() and not labels[1, :, 3:].any()


def test_painted_voxels_are_never_touched(volume: SlicedVolume) -> None:
    canvas = Canvas(volume, (5, 4), CPU)
    canvas.add(filled(5, 0, logits(9, 9, 9, 9, 9, 9)))
    labels, probability = canvas.labels(), canvas.probability()
    assert labels[0, 1, 1] == 4 and probability[0, 1, 1] == 1
    assert labels.dtype == np.int16 and (labels[0] == 5).sum() == 5


def test_figures_of_a_slice(volume: SlicedVolume) -> None:
    canvas = Canvas(volume, (4,), CPU)
    canvas.add(filled(4, 1, logits(0, 0, -60, -60, -60, 60)))
    canvas.add(filled(4, 2, logits(*[-200] * 6)))
    first, second = canvas.figures()
    assert first == {
        "index": 1,
        "label": 4,
        "voxels": 1,
        "uncertainty": pytest.approx(2 / 4),
        "entropy": pytest.approx(2),
    }
    assert second == {"index": 2, "label": 4, "uncertainty": 0.0, "entropy": 0.0, "voxels": 0}
    np.testing.assert_allclose(canvas.entropy()[1, 1:3, :3], [[1, 1, 0], [0, 0, 0]], atol=1e-6)


def test_nothing_filled(volume: SlicedVolume) -> None:
    canvas = Canvas(volume, (4,), CPU)
    assert canvas.figures() == [] and not canvas.entropy().any()
    np.testing.assert_array_equal(canvas.labels(), volume.orientation.view(volume.painted))
    window = (slice(2, 2), slice(0, 3))  # a slice beyond the region that is asked for
    canvas.add(FilledSlices(4, (1, 2), window, torch.zeros(2, 0, 3)))
    assert [figure["voxels"] for figure in canvas.figures()] == [0, 0] and canvas.labels().sum() == 4


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.tuples(*[st.booleans()] * 3), st.integers(0, 999))
def test_same_bits_in_whatever_batches(sizes: list[int], mirrored: tuple[bool, bool, bool], seed: int) -> None:
    """What is remembered comes in other batches than what is new."""
    orientation, shape = Orientation((0, 1, 2), mirrored, (16, 9, 11)), (sum(sizes), 7, 9)
    image = np.zeros(orientation.shape, np.uint8)
    volume = SlicedVolume(image, image, 1.0, (1.0, 1.0), orientation)
    said = torch.from_numpy(np.random.default_rng(seed).normal(0, 5, shape)).half()
    whole = FilledSlices(1, tuple(range(len(said))), (slice(1, 8), slice(0, 9)), said)
    together, apart = Canvas(volume, (1,), CPU, 1.3), Canvas(volume, (1,), CPU, 1.3)
    together.add(whole)
    for start, size in zip(np.cumsum([0, *sizes]).tolist(), sizes, strict=False):
        apart.add(whole[start : start + size])
    np.testing.assert_array_equal(apart.probability(), together.probability())
    np.testing.assert_array_equal(apart.entropy(), together.entropy())


@st.composite
def windows(draw: st.DrawFn, shape: tuple[int, int]) -> tuple[slice, slice]:
    starts = [draw(st.integers(0, n - 1)) for n in shape]
    stops = [draw(st.integers(start, n)) for start, n in zip(starts, shape, strict=True)]
    return slice(starts[0], stops[0]), slice(starts[1], stops[1])


@given(
    st.data(),
    st.permutations(range(3)),
    st.tuples(*[st.booleans()] * 3),
    st.sampled_from([">u2", "i1", "u1", "uint64"]),
)
def test_as_voxel_by_voxel(data: st.DataObject, axes: list[int], mirrored: tuple[bool, bool, bool], dtype: str) -> None:
    """Ragged batches of several labels on a volume stored in any way, against the rule applied to each voxel."""
    rng = np.random.default_rng(data.draw(st.integers(0, 9999)))
    stored = (4, 5, 6)
    orientation = Orientation((axes[0], axes[1], axes[2]), mirrored, stored)
    painted = (rng.integers(0, 4, stored) * (rng.random(stored) < 0.2)).astype(dtype)
    volume = SlicedVolume(*(orientation.view(painted),) * 2, 1.0, (1.0, 1.0), orientation)
    depth, *plane = volume.image.shape
    labels = data.draw(
        st.lists(st.integers(1, 120 if dtype in ("i1", "u1") else 300), min_size=1, max_size=3, unique=True)
    )
    temperature = data.draw(st.sampled_from([1.0, 1.5]))
    canvas = Canvas(volume, labels, CPU, temperature)
    best = np.where(volume.painted != 0, np.inf, -np.inf)
    winner, voxels = volume.painted.astype(int), []
    for label in labels:
        for _ in range(data.draw(st.integers(0, 2))):
            window = data.draw(windows((plane[0], plane[1])))
            indices = data.draw(st.lists(st.integers(0, depth - 1), min_size=1, max_size=depth, unique=True))
            values = rng.integers(-3, 4, (len(indices), *plane))[:, *window].astype(np.float32)
            canvas.add(FilledSlices(label, tuple(indices), window, torch.from_numpy(values)))
            for index, said in zip(indices, values, strict=True):
                known, won = best[index][window], winner[index][window]
                won[(said > known) | ((said == known) & (won > label))] = label
                known[...] = np.maximum(known, said)
                voxels.append({"index": index, "label": label, "voxels": (said > 0).sum()})
    winner[(best <= 0) & np.isfinite(best)] = 0
    assert [{name: figure[name] for name in ("index", "label", "voxels")} for figure in canvas.figures()] == voxels
    planes = canvas.planes(range(depth))
    assert all((orientation.plane(winner[z]) == plane).all() for z, plane in enumerate(planes))
    found = canvas.labels()
    assert found.dtype == dtype and (orientation.view(found) == winner).all()
    expected = expit(best / temperature)
    np.testing.assert_allclose(orientation.view(canvas.probability()), expected, atol=1e-6)
    bits = -xlog2(expected) - xlog2(1 - expected)
    np.testing.assert_allclose(orientation.view(canvas.entropy()), bits, atol=1e-5)
    outside = np.array(found)
    for box in canvas.boxes():
        outside[box] = 0
    assert not outside.any()


def xlog2(p: np.ndarray) -> np.ndarray:
    result: np.ndarray = p * np.log2(np.where(p > 0, p, 1))
    return result
