"""Many gaps at once: nearest slices first, of any label, and the same result in whatever batches."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from PatchICLLib.propagation import Propagator, batch_limit, course
from PatchICLLib.propagation.batch_limit import BatchSize
from PatchICLLib.propagation.card_room import computing_device
from PatchICLLib.propagation.prediction import Prediction

from .conftest import Scan

CPU = BatchSize.of(torch.device("cpu"))
SIZES = {
    "portion by portion": replace(CPU, pixels=1),
    "one gap after another": replace(CPU, kept=1),
    "all contexts": replace(CPU, contexts=9),
    "ahead": replace(CPU, pixels=40 * 128 * 128, contexts=9, ahead=True),
    "all runs at first": replace(CPU, first_runs=999, runs=999),
}


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[list[tuple[int, int]]]:
    """What is predicted at once: distance and number of the gap of each portion."""
    seen: list[list[tuple[int, int]]] = []
    predict = Prediction.of

    def watched(self: Prediction, portions):  # type: ignore[no-untyped-def]
        seen.append([(p.filling.gap.distance(p.indices[0]), p.filling.number) for p in portions])
        return predict(self, portions)

    monkeypatch.setattr(Prediction, "of", watched)
    return seen


@pytest.mark.parametrize("name", SIZES)
def test_batches_change_nothing_but_the_time(
    new_engine: Callable[[], Propagator], scan: Scan, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    usual = new_engine().propagate(scan.image, scan.painted, scan.spacing)
    monkeypatch.setattr(course.BatchSize, "of", lambda _: SIZES[name])
    other = new_engine().propagate(scan.image, scan.painted, scan.spacing)
    np.testing.assert_array_equal(other.labels, usual.labels)
    np.testing.assert_allclose(other.probability, usual.probability, atol=2e-3)  # type: ignore[arg-type]
    assert {(f["label"], f["index"]) for f in other.report["slices"]} == {
        (f["label"], f["index"]) for f in usual.report["slices"]
    }


def test_structures_that_go_far_are_seen_alike_in_any_batch(
    new_engine: Callable[[], Propagator], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the outermost painted slice more and more is looked at; the structure widens, and ends somewhere."""
    k, j, i = np.meshgrid(np.arange(70), np.arange(44), np.arange(40), indexing="ij")
    disc = ((j - 20) ** 2 + (i - 19) ** 2 <= (4 + 0.2 * k) ** 2) & (k < 60)
    image = (disc * 100 + np.random.default_rng(1).normal(0, 4, disc.shape)).astype(np.float32)
    painted = np.where(np.isin(k, [2, 6]), disc, 0).astype(np.uint8)
    results = []
    for name in ("portion by portion", "ahead"):
        monkeypatch.setattr(course.BatchSize, "of", lambda _, name=name: SIZES[name])
        results.append(new_engine().propagate(image, painted, (2.0, 1.0, 1.0), axis=0))
    one, other = results
    assert [f["index"] for f in one.report["slices"]] == [f["index"] for f in other.report["slices"]]
    assert max(f["index"] for f in one.report["slices"]) > 30
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_allclose(one.probability, other.probability, atol=2e-3)  # type: ignore[arg-type]


def test_nearest_first_over_all_gaps_and_labels(
    new_engine: Callable[[], Propagator],
    scan: Scan,
    batches: list[list[tuple[int, int]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(course.BatchSize, "of", lambda _: SIZES["all contexts"])
    new_engine().propagate(scan.image, scan.painted, scan.spacing)
    assert len(batches[0]) == 1, "the first slice waits for one gap only"
    assert all(batch == sorted(batch) for batch in batches)
    assert any(len({number for _, number in batch}) > 1 for batch in batches), "gaps share a batch"


def test_contexts_of_labels_are_encoded_together(
    new_engine: Callable[[], Propagator], scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, sets = new_engine(), []
    encode = type(engine.model).encode_context

    def watched(self, images, *arguments, **named):  # type: ignore[no-untyped-def]
        sets.append(len(images))
        return encode(self, images, *arguments, **named)

    monkeypatch.setattr(type(engine.model), "encode_context", watched)
    monkeypatch.setattr(course.BatchSize, "of", lambda _: replace(SIZES["ahead"], first_runs=999))
    engine.propagate(scan.image, scan.painted, scan.spacing, extent="painted")
    assert max(sets) >= 2


def test_batches_follow_from_the_size_of_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    card = torch.device("meta")
    found = []
    for gibibytes in (2, 4, 8, 80):
        monkeypatch.setattr(batch_limit, "card_memory", lambda _, n=gibibytes: n * 2**30)
        found.append(BatchSize.of(card))
    assert [one.slices(128) for one in found] == sorted(one.slices(128) for one in found)
    assert found[0].slices(128) >= 8 and found[-1].slices(256) * 2 == found[-1].slices(128) > CPU.slices(128)
    assert all(one.ahead and one.runs >= 200 for one in found)


def test_a_volume_too_large_for_the_card_is_segmented_on_the_cpu_and_told_of(
    new_engine: Callable[[], Propagator], scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = new_engine()
    expected = engine.propagate(scan.image, scan.painted, scan.spacing)
    small = Propagator(engine.pretrained, torch.device("meta"))
    monkeypatch.setattr("PatchICLLib.propagation.card_room.card_memory", lambda _: 2**17)
    result = small.propagate(scan.image, scan.painted, scan.spacing)
    np.testing.assert_array_equal(result.labels, expected.labels)
    assert result.report["device"] == "cpu"
    assert [text for text in result.report["warnings"] if "does not fit" in text and "CPU" in text]
    assert computing_device(torch.device("meta"), (4, 5, 6)) == (torch.device("meta"), None)
