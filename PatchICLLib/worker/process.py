"""The child process of a client: started, written to, read from, ended. Knows lines and messages, not their meaning."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from PatchICLLib.errors import WorkerError
from PatchICLLib.runtime.child_process import starting
from PatchICLLib.worker.failures import describe_death
from PatchICLLib.worker.messages import Message, decode, encode
from PatchICLLib.worker.transport import LineReader, Outbox, wait_for_input

_NO_WINDOW = 0
_KILL = signal.SIGTERM  # on Windows any signal ends a process at once
if sys.platform == "win32":
    _NO_WINDOW = subprocess.CREATE_NO_WINDOW
else:
    _KILL = signal.SIGKILL
_MESSAGE_PATIENCE = 0.01  # seconds
_CLOSED_BUT_ALIVE = 2.0  # seconds until a worker that has closed its stdout is ended


class WorkerProcess:
    """One run of ``python -m PatchICLLib.worker``.

    Attributes:
        ended: whether the process is gone and everything it said was received.
        worker_pid: the process that computes, once known: under a launcher such as PythonSlicer not the one started.

    Raises:
        WorkerError: the interpreter cannot be started.
    """

    def __init__(self, python: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self.python = python
        self.ended = False
        self.worker_pid: int | None = None
        self._outbox = Outbox()
        self._send_lock = threading.Lock()
        try:
            with starting():
                self._process = subprocess.Popen(
                    [str(python), "-m", "PatchICLLib.worker", *arguments],
                    stdin=self._outbox.child_end,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=dict(environment),
                    creationflags=_NO_WINDOW,
                )
        except OSError as error:
            self._outbox.close()
            raise WorkerError(f"The worker cannot be started with {python}: {error.strerror or error}.") from error
        finally:
            self._outbox.child_started()
        assert self._process.stdout is not None and self._process.stderr is not None
        self._messages = LineReader(self._process.stdout)
        self._prints = LineReader(self._process.stderr)
        self._last_prints: deque[str] = deque(maxlen=200)
        self._closed_at: float | None = None

    @property
    def alive(self) -> bool:
        """Whether the process runs, whatever of its output has not been read yet."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Send ``message``, from any thread. A worker that is gone is not an error here: ``receive`` tells."""
        with self._send_lock, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._outbox.send(encode(message), descriptors)

    def receive(self, timeout: float) -> list[Message | str]:
        """Messages, and lines that were printed, that have come; waits for the first at most ``timeout`` seconds.

        A message that has come in part is waited for a hundredth of a second longer: a pipe holds only the beginning
        of a long one.
        """
        deadline = time.monotonic() + timeout
        while True:
            received = self._read()
            left = deadline - time.monotonic() + (_MESSAGE_PATIENCE if self._messages.in_a_line else 0.0)
            if received or left <= 0 or self.ended:
                return received
            if self._messages.ended:
                time.sleep(min(left, 0.005))  # dying
            else:
                wait_for_input([self._messages, self._prints], min(left, 0.2))

    def _read(self) -> list[Message | str]:
        gone = not self.alive  # asked first: what was said before is then certain to be in the pipes
        received: list[Message | str] = []
        for line in self._messages.read_lines():
            message = decode(line)
            received.append(line.decode(errors="replace") if message is None else message)
        for line in self._prints.read_lines():
            received.append(line.decode(errors="replace"))
            self._last_prints.append(str(received[-1]))
        self.ended = gone
        if self._messages.ended and not gone:
            self._closed_at = self._closed_at or time.monotonic()
            if time.monotonic() - self._closed_at > _CLOSED_BUT_ALIVE:
                self.kill()
        return received

    def describe_death(self) -> str:
        """How it ended, and what it said about that."""
        return describe_death(self._process.returncode, self._last_prints)

    def wait(self, timeout: float) -> bool:
        """Wait until it is gone, reading on so that it can write; whether it went."""
        deadline = time.monotonic() + timeout
        while self.alive and (left := deadline - time.monotonic()) > 0:
            self.receive(min(left, 0.05))
        return not self.alive

    def kill(self) -> None:
        """End it now, with the worker proper if a launcher stands between, and close the pipes."""
        if self.alive:
            if self.worker_pid not in (None, self.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.worker_pid, _KILL)
            self._process.kill()
            self._process.wait()
        self.close()

    def close(self) -> None:
        """Close the pipes; a worker that still runs then ends itself."""
        with self._send_lock:
            self._outbox.close()
        self._messages.close()
        self._prints.close()
