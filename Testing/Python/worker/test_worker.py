"""What holds for both kinds of worker, in a process and in a thread."""

import time
import zlib

import numpy as np
import pytest

from PatchICLLib.errors import Cancelled, InputError, WorkerError
from PatchICLLib.propagation.cancel import CancelToken
from PatchICLLib.propagation.progress import Progress
from PatchICLLib.worker import Worker

from .conftest import Case, events_of, wait_for_progress


def test_health(worker: Worker) -> None:
    health = worker.health()
    assert health["state"] == "idle"
    assert health["device"] == "auto"
    assert health["weights"] == {"name": None}
    assert health["numpy"] == np.__version__
    assert health["memory"]["peak_bytes"] > 10_000_000


def test_result_is_the_engines(worker: Worker, case: Case, engines: object) -> None:
    expected = engines.Thresholding(None, "cpu").propagate(*case)
    result = worker.run(*case)
    assert result.labels.dtype == case[1].dtype
    np.testing.assert_array_equal(result.labels, expected.labels)
    np.testing.assert_array_equal(result.probability, expected.probability)
    np.testing.assert_array_equal(result.entropy, expected.entropy)
    assert result.selections == expected.selections
    assert result.report["spacing"] == [3.0, 0.5, 0.5]


def test_outputs_not_asked_for_do_not_come(worker: Worker, case: Case) -> None:
    result = worker.run(*case, outputs=frozenset({"entropy"}))
    assert result.probability is None
    assert result.selections is None
    assert result.entropy is not None


def test_one_progress_event_per_slice_with_the_finished_slice(worker: Worker, case: Case) -> None:
    job = worker.propagate(*case)
    *progress, last = [event for event in events_of(worker, job) if event.kind != "log"]
    assert last.kind == "result"
    assert [event.progress.slice_index for event in progress] == list(range(12))
    assert [event.progress.done for event in progress] == list(range(1, 13))
    for event in progress:
        assert event.job == job
        np.testing.assert_array_equal(event.progress.slice_labels, last.result.labels[event.progress.slice_index])
        assert event.progress.slice_labels.dtype == case[1].dtype


def test_options_arrive_as_they_were_given(worker: Worker, case: Case) -> None:
    options = {
        "axis": np.int64(2),
        "painted_slices": {1: [3, 4], 2: (5,)},
        "labels": (1, 2),
        "extent": (0, 9),
        "prior": False,
        "context_size": None,
    }
    report = worker.run(*case, **options).report
    assert report["options"] == repr(sorted({**options, "axis": 2}.items())) or "np.int64(2)" in report["options"]


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool])
def test_evidence_arrives_as_it_was_given_at_that_moment(worker: Worker, case: Case, dtype: type) -> None:
    evidence = np.zeros(case[0].shape, dtype)
    evidence[:, :9] = 2
    given = [str(evidence.dtype), zlib.crc32(evidence.tobytes())]
    job = worker.propagate(*case, evidence=evidence, excluded={2: [1, 3]}, slice_seconds=0.01)
    evidence[...] = 0
    report = events_of(worker, job)[-1].result.report
    assert report["evidence"] == given
    assert "('excluded', {2: [1, 3]})" in report["options"]


def test_without_evidence_the_engine_gets_none(worker: Worker, case: Case) -> None:
    evidence = np.full(case[0].shape, 2, np.uint8)
    np.testing.assert_array_equal(worker.run(*case, evidence=evidence).labels, case[1])
    assert worker.run(*case).report["evidence"] is None
    result = worker.run(*case, evidence=None)
    assert result.report["evidence"] is None
    assert result.labels.sum() > case[1].sum()


@pytest.mark.parametrize("count", [2, 4])
def test_candidates_come_back(worker: Worker, case: Case, count: int) -> None:
    assert worker.run(*case).candidates is None
    result = worker.run(*case, candidates=count)
    assert [one.probability for one in result.candidates] == [1 / count] * count
    assert result.candidates[0].labels is result.labels
    for number, one in enumerate(result.candidates[1:]):
        assert one.labels.dtype == case[1].dtype
        expected = np.where(case[1] > 0, case[1], result.labels * (result.labels <= number))
        np.testing.assert_array_equal(one.labels, expected)


def test_jobs_share_one_loaded_engine(worker: Worker, case: Case) -> None:
    first, second = worker.run(*case).report, worker.run(*case).report
    assert second["pid"] == first["pid"]
    assert second["made"] == first["made"]
    assert second["done"] == first["done"] + 1


