"""The messages between client and worker: one JSON object a line, ASCII, with a "type".

To the worker: propagate, cancel, health, shutdown. From the worker: ready, failed, health, progress, result,
cancelled, error. Volumes, also those among the options, travel in shared memory and are only described here; the slice
of a progress message and the selections of a result (``PackedSelections``) travel inside it, compressed.
"""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from PatchICLLib import errors
from PatchICLLib.errors import InputError, PatchICLError, WorkerError
from PatchICLLib.propagation.progress import Progress

Message = dict[str, Any]

VOLUME_OPTIONS = ("evidence",)  # options of ``propagate`` that are as large as the image, in shared memory
VOLUMES = ("labels", "probability", "entropy")  # of a PropagationResult, in shared memory
OUTPUTS = (*VOLUMES, "logits", "candidates")  # everything that comes back in shared memory
FROM_WORKER = frozenset({"ready", "failed", "health", "progress", "result", "cancelled", "error"})


def encode(message: Message) -> bytes:
    """One line, without its end.

    Raises:
        TypeError: something in ``message`` is not plain JSON.
    """
    return json.dumps(message, separators=(",", ":")).encode("ascii")


def decode(line: bytes) -> Message | None:
    """The message in ``line``, or None if the line is none: something that a library printed."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    kind = message.get("type") if isinstance(message, dict) else None
    return message if isinstance(kind, str) and kind in FROM_WORKER else None


def encode_options(options: Mapping[str, Any]) -> Message:
    """The keyword arguments of ``propagate`` as JSON that keeps tuples, sets, and the integer keys of mappings.

    Raises:
        InputError: an option is of a type that cannot be sent.
    """
    return {name: _encode_value(name, value) for name, value in options.items()}


def decode_options(message: Message) -> dict[str, Any]:
    """The inverse of ``encode_options``."""
    return {name: _decode_value(value) for name, value in message.items()}


def _encode_value(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return _encode_value(name, value.tolist())
    if isinstance(value, Mapping):
        return {"mapping": [[_encode_value(name, key), _encode_value(name, item)] for key, item in value.items()]}
    if isinstance(value, set | frozenset):
        return {"set": [_encode_value(name, item) for item in sorted(value)]}
    if isinstance(value, tuple):
        return {"tuple": [_encode_value(name, item) for item in value]}
    if isinstance(value, list | range):
        return [_encode_value(name, item) for item in value]
    raise InputError(f"The option {name} cannot be sent to the worker: it is of type {type(value).__name__}.")


def _decode_value(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode_value(item) for item in value]
    if isinstance(value, dict):
        ((kind, items),) = value.items()
        if kind == "mapping":
            return {_decode_value(key): _decode_value(item) for key, item in items}
        return (tuple if kind == "tuple" else frozenset)(_decode_value(item) for item in items)
    return value


def encode_progress(progress: Progress) -> Message:
    """Everything of ``progress`` as plain JSON."""
    labels = progress.slice_labels
    return {
        "stage": progress.stage,
        "done": int(progress.done),
        "total": int(progress.total),
        "elapsed": float(progress.elapsed),
        "remaining": None if progress.remaining is None else float(progress.remaining),
        "slice_index": None if progress.slice_index is None else int(progress.slice_index),
        "slice_labels": None if labels is None else _encode_slice(labels),
        "layer": int(progress.layer),
    }


def decode_progress(message: Message, shape: Sequence[int]) -> Progress:
    """The inverse of ``encode_progress``.

    Args:
        message: what came.
        shape: of the painting, (K, J, I) or (L, K, J, I): a slice has to be one of its slices, along any axis.

    Raises:
        KeyError, TypeError, ValueError, zlib.error: ``message`` is not what ``encode_progress`` makes.
    """
    labels = message["slice_labels"]
    progress = Progress(**{**message, "slice_labels": None if labels is None else _decode_slice(labels)})
    *layers, _, _, _ = shape
    shape = shape[-3:]
    numbers = (progress.done, progress.total, 0 if progress.slice_index is None else progress.slice_index)
    if not isinstance(progress.stage, str) or not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError("its stage or its counts are none")
    if type(progress.layer) is not int or progress.layer not in range(*(layers or [1])):
        raise ValueError("its layer is none of the painting")
    if not all(type(seconds) in (int, float) for seconds in (progress.elapsed, progress.remaining or 0.0)):
        raise ValueError("its times are no numbers")
    if progress.slice_labels is not None and not any(
        progress.slice_index in range(count) and progress.slice_labels.shape == (*shape[:axis], *shape[axis + 1 :])
        for axis, count in enumerate(shape)
    ):
        raise ValueError("its slice is none of the volume")
    return progress


def _pack(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 1)).decode("ascii")


def _unpack(data: str) -> bytes:
    return zlib.decompress(base64.b64decode(data))


def _encode_slice(labels: np.ndarray) -> Message:
    data = _pack(np.ascontiguousarray(labels).tobytes())
    return {"shape": labels.shape, "dtype": labels.dtype.str, "data": data}


def _decode_slice(message: Message) -> np.ndarray:
    dtype = np.dtype(message["dtype"])
    if dtype.kind not in "biuf":
        raise ValueError("its labels are no numbers")
    data = bytearray(_unpack(message["data"]))  # writable, like any other array
    return np.frombuffer(data, dtype=dtype).reshape(message["shape"])


def encode_error(error: PatchICLError) -> Message:
    """The class and the sentence of ``error``."""
    return {"class": type(error).__name__, "message": str(error)}


def decode_error(message: Message) -> PatchICLError:
    """An error of the class named in ``message``, as far as it is one of ``PatchICLLib.errors``."""
    kind, sentence = getattr(errors, message["class"], None), message["message"]
    if not isinstance(sentence, str) or not sentence:
        raise TypeError("its error has no sentence")
    if isinstance(kind, type) and issubclass(kind, PatchICLError):
        return kind(sentence)
    return WorkerError(sentence)
