"""The engine's options, progress, cancellation, memory and report."""

import json
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from PatchICLLib.errors import Cancelled
from PatchICLLib.propagation import CancelToken, Progress, PropagationResult, Propagator

from .conftest import Scan

BARE: frozenset[str] = frozenset()


@pytest.fixture(scope="module")
def heard() -> list[Progress]:
    return []


@pytest.fixture(scope="module")
def whole(new_engine: Callable[[], Propagator], scan: Scan, heard: list[Progress]) -> PropagationResult:
    """Everything asked for, with what was heard on the way; slice 5 says nothing about label 2, and 1 ends at 12."""
    return new_engine().propagate(
        scan.image, scan.painted, scan.spacing, painted_slices={1: [12]}, progress=heard.append, context_size=2
    )


def test_progress_counts(whole: PropagationResult, heard: list[Progress]) -> None:
    assert [heard[0].stage, heard[0].done, heard[0].slice_index] == ["preparing", 0, None]
    # 14 slices: label 1 is known on 3, 7, 10, 12, label 2 on 7 and 10
    assert heard[0].total == 10 + 12
    assert all(p.stage == "propagating" for p in heard[1:])
    done, totals = [p.done for p in heard], [p.total for p in heard]
    assert done == sorted(done) and totals == sorted(totals, reverse=True)
    assert heard[-1].done == heard[-1].total == len(whole.report["slices"])
    assert heard[-1].remaining == 0
    assert [p.elapsed for p in heard] == sorted(p.elapsed for p in heard)


def test_slices_heard_are_those_of_the_result(whole: PropagationResult, heard: list[Progress], scan: Scan) -> None:
    latest = {p.slice_index: p.slice_labels for p in heard if p.slice_index is not None}
    assert set(latest) == {figure["index"] for figure in whole.report["slices"]}
    for index, labels in latest.items():
        assert labels is not None and labels.dtype == scan.painted.dtype
        np.testing.assert_array_equal(labels, whole.labels[index])


def test_nearest_first(new_engine: Callable[[], Propagator], scan: Scan) -> None:
    shape = (60, 20, 20)
    painted = np.zeros(shape, np.uint8)
    painted[[10, 50], 6:14, 5:12] = 1
    image = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
    order: list[int] = []

    def listen(progress: Progress) -> None:
        if progress.slice_index is not None:
            order.append(progress.slice_index)
        if progress.done >= 24:
            token.cancel()

    token = CancelToken()
    with pytest.raises(Cancelled):
        new_engine().propagate(image, painted, progress=listen, cancel=token, extent=(5, 55), outputs=BARE)
    distances = [min(abs(z - 10), abs(z - 50)) for z in order]
    # batches of a few slices take turns
    assert all(later >= earlier - 8 for earlier, later in zip(distances, distances[1:], strict=False))
    assert max(distances) < 12


def test_declared_slices_bound_the_label_they_name(whole: PropagationResult, scan: Scan) -> None:
    assert whole.report["painted_slices"] == {"1": [3, 7, 10, 12], "2": [7, 10]}
    assert not (whole.labels[12] == 1).any()
    assert (12, 1) not in {(f["index"], f["label"]) for f in whole.report["slices"]}


def test_report_is_plain_and_complete(whole: PropagationResult, scan: Scan) -> None:
    report = json.loads(json.dumps(whole.report, allow_nan=False))
    assert report == whole.report
    assert report["complete"] is True and report["axis"] == "k" and report["shape"] == [14, 34, 28]
    assert report["spacing"] == [2.5, 1.0, 0.8] and report["context_size"] == 2 and report["extent"] == "auto"
    assert report["weights"] == {"name": "small", "preset": "sparse", "sha256": "0" * 64}
    known = {1: [3, 7, 10, 12], 2: [7, 10]}
    for figure in report["slices"]:
        distance = min(abs(figure["index"] - z) for z in known[figure["label"]]) * 2.5
        assert figure["distance_mm"] == pytest.approx(distance)
        assert 0 <= figure["uncertainty"] <= 1 and figure["entropy"] >= 0
        assert figure["voxels"] >= (whole.labels[figure["index"]] == figure["label"]).sum() - 34 * 28 * (
            figure["index"] in known[figure["label"]]
        )
    assert report["suggested_next_slice"] in {f["index"] for f in report["slices"]}
    assert report["timings"]["computed_slices"] == len(report["slices"])


