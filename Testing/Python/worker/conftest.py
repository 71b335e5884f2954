import importlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from PatchICLLib.worker import InProcessWorker, Worker, WorkerClient, WorkerEvent

FOLDER = str(Path(__file__).parent)
ENVIRONMENT = {"PYTHONPATH": FOLDER, "OMP_NUM_THREADS": "1"}
ENGINE = "worker_engines:Thresholding"
Case = tuple[np.ndarray, np.ndarray, tuple[float, float, float]]


def make_client(engine: str = "Thresholding", **arguments: object) -> WorkerClient:
    """A client, not started, of one of the engines in ``worker_engines``."""
    arguments = {"environment": ENVIRONMENT, **arguments}
    return WorkerClient(engine=f"worker_engines:{engine}", **arguments)  # type: ignore[arg-type]


def events_of(worker: Worker, job: int, timeout: float = 20.0) -> list[WorkerEvent]:
    """All events until ``job`` has ended, which must be within ``timeout`` seconds; the one that ends it is last."""
    events: list[WorkerEvent] = []
    deadline = time.monotonic() + timeout
    while not any(event.job == job and event.ends_job for event in events):
        assert time.monotonic() < deadline, f"job {job} did not end; so far {[event.kind for event in events]}"
        events += worker.poll(0.05)
    return sorted(events, key=lambda event: event.job == job and event.ends_job)


def wait_for_progress(worker: Worker, timeout: float = 20.0) -> None:
    """Until the running job reports progress, which it must before it ends."""
    deadline = time.monotonic() + timeout
    while True:
        kinds = {event.kind: event.message for event in worker.poll(0.05)}
        if "progress" in kinds:
            return
        assert not kinds.keys() - {"log"}, kinds
        assert time.monotonic() < deadline, "no progress"


def wait_until(condition: object, timeout: float = 10.0) -> None:
    """Wait for ``condition()``; fail after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.01)


def runs(pid: int) -> bool:
    """Whether process ``pid`` exists and is not merely waiting to be reaped."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture(scope="session")
def engines() -> Iterator[object]:
    """The engines, importable by name in this process too, as they are in the workers."""
    sys.path.insert(0, FOLDER)
    yield importlib.import_module("worker_engines")
    sys.path.remove(FOLDER)


@pytest.fixture(scope="module")
def shared_client() -> Iterator[WorkerClient]:
    """One worker process for all tests of a module that can share it."""
    with make_client() as client:
        yield client


@pytest.fixture
def client(shared_client: WorkerClient) -> WorkerClient:
    """The shared worker, started again if a test has ended it, with no events left from before."""
    shared_client.start()
    shared_client.poll()
    return shared_client


@pytest.fixture(params=["process", "thread"])
def worker(request: pytest.FixtureRequest, engines: object) -> Iterator[Worker]:
    """Either kind of worker: what is tested with this holds for both."""
    if request.param == "process":
        yield request.getfixturevalue("client")
    else:
        with InProcessWorker(engine=ENGINE) as worker:
            yield worker


@pytest.fixture
def case() -> Case:
    """Image, painted and spacing of a bright ball in noise, painted on its middle slice."""
    k, j, i = np.mgrid[:12, :20, :24]
    ball = (k - 6) ** 2 * 4 + (j - 9) ** 2 + (i - 12) ** 2 < 49
    image = np.where(ball, 200.0, 20.0) + np.random.default_rng(0).normal(0, 5, ball.shape)
    painted = np.zeros(ball.shape, np.uint8)
    painted[6] = ball[6]
    return image.astype(np.int16), painted, (3.0, 0.5, 0.5)


def open_things() -> tuple[set[str], int]:
    """What a leak would add to: named shared memory, and descriptors of this process."""
    return set(os.listdir("/dev/shm")), len(os.listdir("/proc/self/fd"))
