"""Adaptation as a job of the worker: with the engine's weights, and its outcome as a report."""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch

from PatchICLLib.adaptation.adapt import AdaptationOptions, Outcome, adapt
from PatchICLLib.errors import InputError
from PatchICLLib.library import Library
from PatchICLLib.propagation import CancelToken
from PatchICLLib.propagation.progress import Progress
from PatchICLLib.weights import Pretrained


def adapt_in_worker(
    engine: Any, folder: str, minutes: float, report: Callable[[Progress], None], cancel: CancelToken
) -> dict[str, Any]:
    """What came of it, as plain JSON: attributes of `Outcome`, with `kept` instead of `weights`.

    Args:
        engine: whose weights are adapted, where it computes.
        folder: of the library.
        minutes: of training.
        report: told of each step; its stages are "Training" and "Measuring".
        cancel: token that stops it.

    Raises:
        InputError: as of `adapt`, or the engine has no weights that could learn.
        Stopped: it was cancelled; asked again, it goes on from there.
    """
    pretrained, device = getattr(engine, "pretrained", None), getattr(engine, "device", None)
    if not isinstance(pretrained, Pretrained) or not isinstance(device, torch.device):
        raise InputError("This engine has no weights that could learn from a library.")
    began = time.monotonic()

    def show(stage: str, done: int, total: int) -> None:
        report(Progress(stage, done, total, time.monotonic() - began))

    # no processes of its own: this one is already beside the application
    options = AdaptationOptions(minutes, str(device), workers=0)
    return told(adapt(Library.open(folder), pretrained, options, show, cancel))


def told(outcome: Outcome) -> dict[str, Any]:
    return {
        "kept": outcome.weights is not None,
        "steps": outcome.steps,
        "left_out": outcome.left_out,
        "gains": [asdict(one) for one in outcome.gains],
        "used": sorted(outcome.used),
    }
