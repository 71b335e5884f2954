"""The worker process: a thread reads messages, so that cancel and health are heard while the main thread computes."""

import argparse
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from functools import partial

from PatchICLLib.errors import WorkerError
from PatchICLLib.worker.events import WorkerEvent
from PatchICLLib.worker.failures import error_of, load_error_of
from PatchICLLib.worker.health import describe_worker
from PatchICLLib.worker.jobs import DEFAULT_ENGINE, Engine, Job, JobRunner, load_engine
from PatchICLLib.worker.messages import (
    OUTPUTS,
    VOLUME_OPTIONS,
    Message,
    decode_options,
    encode,
    encode_error,
    encode_progress,
)
from PatchICLLib.worker.shared_memory import SharedArray
from PatchICLLib.worker.transport import Inbox
from PatchICLLib.worker.volume_transfer import write_result

logger = logging.getLogger("PatchICLLib.worker")


class Server:
    """Answers the messages of one client until it says shutdown or is gone.

    Args:
        inbox: the messages.
        output: file descriptor that the answers are written to.
        engine, weights, device: see ``load_engine``.
    """

    def __init__(self, inbox: Inbox, output: int, engine: str, weights: str | None, device: str) -> None:
        self._inbox = inbox
        self._output = output
        self._output_lock = threading.Lock()
        self._runner = JobRunner(partial(load_engine, engine, weights, device), self._emit)
        self._engine: Engine | None = None
        self._device = device
        self._outputs: dict[int, dict[str, SharedArray]] = {}

    def run(self) -> int:
        """Load the engine, then work until told to stop; the exit code of the process."""
        self._send({"type": "health", **self._health()})  # at once: behind a launcher the client knows no other number
        threading.Thread(target=self._read_messages, daemon=True).start()
        try:
            self._runner.run(self._ready)
        except Exception as error:  # of loading the engine: the client shows it
            logger.exception("the engine could not be loaded")
            self._send({"type": "failed", "error": encode_error(load_error_of(error, sys.executable))})
            return 1
        return 0

    def _ready(self, engine: Engine) -> None:
        self._engine = engine
        self._send({"type": "ready", **self._health()})

    def _health(self) -> Message:
        return describe_worker(self._engine, self._runner.busy, self._device)

    def _read_messages(self) -> None:
        """Act on messages; in its own thread. Without a client there is nothing left to do or to save."""
        try:
            while (line := self._inbox.next_line()) is not None:
                self._act(json.loads(line))
        except Exception:  # a worker that no longer hears is worse than none
            logger.exception("a message could not be understood")
            os._exit(1)
        os._exit(0)

    def _act(self, message: Message) -> None:
        if message["type"] == "propagate":
            self._submit(message)
        elif message["type"] == "cancel":
            self._runner.cancel(message["job"])
        elif message["type"] == "health":
            self._send({"type": "health", **self._health()})
        elif message["type"] == "shutdown":
            self._runner.stop()
        else:
            raise ValueError(f"unknown type of message: {message['type']!r}")

    def _submit(self, message: Message) -> None:
        number = message["job"]
        descriptors = self._inbox.take_descriptors(len(message["arrays"]))
        try:
            shared = SharedArray.attach_all(message["arrays"], descriptors)
        except (OSError, ValueError, MemoryError) as error:
            failure = error_of(error)
            self._emit(WorkerEvent("error", number, message=str(failure), error=failure))
            self._runner.stop()
            return
        self._outputs[number] = {name: shared[name] for name in OUTPUTS if name in shared}
        options = decode_options(message["options"])
        options |= {name: shared[name].array for name in VOLUME_OPTIONS if name in shared}
        self._runner.submit(
            Job(number, shared["image"].array, shared["painted"].array, tuple(message["spacing"]), options)
        )

    def _emit(self, event: WorkerEvent) -> None:
        """Send ``event``; volumes go to the shared memory that came with the job."""
        outputs = self._outputs.pop(event.job, {}) if event.ends_job and event.job is not None else {}
        message: Message = {"type": event.kind, "job": event.job, "message": event.message}
        if event.progress is not None:
            message["progress"] = encode_progress(event.progress)
        if event.error is not None:
            message["error"] = encode_error(event.error)
        try:
            if event.result is not None:
                message["result"] = write_result(event.result, outputs)
            self._send(message)
        except TypeError as error:  # of an engine that does not keep to the contract of PropagationResult
            if not event.ends_job:
                raise
            failure = WorkerError(f"The engine returned a result that cannot be sent: {error}.")
            self._send({"type": "error", "job": event.job, "message": str(failure), "error": encode_error(failure)})

    def _send(self, message: Message) -> None:
        # The line end in front closes whatever a library may have written to the same place without one.
        data = memoryview(b"\n" + encode(message) + b"\n")
        with self._output_lock:
            while data:
                data = data[os.write(self._output, data) :]


def take_over_standard_streams() -> tuple[Inbox, int]:
    """Keep stdin and stdout for the messages, and give libraries /dev/null to read and stderr to print to."""
    inbox = Inbox(os.dup(0))
    output = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return inbox, output


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a worker on this process's stdin and stdout; see ``python -m PatchICLLib.worker --help``."""
    parser = argparse.ArgumentParser(
        prog="python -m PatchICLLib.worker",
        description="Propagate painted slices for a client that talks JSON lines over stdin and stdout.",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--weights", help="name of bundled weights, or a file")
    parser.add_argument(
        "--engine",
        default=DEFAULT_ENGINE,
        metavar="MODULE:ATTRIBUTE",
        help="callable that takes weights and device and returns an object with Propagator's propagate (%(default)s)",
    )
    options = parser.parse_args(arguments)
    inbox, output = take_over_standard_streams()
    # Ctrl+C in a terminal reaches every process of the group: what it means is the client's decision.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return Server(inbox, output, options.engine, options.weights, options.device).run()
