"""What is large of a job and of its result, in memory that client and worker share; and what a message says of it."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from PatchICLLib.errors import InputError, WorkerError
from PatchICLLib.propagation.result.packed_selections import PackedSelections
from PatchICLLib.propagation.result.propagation_result import Candidate, PropagationResult
from PatchICLLib.worker.logits_transfer import NUMBERS_PER_SLICE, pack_logits, unpack_logits
from PatchICLLib.worker.messages import VOLUMES, Message
from PatchICLLib.worker.shared_memory import SharedArray


def share(volumes: Mapping[str, np.ndarray], options: Mapping[str, Any]) -> dict[str, SharedArray]:
    """Copies of the inputs, and room for the volumes of the result.

    Args:
        volumes: "image", "painted", and those of ``VOLUME_OPTIONS`` that were given.
        options: the others.

    Raises:
        InputError: the arrays hold Python objects.
        WorkerError: there is no memory for them.
    """
    for name, array in volumes.items():
        if array.dtype.hasobject:
            raise InputError(f"{name} must be an array of numbers, but its type is {array.dtype}.")
    image, painted = volumes["image"], volumes["painted"]
    wanted = options.get("outputs", VOLUMES)
    shared: dict[str, SharedArray] = {}
    try:
        for name, array in volumes.items():
            shared[name] = SharedArray.copy_of(array)
        shared["labels"] = SharedArray.create(painted.shape, painted.dtype)
        for name in ("probability", "entropy"):
            if name in wanted:
                shared[name] = SharedArray.create(image.shape, np.dtype(np.float32))
        if options.get("candidates", 1) > 1:
            shared["candidates"] = SharedArray.create((options["candidates"] - 1, *painted.shape), painted.dtype)
        if len(options.get("logits_slices", ())):
            labels = options.get("labels")
            if labels is None:
                labels = np.unique(painted)
            room = len(options["logits_slices"]) * len(labels) * NUMBERS_PER_SLICE
            shared["logits"] = SharedArray.create((room,), np.dtype(np.float32))
    except (OSError, ValueError, MemoryError) as error:
        for made in shared.values():
            made.close_descriptor()
        raise WorkerError(f"There is not enough memory to hand the volume to the worker ({error}).") from error
    return shared


def write_result(result: PropagationResult, outputs: Mapping[str, SharedArray]) -> Message:
    """Put the volumes of ``result`` into ``outputs``, which are 0 as yet, and describe the rest as JSON."""
    written = []
    boxes = [result.box] if result.boxes is None else result.boxes
    for name in VOLUMES:
        volume = getattr(result, name)
        if volume is not None:
            target = outputs[name].array
            if (volume.shape, volume.dtype) != (target.shape, target.dtype):
                raise TypeError(
                    f"{name} must be {target.shape} {target.dtype}, but the engine gave {volume.shape} {volume.dtype}"
                )
            for box in boxes:
                target[(..., *box)] = volume[(..., *box)]
            written.append(name)
    selections = None if result.selections is None else PackedSelections.pack(result.selections).packed
    for target, candidate in zip(_others(outputs), (result.candidates or ())[1:], strict=False):
        for box in boxes:
            target[(..., *box)] = candidate.labels[(..., *box)]
    return {
        "volumes": written,
        "selections": selections,
        "report": result.report,
        "logits": None if result.logits is None else pack_logits(result.logits, outputs["logits"].array),
        "boxes": None
        if result.boxes is None
        else [[[int(span.start), int(span.stop)] for span in box] for box in result.boxes],
        "candidates": None if result.candidates is None else [one.probability for one in result.candidates],
    }


def read_result(message: Message, outputs: Mapping[str, SharedArray]) -> PropagationResult:
    """The inverse of ``write_result``; the volumes are those of ``outputs``.

    Raises:
        Exception: whatever kind, for a message that ``write_result`` does not make.
    """
    volumes: dict[str, Any] = dict.fromkeys(VOLUMES)
    volumes |= {name: outputs[name].array for name in VOLUMES if name in message["volumes"]}
    packed, described, boxes = message["selections"], message["logits"], message["boxes"]
    probabilities = message["candidates"]
    if volumes["labels"] is None or not isinstance(message["report"], dict):
        raise ValueError("its labels or its report are missing")
    return PropagationResult(
        **volumes,
        selections=None if packed is None else PackedSelections.received(packed),
        report=message["report"],
        logits=None if described is None else unpack_logits(described, outputs["logits"].array),
        boxes=None if boxes is None else tuple(_box(box) for box in boxes),
        candidates=None if probabilities is None else _candidates(volumes["labels"], outputs, probabilities),
    )


def _candidates(
    labels: np.ndarray, outputs: Mapping[str, SharedArray], probabilities: Sequence[float]
) -> tuple[Candidate, ...]:
    others = _others(outputs) if len(probabilities) > 1 else ()
    if not 1 <= len(probabilities) <= 1 + len(others) or not all(
        type(p) is float and 0 <= p <= 1 for p in probabilities
    ):
        raise ValueError("its candidates are not those asked for")
    return tuple(Candidate(one, p) for one, p in zip((labels, *others), probabilities, strict=False))


def _others(outputs: Mapping[str, SharedArray]) -> np.ndarray | tuple[()]:
    """Room for the labels of candidates but the first, which are those of the result."""
    return outputs["candidates"].array if "candidates" in outputs else ()


def _box(described: Sequence[Sequence[int]]) -> tuple[slice, slice, slice]:
    """Three slices from their first and last indices."""
    k, j, i = (slice(operator.index(first), operator.index(last)) for first, last in described)
    return k, j, i
