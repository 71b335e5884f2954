"""What only a worker in a process of its own has to stand: crashes, garbage, leaks."""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from PatchICLLib.errors import InputError, WorkerError
from PatchICLLib.worker import WorkerClient
from PatchICLLib.worker.python_executable import worker_environment

from .conftest import ENVIRONMENT, Case, events_of, make_client, open_things, runs, wait_until

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc and /dev/shm")


WITHOUT_TORCH = """
import sys, numpy as np
from PatchICLLib.worker import WorkerClient
from PatchICLLib.worker.python_executable import worker_environment
painted = np.zeros((3, 4, 5), np.uint8)
painted[1] = 1
with WorkerClient(engine="worker_engines:Thresholding") as client:
    assert client.run(np.ones((3, 4, 5)), painted).labels.all()
sys.exit("torch" in sys.modules)
"""


def test_the_client_never_imports_torch() -> None:
    environment = worker_environment(True, ENVIRONMENT)
    assert subprocess.run([sys.executable, "-c", WITHOUT_TORCH], env=environment).returncode == 0


def test_client_needs_no_thread_of_its_own(client: WorkerClient, case: Case) -> None:
    before = threading.active_count()
    job = client.propagate(*case, slice_seconds=0.01)
    assert threading.active_count() == before
    events_of(client, job)


@pytest.mark.parametrize(
    ("behave", "said"),
    [("segfault", "crashed (SIGSEGV) at"), ("kill", "was killed (SIGKILL)"), ("abort", "crashed (SIGABRT)")],
)
def test_death_in_a_job_is_reported_once_and_the_next_job_runs(
    client: WorkerClient, case: Case, behave: str, said: str
) -> None:
    pid = client.health()["pid"]
    job = client.propagate(*case, behave=behave)
    last = events_of(client, job)[-1]
    assert last.kind == "died"
    assert said in last.message
    assert isinstance(last.error, WorkerError)
    assert not client.is_alive
    assert client.poll(0.1) == []
    assert client.run(*case).report["pid"] != pid


def test_death_raises_from_run(client: WorkerClient, case: Case) -> None:
    with pytest.raises(WorkerError, match="The worker was killed"):
        client.run(*case, behave="kill")


def test_death_while_idle_is_reported_without_a_job(client: WorkerClient) -> None:
    os.kill(client.health()["pid"], signal.SIGKILL)
    wait_until(lambda: not client.is_alive)
    (event,) = client.poll(1.0)
    assert (event.kind, event.job) == ("died", None)
    assert "SIGKILL" in event.message


def test_restart_after_sigkill(client: WorkerClient, case: Case) -> None:
    os.kill(client.health()["pid"], signal.SIGKILL)
    wait_until(lambda: not client.is_alive)
    client.restart()
    client.start()
    assert client.health()["state"] == "idle"
    assert client.run(*case).labels.any()


@linux
def test_memory_limit_of_the_system(client: WorkerClient, case: Case) -> None:
    with pytest.raises(WorkerError, match="ran out of memory"):
        client.run(*case, behave="memory limit")
    assert client.run(*case).labels.any()


def test_prints_of_libraries_become_log_events(client: WorkerClient, case: Case) -> None:
    job = client.propagate(*case, behave="garbage")
    events = events_of(client, job)
    assert events[-1].kind == "result"
    logged = [event.message for event in events + client.poll(0.2) if event.kind == "log"]
    assert "a library says hello" in logged
    assert '{"neither": "a message"}' in logged


@linux
def test_garbage_between_the_messages_is_survived_and_logged(client: WorkerClient, case: Case) -> None:
    job = client.propagate(*case, behave="garbage in the protocol")
    events = events_of(client, job)
    assert events[-1].kind == "result"
    assert len([event for event in events if event.kind == "progress"]) == len(case[0])
    assert {"[1, 2]", "and no line end"} <= {event.message for event in events if event.kind == "log"}


def test_a_library_that_prints_more_than_a_pipe_holds_blocks_nothing(client: WorkerClient, case: Case) -> None:
    job = client.propagate(*case, behave="flood")
    assert events_of(client, job)[-1].kind == "result"


def test_engine_that_does_not_hear_cancel_is_ended(case: Case) -> None:
    with make_client(cancel_grace=0.3) as client:
        job = client.propagate(*case, behave="deaf", slice_seconds=30.0)
        wait_until(lambda: client.health()["state"] == "busy")
        asked = time.monotonic()
        client.cancel()
        assert events_of(client, job)[-1].kind == "cancelled"
        assert time.monotonic() - asked < 10.0
        assert client.run(*case).labels.any()


def test_health_answers_while_busy(client: WorkerClient, case: Case) -> None:
    job = client.propagate(*case, slice_seconds=0.1)
    wait_until(lambda: client.health(timeout=2.0)["state"] == "busy")
    client.cancel()
    kinds = [event.kind for event in events_of(client, job)]
    assert kinds[-1] == "cancelled"