def test_a_second_job_at_a_time_is_refused(worker: Worker, case: Case) -> None:
    job = worker.propagate(*case, slice_seconds=0.02)
    with pytest.raises(WorkerError, match="busy"):
        worker.propagate(*case)
    assert events_of(worker, job)[-1].kind == "result"


def test_cancel_brings_what_was_finished(worker: Worker, case: Case) -> None:
    job = worker.propagate(*case, slice_seconds=0.1)
    wait_for_progress(worker)
    asked = time.monotonic()
    worker.cancel()
    last = events_of(worker, job)[-1]
    assert time.monotonic() - asked < 3.0  # one second on a machine that does nothing else
    assert last.kind == "cancelled"
    assert last.message
    np.testing.assert_array_equal(last.result.labels[6], case[1][6])
    finished = last.result.probability.any(axis=(1, 2))
    assert not finished[-1]
    assert worker.run(*case).labels.any()


def test_cancel_token_of_run(worker: Worker, case: Case) -> None:
    token = CancelToken()

    def cancel_at_third(progress: Progress) -> None:
        if progress.done == 3:
            token.cancel()

    with pytest.raises(Cancelled) as caught:
        worker.run(*case, progress=cancel_at_third, cancel=token, slice_seconds=0.1)
    assert caught.value.partial is not None
    assert caught.value.partial.report["spacing"] == [3.0, 0.5, 0.5]


def test_cancel_without_a_job_is_harmless(worker: Worker, case: Case) -> None:
    worker.cancel()
    assert worker.run(*case).labels.any()


def test_bad_input_is_the_same_error_as_from_the_engine(worker: Worker, case: Case) -> None:
    image, painted, spacing = case
    with pytest.raises(InputError, match="^Nothing is painted; paint the structure on at least one slice.$"):
        worker.run(image, np.zeros_like(painted), spacing)
    first = worker.run(*case).report["done"]
    with pytest.raises(InputError):
        worker.run(image, np.zeros_like(painted), spacing)
    assert worker.run(*case).report["done"] == first + 1, "the engine is kept"


@pytest.mark.parametrize("behave", ["memory", "gpu memory", "primitive"])
def test_out_of_memory_is_an_error_that_says_so(worker: Worker, case: Case, behave: str) -> None:
    worker.run(*case)
    job = worker.propagate(*case, behave=behave)
    last = events_of(worker, job)[-1]
    assert last.kind == "error"
    assert "ran out of memory" in last.message
    assert worker.run(*case).report["done"] == 1, "an engine of its own"


def test_unforeseen_failure_is_an_error_and_logged(worker: Worker, case: Case) -> None:
    worker.run(*case)
    with pytest.raises(WorkerError, match="ZeroDivisionError: something nobody thought of"):
        worker.run(*case, behave="fail")
    assert [event for event in worker.poll(0.1) if event.kind != "log"] == []
    assert worker.run(*case).report["done"] == 1, "nobody knows what the last engine was left with"


def test_error_in_the_callers_progress_function_leaves_no_job_behind(worker: Worker, case: Case) -> None:
    def fail(progress: Progress) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        worker.run(*case, progress=fail, slice_seconds=0.05)
    assert worker.run(*case).labels.any()


def test_engine_that_ends_its_process_or_thread(worker: Worker, case: Case) -> None:
    job = worker.propagate(*case, behave="exit")
    last = events_of(worker, job)[-1]
    assert last.kind == "died"
    assert "3" in last.message
    assert worker.run(*case).labels.any(), "the next job starts it again"


def test_restart_cancels_the_job(worker: Worker, case: Case) -> None:
    job = worker.propagate(*case, slice_seconds=0.2)
    wait_for_progress(worker)
    worker.restart()
    assert events_of(worker, job)[-1].kind == "cancelled"
    assert worker.run(*case).report["done"] == 1


def test_shutdown_ends_it(worker: Worker, case: Case) -> None:
    job = worker.propagate(*case, slice_seconds=0.2)
    worker.shutdown()
    assert not worker.is_alive
    assert [event.kind for event in worker.poll() if event.job == job and event.ends_job] == ["cancelled"]
    worker.shutdown()
    with pytest.raises(WorkerError, match="not running"):
        worker.health()


def test_poll_waits_no_longer_than_told(worker: Worker, case: Case) -> None:
    job = worker.propagate(*case, slice_seconds=4.0)
    for timeout in (0.0, 0.1, 0.0):
        started = time.monotonic()
        worker.poll(timeout)
        assert time.monotonic() - started < timeout + 1.0
    worker.restart()
    events_of(worker, job)
