"""What a user may rely on whatever the network says: painted voxels stay, results repeat, inputs are not changed."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PatchICLLib.propagation import Propagator

from .conftest import Scan

BARE: frozenset[str] = frozenset()


@st.composite
def painted_volumes(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, tuple[float, ...], int]:
    """A noisy image, rectangles of one or two labels painted on one to three slices, a spacing and the axis."""
    shape = tuple(draw(st.integers(3, 9)) for _ in range(3))
    axis = draw(st.integers(0, 2))
    dtype = draw(st.sampled_from([np.uint8, np.int16, np.uint32, np.int64, ">u2"]))
    labels = draw(st.lists(st.integers(1, 255 if dtype is np.uint8 else 30000), min_size=1, max_size=2, unique=True))
    painted = np.zeros(shape, dtype)
    along = np.moveaxis(painted, axis, 0)
    depth, height, width = along.shape
    for index in draw(st.lists(st.integers(0, depth - 1), min_size=1, max_size=min(3, depth - 1), unique=True)):
        for label in labels:
            row, column = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
            tall, wide = draw(st.integers(1, height)), draw(st.integers(1, width))
            along[index, row : row + tall, column : column + wide] = label
    spacing = tuple(draw(st.sampled_from([0.5, 1.0, 3.0, 7.5])) for _ in range(3))
    seed = draw(st.integers(0, 99))
    image = np.random.default_rng(seed).normal(0, 100, shape).astype(draw(st.sampled_from([np.float32, np.int16])))
    return image, painted, spacing, axis


@settings(max_examples=12)
@given(case=painted_volumes(), extent=st.sampled_from(["auto", "painted"]), prior=st.booleans())
def test_painted_slices_come_back_bit_for_bit(
    new_engine: Callable[[], Propagator],
    case: tuple[np.ndarray, np.ndarray, tuple[float, float, float], int],
    extent: str,
    prior: bool,
) -> None:
    image, painted, spacing, axis = case
    given_image, given_painted = image.copy(), painted.copy()
    result = new_engine().propagate(image, painted, spacing, axis=axis, extent=extent, prior=prior)
    np.testing.assert_array_equal(image, given_image)
    np.testing.assert_array_equal(painted, given_painted)
    assert result.labels.dtype == painted.dtype and result.labels.shape == painted.shape
    assert result.labels.flags.c_contiguous and result.labels.flags.writeable
    assert set(np.unique(result.labels)) <= set(np.unique(painted)) | {0}
    np.testing.assert_array_equal(result.labels[painted != 0], painted[painted != 0])
    along, before = np.moveaxis(result.labels, axis, 0), np.moveaxis(painted, axis, 0)
    for label in set(np.unique(painted)) - {0}:
        for index in np.flatnonzero((before == label).any((1, 2))):
            np.testing.assert_array_equal(along[index] == label, before[index] == label)
    for field in (result.probability, result.entropy):
        assert field is not None and field.dtype == np.float32 and field.shape == painted.shape
        assert field.min() >= 0 and field.max() <= 1
    assert result.probability is not None
    assert (result.probability[result.labels != 0] >= 0.5).all()
    assert (result.probability[painted != 0] == 1).all()


@pytest.mark.parametrize(
    ("order", "mirrored"),
    [
        ((0, 1, 2), (True, False, False)),
        ((0, 2, 1), (False, True, True)),
        ((1, 2, 0), (False, False, True)),
        ((2, 1, 0), (True, True, False)),
    ],
)
def test_storage_does_not_matter(
    engine: Propagator,
    stored_result: dict[str, np.ndarray],
    scan: Scan,
    order: tuple[int, ...],
    mirrored: tuple[bool, ...],
) -> None:
    def store(array: np.ndarray) -> np.ndarray:
        return np.transpose(array, order)[tuple(slice(None, None, -1 if m else None) for m in mirrored)]

    spacing = tuple(scan.spacing[a] for a in order)
    result = engine.propagate(store(scan.image), store(scan.painted), spacing)  # type: ignore[arg-type]
    np.testing.assert_array_equal(result.labels, store(stored_result["labels"]))
    np.testing.assert_array_equal(result.probability, store(stored_result["probability"]))
    np.testing.assert_array_equal(result.entropy, store(stored_result["entropy"]))
    flipped = mirrored[order.index(0)]
    expected = {13 - z if flipped else z for z in stored_result["slices"].tolist()}
    assert {figure["index"] for figure in result.report["slices"]} == expected
    assert result.report["axis"] == "kji"[order.index(0)]
    suggested = int(stored_result["suggested"])
    assert result.report["suggested_next_slice"] == (13 - suggested if flipped else suggested)


@pytest.fixture(scope="module")
def stored_result(new_engine: Callable[[], Propagator], scan: Scan) -> dict[str, np.ndarray]:
    result = new_engine().propagate(scan.image, scan.painted, scan.spacing)
    assert result.probability is not None and result.entropy is not None
    return {
        "labels": result.labels,
        "probability": result.probability,
        "entropy": result.entropy,
        "slices": np.array([figure["index"] for figure in result.report["slices"]]),
        "suggested": np.array(result.report["suggested_next_slice"]),
    }


def test_same_again_with_and_without_a_listener(
    engine: Propagator, scan: Scan, stored_result: dict[str, np.ndarray]
) -> None:
    heard: list[object] = []
    result = engine.propagate(scan.image, scan.painted, scan.spacing, progress=heard.append)
    assert heard
    np.testing.assert_array_equal(result.labels, stored_result["labels"])
    np.testing.assert_array_equal(result.probability, stored_result["probability"])


def test_fortran_order_strides_and_read_only_arrays(engine: Propagator, scan: Scan, stored_result: dict) -> None:
    wide = np.zeros((14, 34, 56), np.float32)
    wide[..., ::2] = scan.image
    result = engine.propagate(wide[..., ::2], np.asfortranarray(scan.painted), scan.spacing)
    np.testing.assert_array_equal(result.labels, stored_result["labels"])


@pytest.mark.parametrize("dtype", [">i2", "uint64", "float16", "float64", "bool", ">f4"])
def test_image_types(engine: Propagator, scan: Scan, dtype: str) -> None:
    image = np.clip(np.rint(scan.image + 40), 0, None)
    if dtype == "bool":
        image = image > 100
    expected = engine.propagate(image.astype(np.float32), scan.painted, scan.spacing, extent="painted", outputs=BARE)
    result = engine.propagate(image.astype(dtype), scan.painted, scan.spacing, extent="painted", outputs=BARE)
    assert result.report["timings"]["recalled_slices"] == 0
    np.testing.assert_array_equal(result.labels, expected.labels)


def test_labels_together_and_alone_agree_where_they_do_not_compete(engine: Propagator, scan: Scan) -> None:
    together = engine.propagate(scan.image, scan.painted, scan.spacing).labels
    alone = [
        engine.propagate(scan.image, scan.painted, scan.spacing, labels=[label]).labels == label for label in (1, 2)
    ]
    compete = alone[0] & alone[1]
    for label, mask in zip((1, 2), alone, strict=True):
        np.testing.assert_array_equal((together == label)[~compete], mask[~compete])
    assert together[compete].all()


def test_labels_left_out_are_kept_but_not_propagated(engine: Propagator, scan: Scan) -> None:
    labels = engine.propagate(scan.image, scan.painted, scan.spacing, labels=[2]).labels
    np.testing.assert_array_equal(labels == 1, scan.painted == 1)
    assert (labels[8] == 2).any()


def test_the_order_of_labels_does_not_matter(new_engine: Callable[[], Propagator], scan: Scan) -> None:
    results = [
        new_engine().propagate(scan.image, scan.painted, scan.spacing, labels=labels).labels
        for labels in ([1, 2], [2, 1])
    ]
    np.testing.assert_array_equal(*results)