def test_entropy_is_that_of_the_probability(whole: PropagationResult) -> None:
    p = whole.probability.astype(np.float64)  # type: ignore[union-attr]
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.nan_to_num(-p * np.log2(p)) + np.nan_to_num(-(1 - p) * np.log2(1 - p))
    np.testing.assert_allclose(whole.entropy, expected, atol=1e-5)


def test_outputs_not_asked_for_are_not_made(engine: Propagator, scan: Scan, whole: PropagationResult) -> None:
    result = engine.propagate(
        scan.image, scan.painted, scan.spacing, painted_slices={1: [12]}, context_size=2, outputs=BARE
    )
    assert (result.probability, result.entropy, result.selections) == (None, None, None)
    np.testing.assert_array_equal(result.labels, whole.labels)


@pytest.mark.parametrize(("extent", "first", "last"), [("painted", 3, 10), ((5, 8), 5, 8), ((0, 2), 0, 2)])
def test_extent(engine: Propagator, scan: Scan, extent: str | tuple[int, int], first: int, last: int) -> None:
    result = engine.propagate(scan.image, scan.painted, scan.spacing, labels=[1], extent=extent, outputs=BARE)
    expected = set(range(first, last + 1)) - {3, 7, 10}
    assert {f["index"] for f in result.report["slices"]} == expected
    beyond = [z for z in range(14) if z not in expected]
    np.testing.assert_array_equal(result.labels[beyond], scan.painted[beyond])


def test_nothing_between_is_no_error(engine: Propagator, scan: Scan) -> None:
    painted = np.where(np.arange(14)[:, None, None] == 7, scan.painted, 0)
    result = engine.propagate(scan.image, painted, scan.spacing, extent="painted")
    np.testing.assert_array_equal(result.labels, painted)
    assert result.report["suggested_next_slice"] is None and result.selections == ()