def test_arrays_of_python_objects_are_refused(client: WorkerClient, case: Case) -> None:
    with pytest.raises(InputError, match="image must be an array of numbers"):
        client.propagate(case[0].astype(object), case[1])
    with pytest.raises(InputError, match="evidence must be an array of numbers"):
        client.propagate(*case, evidence=[None])
    with pytest.raises(InputError, match="option labels"):
        client.propagate(*case, labels=object())
    assert client.run(*case).labels.any()


def test_views_and_other_byte_orders_arrive_whole(client: WorkerClient, case: Case) -> None:
    image, painted, spacing = case
    evidence = np.zeros(image.shape, ">i4")
    evidence[:4, 10:] = 2
    expected = client.run(image, painted, spacing, evidence=evidence).labels
    assert not expected[:4, 10:].any()
    flipped = client.run(
        image[::-1].astype(">f8"), np.asfortranarray(painted[::-1]), spacing, evidence=evidence[::-1].astype(np.int8)
    )
    np.testing.assert_array_equal(flipped.labels[::-1], expected)


@linux
def test_nothing_leaks_over_many_jobs_cancels_and_crashes(case: Case) -> None:
    before = open_things()
    with make_client() as client:
        idle = open_things()
        worker = f"/proc/{client.health()['pid']}/fd"
        in_worker = len(os.listdir(worker))
        for _ in range(5):
            client.run(*case, evidence=case[1])
            job = client.propagate(*case, slice_seconds=0.05, evidence=case[1])
            client.cancel()
            events_of(client, job)
        gc.collect()
        assert open_things() == idle
        wait_until(lambda: len(os.listdir(worker)) == in_worker)
        for behave in ("kill", "segfault"):
            with pytest.raises(WorkerError):
                client.run(*case, behave=behave)
    gc.collect()
    assert open_things() == before


@linux
def test_results_outlive_the_worker_and_then_are_freed(case: Case) -> None:
    before = open_things()
    with make_client() as client:
        result = client.run(*case)
    labels = result.labels.copy()
    np.testing.assert_array_equal(result.labels, labels)
    result.labels[...] = 7
    assert (result.labels == 7).all()
    del result
    gc.collect()
    assert open_things() == before


@linux
def test_forgotten_client_ends_its_worker() -> None:
    client = make_client()
    client.start()
    pid = client.health()["pid"]
    del client
    gc.collect()
    wait_until(lambda: not runs(pid))


@linux
@pytest.mark.parametrize("behave", ["no descriptors", "no mappings"])
def test_a_job_never_gets_the_memory_of_another(case: Case, behave: str) -> None:
    """Descriptors that a job could not use must not be taken for those of the next, which brings more or fewer."""
    evidence = np.zeros(case[0].shape, np.uint8)
    evidence[:, 9:] = 2
    with make_client() as client:
        expected = [client.run(*case, **options).labels for options in ({}, {"evidence": evidence})]
        assert not np.array_equal(*expected)
        with contextlib.suppress(WorkerError):  # what it runs short of may be its own last step
            client.run(*case, behave=behave, evidence=evidence)
        for _ in range(3):
            with contextlib.suppress(WorkerError):
                assert np.array_equal(client.run(*case).labels, expected[0])
            with contextlib.suppress(WorkerError):
                assert np.array_equal(client.run(*case, evidence=evidence).labels, expected[1])
        np.testing.assert_array_equal(client.run(*case).labels, expected[0])


@posix
@pytest.mark.parametrize("state", ["loading", "busy", "idle"])
def test_a_worker_that_is_stopped_is_noticed(case: Case, state: str) -> None:
    client = make_client("never_loaded" if state == "loading" else "Thresholding", patience=0.6)
    if state == "loading":
        job = client.propagate(*case)
    else:
        client.start()
    if state == "busy":
        job = client.propagate(*case, slice_seconds=60.0)
    os.kill(client._process.pid, signal.SIGSTOP)
    if state == "idle":
        assert client.poll(1.0) == []
        job = client.propagate(*case)
    last = [event for event in events_of(client, job) if event.kind != "log"][-1]
    assert last.kind == "died"
    assert "gave no sign of life for 0.6 seconds" in last.message
    assert ("did not start" in last.message) == (state == "loading")
    assert not client.is_alive


def test_a_worker_that_computes_for_long_answers(case: Case) -> None:
    client = make_client(patience=6.0)
    client.start()
    client._patience = 0.5
    assert client.run(*case, slice_seconds=0.2).labels.any()
    client.shutdown()


@posix
def test_ctrl_c_while_the_worker_starts_does_not_end_it(case: Case) -> None:
    client = make_client()
    job = client.propagate(*case)
    for _ in range(30):
        os.kill(client._process.pid, signal.SIGINT)
        client.poll(0.01)
    assert client.is_alive
    client.shutdown()
    assert [event.kind for event in client.poll() if event.job == job and event.ends_job] != ["died"]
