"""What is known beside painted slices holds in the result, whatever the network says, and helps on the way."""

from collections.abc import Callable

import numpy as np
import pytest

from PatchICLLib.errors import Cancelled, InputError
from PatchICLLib.evaluation.metrics import dice
from PatchICLLib.propagation import CancelToken, Propagator
from PatchICLLib.propagation.geometry.evidence import WALL

from .conftest import Scan

Engines = Callable[[], Propagator]
BARE: frozenset[str] = frozenset()


@pytest.fixture(scope="module")
def plain(new_engine: Engines, scan: Scan) -> np.ndarray:
    return new_engine().propagate(scan.image, scan.painted, scan.spacing, outputs=BARE).labels


def free(scan: Scan) -> np.ndarray:
    """Slices on which nothing is painted, as a mask of the volume."""
    mask = np.ones(scan.painted.shape, bool)
    mask[[3, 7, 10]] = False
    return mask


def test_nothing_known_changes_nothing(engine: Propagator, scan: Scan, plain: np.ndarray) -> None:
    nothing = np.zeros(scan.painted.shape, np.uint8)
    result = engine.propagate(scan.image, scan.painted, scan.spacing, evidence=nothing, outputs=BARE)
    np.testing.assert_array_equal(result.labels, plain)
    assert result.report["known_voxels"] == {"1": 0, "2": 0}


def test_excluded_labels_stay_away(engine: Propagator, scan: Scan, plain: np.ndarray) -> None:
    evidence = np.zeros(scan.painted.shape, np.uint8)
    evidence[:, :, 8:12] = 2
    evidence[:, 24:28] = 200
    result = engine.propagate(
        scan.image, scan.painted, scan.spacing, evidence=evidence, excluded={2: [1, 77]}, outputs=BARE
    )
    unpainted = scan.painted == 0
    assert (plain[(evidence == 2) & unpainted] == 1).any() and plain[(evidence == 200) & unpainted].any()
    assert not (result.labels[(evidence == 2) & unpainted] == 1).any()
    assert not result.labels[(evidence == 200) & unpainted].any()
    np.testing.assert_array_equal(result.labels[~unpainted], scan.painted[~unpainted])
    assert result.report["known_voxels"] == {"1": np.count_nonzero(evidence), "2": np.count_nonzero(evidence == 200)}


def test_a_neighbor_says_more_than_where_it_is(new_engine: Engines) -> None:
    """A tube bends towards another structure, as bright as it is, and touches it between the painted slices.

    Nothing was filled in there anyway; what gains by knowing it is the edge that the two share.
    """
    z, y, x = np.mgrid[:19, :48, :56]
    neighbor = (y - 24) ** 2 / 1.5 + (x - 40) ** 2 < 100
    tube = ((y - 22) ** 2 + (x - 16 - 9 * np.sin(np.pi * z / 18)) ** 2 < 49) & ~neighbor
    image = 60 * (tube | neighbor) + np.random.default_rng(0).normal(100, 12, tube.shape)
    painted = np.zeros(tube.shape, np.uint8)
    painted[[0, 18]] = tube[[0, 18]]

    def filled(evidence: np.ndarray | None) -> np.ndarray:
        labels = new_engine().propagate(image, painted, (2.0, 1.0, 1.0), axis=0, evidence=evidence, outputs=BARE).labels
        np.testing.assert_array_equal(labels[[0, 18]], painted[[0, 18]])
        return labels[1:18] > 0

    judged = np.ones(17, bool)
    cut = filled(None) & ~neighbor[1:18]
    informed = filled(np.where(neighbor, np.uint8(WALL), np.uint8(0)))
    assert not (informed & neighbor[1:18]).any()
    assert dice(tube[1:18], informed, judged) > dice(tube[1:18], cut, judged) + 0.005


