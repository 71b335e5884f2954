"""A worker never outlives its client."""

import json
import signal
import subprocess
import sys

import pytest

from PatchICLLib.worker.python_executable import worker_environment

from .conftest import ENGINE, ENVIRONMENT, runs, wait_until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")

CLIENT = """
import sys, time
import numpy as np
from PatchICLLib.worker import WorkerClient
client = WorkerClient(engine="worker_engines:Thresholding")
client.start()
pid = client.health()["pid"]
if sys.argv[1] == "busy":
    painted = np.zeros((3, 4, 5), np.uint8); painted[1] = 1
    client.propagate(np.ones((3, 4, 5)), painted, slice_seconds=60.0, behave="deaf")
    while client.health()["state"] != "busy": pass
print(pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("state", ["idle", "busy"])
def test_worker_exits_when_its_client_is_killed(state: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CLIENT, state],
        env=worker_environment(True, ENVIRONMENT),
        stdout=subprocess.PIPE,
    ) as client:
        assert client.stdout is not None
        pid = int(client.stdout.readline())
        assert runs(pid)
        client.send_signal(signal.SIGKILL)
    wait_until(lambda: not runs(pid))


def told(message: bytes) -> subprocess.CompletedProcess[bytes]:
    """What a worker on a plain pipe makes of a message."""
    command = [sys.executable, "-m", "PatchICLLib.worker", "--engine", ENGINE]
    return subprocess.run(
        command, env=worker_environment(True, ENVIRONMENT), input=message + b"\n", capture_output=True, timeout=20
    )


def test_worker_on_a_plain_pipe_answers_and_exits_at_its_end() -> None:
    done = told(b'{"type":"health"}')
    assert done.returncode == 0
    answers = [json.loads(line) for line in done.stdout.splitlines() if line]
    assert "health" in {answer["type"] for answer in answers}


def test_worker_that_is_told_nonsense_exits_and_says_why() -> None:
    done = told(b'{"type":"dance"}')
    assert done.returncode == 1
    assert b"unknown type of message: 'dance'" in done.stderr