class TestMemory:
    def test_second_call_is_recalled(self, engine: Propagator, scan: Scan) -> None:
        first = engine.propagate(scan.image, scan.painted, scan.spacing, labels=[1])
        second = engine.propagate(scan.image.copy(), scan.painted.copy(), scan.spacing, labels=[1])
        assert second.report["timings"]["computed_slices"] == 0
        assert second.report["timings"]["recalled_slices"] == first.report["timings"]["computed_slices"] > 0
        np.testing.assert_array_equal(first.labels, second.labels)
        for name in ("probability", "entropy"):  # the last bit depends on what is computed beside it
            np.testing.assert_allclose(getattr(first, name), getattr(second, name), rtol=1e-6, atol=1e-9)
        assert first.selections is not None and second.selections is not None
        assert set(first.selections) == set(second.selections)
        assert [pytest.approx(figures) for figures in first.report["slices"]] == second.report["slices"]

    def test_only_what_changed_is_computed(self, engine: Propagator, new_engine: Callable, scan: Scan) -> None:
        options = {"labels": [1], "extent": "painted", "context_size": 2, "outputs": BARE}
        engine.propagate(scan.image, scan.painted, scan.spacing, **options)
        changed = scan.painted.copy()
        changed[10, 15:17, 9:12] = 0
        again = engine.propagate(scan.image, changed, scan.spacing, **options)
        assert again.report["timings"]["recalled_slices"] == 3  # between 3 and 7
        assert again.report["timings"]["computed_slices"] == 2  # between 7 and 10
        fresh = new_engine().propagate(scan.image, changed, scan.spacing, **options)
        np.testing.assert_array_equal(again.labels, fresh.labels)

    @pytest.mark.parametrize("change", ["image", "spacing", "prior"])
    def test_another_question_is_not_recalled(self, engine: Propagator, scan: Scan, change: str) -> None:
        options = {"labels": [1], "extent": (4, 5), "outputs": BARE}
        engine.propagate(scan.image, scan.painted, scan.spacing, **options)
        image, spacing = scan.image, scan.spacing
        if change == "image":
            image = image.copy()
            image[0, 0, 0] += 1
        elif change == "spacing":
            spacing = (2.0, 1.0, 0.8)
        else:
            options["prior"] = False
        assert engine.propagate(image, scan.painted, spacing, **options).report["timings"]["recalled_slices"] == 0

    def test_a_label_of_another_number_is_recalled(self, engine: Propagator, scan: Scan) -> None:
        first = engine.propagate(scan.image, scan.painted, scan.spacing, labels=[1], extent=(4, 5))
        renamed = np.where(scan.painted == 1, 9, 0).astype(np.uint16)
        second = engine.propagate(scan.image, renamed, scan.spacing, extent=(4, 5))
        assert second.report["timings"]["computed_slices"] == 0
        np.testing.assert_array_equal((second.labels == 9)[4:6], (first.labels == 1)[4:6])
        assert {s.label for s in second.selections or ()} == {9}

    def test_what_was_asked_before_does_not_matter(
        self, engine: Propagator, new_engine: Callable[[], Propagator]
    ) -> None:
        # the structure widens, so that regions must grow, in the outer gaps more than in the inner
        shape = (20, 60, 60)
        k, j, i = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
        disc = (j - 28) ** 2 + (i - 33) ** 2 <= (4 + 1.2 * k) ** 2
        image = (disc * 100 + np.random.default_rng(1).normal(0, 4, shape)).astype(np.float32)
        painted = np.where(np.isin(k, [2, 6]), disc, 0).astype(np.uint8)
        engine.propagate(image, painted, (3.0, 1.0, 1.0), outputs=BARE)
        again = engine.propagate(image, painted, (3.0, 1.0, 1.0), extent="painted", outputs=BARE)
        fresh = new_engine().propagate(image, painted, (3.0, 1.0, 1.0), extent="painted", outputs=BARE)
        np.testing.assert_array_equal(again.labels, fresh.labels)


class TestCancel:
    def test_before_the_start(self, engine: Propagator, scan: Scan) -> None:
        token = CancelToken()
        token.cancel()
        with pytest.raises(Cancelled) as caught:
            engine.propagate(scan.image, scan.painted, scan.spacing, cancel=token)
        assert caught.value.partial is None

    def test_half_way_gives_what_is_finished(self, engine: Propagator, scan: Scan, whole: PropagationResult) -> None:
        token, seen = CancelToken(), []

        def listen(progress: Progress) -> None:
            if progress.slice_index is not None:
                seen.append(progress.slice_index)
                token.cancel()

        with pytest.raises(Cancelled) as caught:
            engine.propagate(
                scan.image, scan.painted, scan.spacing, progress=listen, cancel=token,
                painted_slices={1: [12]}, context_size=2,
            )  # fmt: skip
        partial = caught.value.partial
        assert partial is not None and partial.report["complete"] is False
        assert {f["index"] for f in partial.report["slices"]} == set(seen) and 0 < len(seen) < 22
        np.testing.assert_array_equal(partial.labels[scan.painted != 0], scan.painted[scan.painted != 0])
        rest = [z for z in range(14) if z not in seen]
        np.testing.assert_array_equal(partial.labels[rest], scan.painted[rest])

    def test_from_another_thread(self, engine: Propagator) -> None:
        shape = (200, 24, 24)
        painted = np.zeros(shape, np.uint8)
        painted[[1, 198], 4:20, 4:20] = 1
        image = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
        token, when = CancelToken(), []

        def stop() -> None:
            when.append(time.process_time())
            token.cancel()

        with pytest.raises(Cancelled):
            engine.propagate(image, painted, cancel=token, progress=lambda _: threading.Timer(0.1, stop).start())
        # of this process, because the machine may be busy with others
        assert time.process_time() - when[0] < 1