def test_single_voxels_hold_and_make_no_slice_painted(engine: Propagator, scan: Scan, plain: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    single = free(scan) & (rng.random(scan.painted.shape) < 0.05)
    single[:, :4] = single[:, :, 22:] = False  # or regions grow
    painted = np.where(single, rng.choice(np.array([0, 1, 2], np.uint8), single.shape), scan.painted)
    result = engine.propagate(scan.image, painted, scan.spacing, evidence=single.astype(np.uint8), axis=0, outputs=BARE)
    assert result.report["painted_slices"] == {"1": [3, 7, 10], "2": [7, 10]}
    np.testing.assert_array_equal(result.labels[single], painted[single])
    for label, slices in ((1, [3, 7, 10]), (2, [7, 10])):
        np.testing.assert_array_equal(result.labels[slices] == label, scan.painted[slices] == label)
    assert (result.labels[5] != 0).any() and (result.labels != plain).any()


def test_one_voxel_speaks_for_those_like_it_beside_it(engine: Propagator, scan: Scan) -> None:
    """A second blob, as bright as the first and never painted, joins it once a voxel of it is."""
    image = scan.image.copy()
    blob = np.zeros(image.shape, bool)
    blob[4:7, 20:25, 3:8] = True
    image[blob] += 90
    labels, single = scan.painted, np.zeros(blob.shape, np.uint8)
    single[5, 22, 5] = 1
    painted = np.where(single == 1, 1, labels).astype(np.uint8)
    options = {"labels": [1], "outputs": BARE, "field_of_view": 3.0, "axis": 0}
    before = engine.propagate(image, labels, scan.spacing, **options).labels
    after = engine.propagate(image, painted, scan.spacing, evidence=single, **options).labels
    assert (after[blob] == 1).sum() > (before[blob] == 1).sum() + 5


def test_what_was_known_before_is_not_recalled(engine: Propagator, new_engine: Engines, scan: Scan) -> None:
    evidence = np.zeros(scan.painted.shape, np.uint8)
    engine.propagate(scan.image, scan.painted, scan.spacing, outputs=BARE)
    for place in ((slice(5, 6), slice(5, 12), slice(5, 12)), (slice(5, 6), slice(5, 12), slice(5, 9))):
        evidence[:] = 0
        evidence[place] = 2
        again = engine.propagate(scan.image, scan.painted, scan.spacing, evidence=evidence, outputs=BARE)
        fresh = new_engine().propagate(scan.image, scan.painted, scan.spacing, evidence=evidence, outputs=BARE)
        np.testing.assert_array_equal(again.labels, fresh.labels)
        # gaps in which nothing else is known
        assert again.report["timings"]["recalled_slices"] > 0 < again.report["timings"]["computed_slices"]
        same = engine.propagate(scan.image, scan.painted, scan.spacing, evidence=evidence.copy(), outputs=BARE)
        assert same.report["timings"]["computed_slices"] == 0
        np.testing.assert_array_equal(same.labels, fresh.labels)


def test_layers_know_apart_or_together(engine: Propagator, scan: Scan) -> None:
    layers = np.stack([np.where(scan.painted == label, scan.painted, 0) for label in (1, 2)])
    shared = np.zeros(scan.painted.shape, np.uint8)
    shared[:, 8:26] = 9
    apart = np.stack([shared, np.zeros_like(shared)])
    results = [
        engine.propagate(scan.image, layers, scan.spacing, evidence=known, outputs=BARE).labels
        for known in (shared, apart)
    ]
    away = (shared == 9) & free(scan)
    assert not results[0][:, away].any()
    assert not results[1][0][away].any() and results[1][1][away].any()


def test_a_single_voxel_says_nothing_of_layers_that_it_is_not_painted_in(engine: Propagator, scan: Scan) -> None:
    layers = np.stack([np.where(scan.painted == label, scan.painted, 0) for label in (1, 2)])
    without = engine.propagate(scan.image, layers, scan.spacing, outputs=BARE).labels
    single = np.zeros(scan.painted.shape, np.uint8)
    single[8] = (without[1, 8] == 2) & (without[0, 8] == 0)  # of the lesion's, some voxels are the organ's, too
    assert single.any()
    layers[0][single == 1] = 1
    result = engine.propagate(scan.image, layers, scan.spacing, evidence=single, outputs=BARE).labels
    np.testing.assert_array_equal(result[1], without[1])
    assert (result[0][single == 1] == 1).all()


def test_partial_results_hold_too(engine: Propagator, scan: Scan) -> None:
    evidence = np.full(scan.painted.shape, 2, np.uint8)
    token = CancelToken()
    with pytest.raises(Cancelled) as caught:
        engine.propagate(
            scan.image, scan.painted, scan.spacing, evidence=evidence, cancel=token,
            progress=lambda p: token.cancel() if p.done else None,
        )  # fmt: skip
    assert caught.value.partial is not None
    np.testing.assert_array_equal(caught.value.partial.labels, scan.painted)


def test_single_voxels_alone_are_too_little(engine: Propagator, scan: Scan) -> None:
    with pytest.raises(InputError, match="Nothing is painted"):
        engine.propagate(scan.image, scan.painted, scan.spacing, evidence=(scan.painted > 0).astype(np.uint8))
