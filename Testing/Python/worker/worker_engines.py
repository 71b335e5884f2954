"""Engines that the tests put into a worker: quick, and badly behaved on request (option ``behave``)."""

import ctypes
import os
import signal
import sys
import time
import zlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from PatchICLLib.errors import Cancelled, InputError, WeightsError
from PatchICLLib.propagation.cancel import CancelToken
from PatchICLLib.propagation.progress import Progress
from PatchICLLib.propagation.result.propagation_result import (
    Candidate,
    LevelSelection,
    PatchBox,
    PropagationResult,
    SliceSelections,
)


class Thresholding:
    """Gives every voxel at least as bright as the painted ones' mean the value 1, one slice after another.

    What ``evidence`` says is not there stays without it. Two properties that only a shared process can have are
    reported: how often an engine was made in it, and how many jobs this one has done.
    """

    made = 0

    def __init__(self, weights: str | None, device: str) -> None:
        Thresholding.made += 1
        self.device = device
        self.pretrained = SimpleNamespace(provenance=lambda: {"name": weights})
        self.done = 0

    def propagate(
        self,
        image: np.ndarray,
        painted: np.ndarray,
        spacing: tuple[float, float, float],
        *,
        progress: Callable[[Progress], None] | None = None,
        cancel: CancelToken | None = None,
        behave: str = "well",
        slice_seconds: float = 0.0,
        outputs: Any = ("probability", "entropy", "selections"),
        candidates: int = 1,
        **options: Any,
    ) -> PropagationResult:
        evidence = options.pop("evidence", None)
        if not painted.any():
            raise InputError("Nothing is painted; paint the structure on at least one slice.")
        _misbehave(behave)
        started = time.monotonic()
        labels = painted.copy()
        probability = np.zeros(image.shape, np.float32)
        level = float(image[painted > 0].mean())
        self.done += 1

        def result() -> PropagationResult:
            others = [np.where(painted > 0, painted, labels * (labels <= number)) for number in range(candidates - 1)]
            return PropagationResult(
                labels=labels,
                probability=probability if "probability" in outputs else None,
                entropy=np.full(image.shape, 0.25, np.float32) if "entropy" in outputs else None,
                selections=_selections(len(image)) if "selections" in outputs else None,
                report={
                    "made": Thresholding.made,
                    "done": self.done,
                    "pid": os.getpid(),
                    "spacing": list(spacing),
                    "options": repr(sorted(options.items())),
                    "evidence": None if evidence is None else [str(evidence.dtype), zlib.crc32(evidence.tobytes())],
                },
                candidates=tuple(Candidate(one, 1 / candidates) for one in (labels, *others))
                if candidates > 1
                else None,
            )

        for index, plane in enumerate(image):
            if cancel is not None and cancel.cancelled and behave != "deaf":
                raise Cancelled(partial=result() if index else None)
            time.sleep(slice_seconds)
            probability[index] = plane >= level
            labels[index][plane >= level] = 1
            if evidence is not None:
                labels[index][(evidence[index] > 1) & (painted[index] == 0)] = 0
            if progress is not None:
                elapsed = time.monotonic() - started
                progress(Progress("propagating", index + 1, len(image), elapsed, None, index, labels[index]))
        return result()


def _selections(slices: int) -> tuple[SliceSelections, ...]:
    box = PatchBox(slice_index=1, corner=(0.5, 2.25), size=(8.0, 8.0), score=0.125)
    level = LevelSelection(resolution=24, patches=(box, box), context_patches=(box,), coverage=0.5, mean_entropy=0.75)
    return tuple(SliceSelections(index, 1, (level, level)) for index in range(slices))


def _misbehave(how: str) -> None:
    if how == "segfault":
        ctypes.string_at(0)
    elif how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "abort":  # what std::bad_alloc does that nobody catches
        os.abort()
    elif how == "exit":
        sys.exit(3)
    elif how == "fail":
        raise ZeroDivisionError("something nobody thought of")
    elif how == "memory":
        np.ones(1 << 52, np.uint8)
    elif how == "memory limit":
        import resource

        limits = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, limits[1]))
        try:
            np.ones(1 << 31, np.uint8)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, limits)
    elif how == "primitive":
        raise RuntimeError("could not create a primitive")
    elif how == "no descriptors":  # the next message finds no room for those that it brings
        import resource

        resource.setrlimit(resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    elif how == "no mappings":  # the next message's segments cannot be mapped
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (1 << 20, resource.getrlimit(resource.RLIMIT_AS)[1]))
    elif how == "gpu memory":
        raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")
    elif how == "garbage":
        print("a library says hello")  # to what was stdout
        os.write(1, b'{"neither": "a message"}\nno line end')
    elif how == "garbage in the protocol":
        for descriptor in map(int, os.listdir("/proc/self/fd")):
            if descriptor > 2 and _is_pipe(descriptor):
                os.write(descriptor, b"\xff\xfe{garbage\n[1, 2]\nand no line end")
    elif how == "flood":
        sys.stderr.write("a warning that fills the pipe, again and again\n" * 100_000)


def _is_pipe(descriptor: int) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}").startswith("pipe:")
    except OSError:
        return False


def without_weights(weights: str | None, device: str) -> Thresholding:
    raise WeightsError(f"There are no weights named {weights!r}; choose one of: first.")


def without_module(weights: str | None, device: str) -> Thresholding:
    import torch_of_another_world  # type: ignore[import-not-found]  # noqa: F401

    raise AssertionError


def slow_to_load(weights: str | None, device: str) -> Thresholding:
    time.sleep(1.5)
    return Thresholding(weights, device)


def never_loaded(weights: str | None, device: str) -> Thresholding:
    time.sleep(600)
    raise AssertionError


def crashes_at_load(weights: str | None, device: str) -> Thresholding:
    ctypes.string_at(0)
    raise AssertionError
