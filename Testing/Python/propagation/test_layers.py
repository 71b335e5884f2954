"""Labels that overlap are propagated apart, each layer as if it were alone."""

from collections.abc import Callable

import numpy as np
import pytest

from PatchICLLib.errors import Cancelled, InputError
from PatchICLLib.propagation import CancelToken, Progress, PropagationResult, Propagator

from .conftest import Scan

Engines = Callable[[], Propagator]


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return 2 * float((one & other).sum()) / float(one.sum() + other.sum())


@pytest.fixture(scope="module")
def organ_and_lesion(scan: Scan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Masks of an organ and a lesion within it, and both in one layer each, painted on three slices along k."""
    organ = scan.labels == 1
    k, j, i = np.meshgrid(*(np.arange(n) for n in organ.shape), indexing="ij")
    lesion = organ & (((k - 7) / 4) ** 2 + ((j - 12) / 3) ** 2 + ((i - 9) / 3) ** 2 <= 1)
    painted = np.zeros((2, *organ.shape), np.uint8)
    for index in (4, 7, 10):
        painted[0][index] = organ[index]
        painted[1][index] = 2 * lesion[index]
    return organ, lesion, painted


@pytest.fixture(scope="module")
def heard() -> list[Progress]:
    return []


@pytest.fixture(scope="module")
def layered(
    new_engine: Engines, scan: Scan, organ_and_lesion: tuple[np.ndarray, ...], heard: list[Progress]
) -> PropagationResult:
    return new_engine().propagate(scan.image, organ_and_lesion[2], scan.spacing, progress=heard.append)


def test_organ_keeps_what_its_lesion_overlaps(
    new_engine: Engines, scan: Scan, organ_and_lesion: tuple[np.ndarray, ...], layered: PropagationResult
) -> None:
    organ, lesion, painted = organ_and_lesion
    alone = [new_engine().propagate(scan.image, layer, scan.spacing, axis=0) for layer in painted]
    np.testing.assert_array_equal(layered.labels, np.stack([result.labels for result in alone]))
    flat = np.where(painted[1] > 0, painted[1], painted[0])
    one_map = new_engine().propagate(scan.image, flat, scan.spacing, outputs=frozenset())
    assert dice(one_map.labels == 1, organ) < dice(layered.labels[0] > 0, organ), (
        "the lesion is a hole in one label map"
    )
    assert dice(layered.labels[1] > 0, lesion) > 0.6
    for name in ("entropy", "probability"):
        expected = np.maximum(*(getattr(result, name) for result in alone))
        np.testing.assert_array_equal(getattr(layered, name), expected)


def test_painted_voxels_of_all_layers_stay(
    organ_and_lesion: tuple[np.ndarray, ...], layered: PropagationResult
) -> None:
    painted = organ_and_lesion[2]
    np.testing.assert_array_equal(layered.labels[:, [4, 7, 10]], painted[:, [4, 7, 10]])
    assert layered.labels.dtype == painted.dtype
    inside = np.zeros(painted.shape[1:], bool)
    assert layered.boxes is not None
    for box in layered.boxes:
        inside[box] = True
    assert not (layered.labels.any(axis=0) & ~inside).any()
    for box in (layered.box, *layered.boxes):
        assert all(0 <= span.start < span.stop <= n for span, n in zip(box, inside.shape, strict=True))


def test_one_report_and_one_progress_over_all(layered: PropagationResult, heard: list[Progress]) -> None:
    report = layered.report
    assert report["axis"] == "k" and report["layers"] == 2 and report["complete"]
    assert report["painted_slices"] == {"1": [4, 7, 10], "2": [4, 7, 10]}
    assert {figure["label"] for figure in report["slices"]} == {1, 2}
    assert report["timings"]["computed_slices"] == len(report["slices"])
    assert report["suggested_next_slice"] in {figure["index"] for figure in report["slices"]}
    assert layered.selections is not None and {s.label for s in layered.selections} == {1, 2}
    done, totals = [p.done for p in heard], [p.total for p in heard]
    assert done == sorted(done) and totals == sorted(totals, reverse=True)
    assert done[-1] == totals[-1] == len(report["slices"]) and heard[-1].remaining == 0
    assert [p.layer for p in heard] == sorted(p.layer for p in heard) and heard[-1].layer == 1
    for layer, label in enumerate((1, 2)):
        latest = {p.slice_index: p.slice_labels for p in heard if p.layer == layer and p.slice_index is not None}
        assert set(latest) == {figure["index"] for figure in report["slices"] if figure["label"] == label}
        for index, labels in latest.items():
            np.testing.assert_array_equal(labels, layered.labels[layer][index])


@pytest.mark.parametrize("after", [1, 12])
def test_cancelled_layers_keep_what_is_finished(
    engine: Propagator, scan: Scan, organ_and_lesion: tuple[np.ndarray, ...], after: int
) -> None:
    painted, token = organ_and_lesion[2], CancelToken()

    def stop(progress: Progress) -> None:
        if progress.done == after:
            token.cancel()

    with pytest.raises(Cancelled) as stopped:
        engine.propagate(
            scan.image, painted, scan.spacing, progress=stop, cancel=token, extent=(1, 13), outputs=frozenset()
        )
    partial = stopped.value.partial
    assert partial is not None and not partial.report["complete"]
    assert len(partial.report["slices"]) >= after and partial.entropy is None
    np.testing.assert_array_equal(partial.labels[:, [4, 7, 10]], painted[:, [4, 7, 10]])
    assert (partial.labels[1] != painted[1]).any() == (after == 12)


def test_axis_is_found_over_all_layers(engine: Propagator, scan: Scan) -> None:
    """One layer alone would be taken for painted along another axis: a single column of voxels on each slice."""
    painted = np.zeros((2, *scan.image.shape), np.uint8)
    painted[0][4:7, 8:13, 9] = 1
    painted[1][[3, 5, 7], 5:15, 5:13] = 2
    result = engine.propagate(scan.image, painted, scan.spacing, outputs=frozenset())
    assert result.report["axis"] == "k"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.__setitem__((1, 4, 20, 20), 1), "Label 1 is painted in the layers 0 and 1"),
        (lambda p: p.fill(0), "Nothing is painted"),
        (lambda p: p.fill(1), "Label 1 is painted in the layers"),
    ],
)
def test_what_cannot_be_is_refused(
    engine: Propagator,
    scan: Scan,
    organ_and_lesion: tuple[np.ndarray, ...],
    change: Callable[[np.ndarray], None],
    message: str,
) -> None:
    painted = organ_and_lesion[2].copy()
    change(painted)
    with pytest.raises(InputError, match=message):
        engine.propagate(scan.image, painted, scan.spacing)


def test_wanted_labels_and_empty_layers(
    engine: Propagator, scan: Scan, organ_and_lesion: tuple[np.ndarray, ...]
) -> None:
    painted = np.concatenate([np.zeros_like(organ_and_lesion[2][:1]), organ_and_lesion[2]])
    result = engine.propagate(scan.image, painted, scan.spacing, labels=[2], outputs=frozenset())
    np.testing.assert_array_equal(result.labels[:2], painted[:2])
    assert result.labels[2].any(axis=(1, 2)).sum() > 3
    with pytest.raises(InputError, match="Label 7 is not painted in any layer; painted are 1, 2"):
        engine.propagate(scan.image, painted, scan.spacing, labels=[7])
    with pytest.raises(InputError, match="shape"):
        engine.propagate(scan.image, painted[:, :-1], scan.spacing)


def test_full_layer_is_left_as_it_is(engine: Propagator, scan: Scan, organ_and_lesion: tuple[np.ndarray, ...]) -> None:
    painted = organ_and_lesion[2].copy()
    painted[1] = 0
    painted[1][:, 15:20, 15:20] = 2
    result = engine.propagate(scan.image, painted, scan.spacing, axis=0, outputs=frozenset())
    np.testing.assert_array_equal(result.labels[1], painted[1])
    assert result.labels[0].any(axis=(1, 2)).sum() > 3
    with pytest.raises(InputError, match="Every slice is painted"):
        engine.propagate(scan.image, painted[1:], scan.spacing, axis=0)


def test_stray_slices_of_every_layer_are_told(
    engine: Propagator, scan: Scan, organ_and_lesion: tuple[np.ndarray, ...]
) -> None:
    painted = organ_and_lesion[2].copy()
    painted[0][5, 1, 1] = 1
    result = engine.propagate(scan.image, painted, scan.spacing, axis=0, outputs=frozenset())
    assert result.report["ignored_slices"] == {"1": [5]} and len(result.report["warnings"]) == 1
    assert result.labels[0][5, 1, 1] == 1 and (result.labels[0][5] > 0).sum() > 5
