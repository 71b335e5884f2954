"""A worker without a network: copies the nearest painted slice, one slice per poll, with the real worker's interface."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

LEVELS = (24, 64)


@dataclass(frozen=True)
class Selections:
    """Stands for PatchICLLib.propagation.SliceSelections, of which the module uses these attributes and to_json."""

    slice_index: int
    label: int
    levels: tuple

    def to_json(self) -> dict[str, Any]:
        def plain(value):
            if isinstance(value, (list, tuple)):
                return [plain(entry) for entry in value]
            if isinstance(value, (SimpleNamespace, Selections)):
                return {name: plain(entry) for name, entry in vars(value).items()}
            return value

        return plain(self)


class NearestSliceWorker:
    """Attributes: calls: arguments of every `propagate`; failure: message to end the next job with, if any."""

    def __init__(self, device: str = "auto", weights: str = "", slicesPerPoll: int = 1):
        self.device, self.weights = device, weights
        self.slicesPerPoll = slicesPerPoll
        self.calls: list[SimpleNamespace] = []
        self.failure = ""
        self.died = False
        self.is_alive = False
        self._steps = iter(())
        self._job = 0
        self._cancelled = False
        self._busy = False

    def start(self, timeout: float = 60.0) -> None:
        self.is_alive = True

    def health(self) -> dict[str, Any]:
        return {"state": "idle", "device": "cpu", "torch": "2.13.0", "patchicl": "0.1.0", "weights": None}

    def propagate(self, image, painted, spacing, **options) -> int:
        assert not self._busy, "a worker runs one job at a time"
        self.is_alive = self._busy = True
        self._cancelled = False
        self._job += 1
        self.calls.append(SimpleNamespace(image=image.copy(), painted=painted.copy(), spacing=spacing, options=options))
        self._steps = self._run(self.calls[-1])
        return self._job

    def poll(self, timeout: float = 0.0) -> list[SimpleNamespace]:
        return [event for _number, event in zip(range(self.slicesPerPoll), self._steps)]

    def cancel(self) -> None:
        self._cancelled = True

    def shutdown(self, timeout: float = 5.0) -> None:
        self.is_alive = self._busy = False
        self._steps = iter(())

    def _event(self, kind: str, progress=None, result=None, message: str = "") -> SimpleNamespace:
        if kind != "progress":
            self._busy = False
        return SimpleNamespace(kind=kind, job=self._job, progress=progress, result=result, message=message)

    def _run(self, call):
        axis = call.options["axis"]
        painted = np.moveaxis(call.painted, axis, 0)
        labels = painted.copy()
        entropy = np.zeros(painted.shape, np.float32)
        declared = {index for indices in call.options["painted_slices"].values() for index in indices}
        known = sorted({int(index) for index in np.flatnonzero(painted.any(axis=(1, 2)))} | declared)
        first, last = known[0], known[-1]
        if isinstance(call.options["extent"], tuple):
            first, last = call.options["extent"]
        order = sorted(set(range(first, last + 1)) - set(known), key=lambda index: (distance(index, known), index))
        rows, selections = [{"index": index, "label": 1, "uncertainty": 0.0, "distance_mm": 0.0} for index in known], []
        for number, index in enumerate(order, start=1):
            if self.failure:
                failure, self.failure = self.failure, ""
                yield self._event("died" if self.died else "error", message=failure)
                return
            if self._cancelled:
                yield self._event("cancelled", result=self._result(call, labels, entropy, rows, selections, order))
                return
            nearest = min(known, key=lambda other: abs(other - index))
            labels[index] = painted[nearest]
            entropy[index] = borderEntropy(labels[index] > 0) * min(1.0, 0.4 + 0.15 * abs(index - nearest))
            rows.append(self._row(call, index, known, entropy[index]))
            selections.append(fakeSelections(index, nearest, labels[index] > 0))
            progress = SimpleNamespace(
                stage="propagating",
                done=number,
                total=len(order),
                elapsed=0.1 * number,
                remaining=0.1 * (len(order) - number),
                slice_index=index,
                slice_labels=labels[index].copy(),
            )
            yield self._event("progress", progress=progress)
        yield self._event("result", result=self._result(call, labels, entropy, rows, selections, order))

    def _row(self, call, index, known, entropy):
        step = call.spacing[call.options["axis"]]
        uncertain = float(entropy[entropy > 0].mean()) if entropy.any() else 0.0
        return {
            "index": index,
            "label": 1,
            "uncertainty": uncertain,
            "distance_mm": distance(index, known) * step,
        }

    def _result(self, call, labels, entropy, rows, selections, order):
        axis = call.options["axis"]
        unsure = [row for row in rows if row["uncertainty"] > 0]
        report = {
            "version": "0.1.0",
            "weights": {"name": "test", "sha256": "0" * 64, "preset": "sparse"},
            "seed": call.options["seed"],
            "device": "cpu",
            "axis": axis,
            "painted_slices": {"1": [row["index"] for row in rows if not row["uncertainty"]]},
            "timings": {"total": 1.0},
            "slices": rows,
            "suggested_next_slice": max(unsure, key=lambda row: row["uncertainty"])["index"] if unsure else None,
            "extent": [min(order, default=0), max(order, default=0)],
            "shape": list(call.painted.shape),
            "spacing": list(call.spacing),
        }
        return SimpleNamespace(
            labels=np.moveaxis(labels, 0, axis).astype(call.painted.dtype),
            probability=None,
            entropy=np.moveaxis(entropy, 0, axis),
            selections=tuple(selections),
            report=copy.deepcopy(report),
        )


def distance(index: int, known) -> int:
    return min(abs(index - other) for other in known)


def borderEntropy(mask: np.ndarray) -> np.ndarray:
    """1 on both sides of the border of a mask, 0 elsewhere."""
    border = np.zeros(mask.shape, np.float32)
    for axis in range(2):
        changes = np.diff(mask.astype(np.int8), axis=axis) != 0
        before = [slice(None)] * 2
        after = [slice(None)] * 2
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        border[tuple(before)] += changes
        border[tuple(after)] += changes
    return np.minimum(border, 1)


def fakeSelections(index: int, nearest: int, mask: np.ndarray) -> Selections:
    """Patches of 16, then 8 voxels on the corners of the mask."""
    rows, columns = np.nonzero(mask) if mask.any() else (np.array([8]), np.array([8]))
    corners = [(float(row), float(column)) for row in (rows.min(), rows.max()) for column in (columns.min(), columns.max())]
    levels = []
    for level, resolution in enumerate(LEVELS):
        size = 16 // (level + 1)

        def box(corner, sliceIndex, size=size):
            corner = [value - size / 2 for value in corner]
            return SimpleNamespace(slice_index=sliceIndex, corner=corner, size=[size, size], score=0.5)

        levels.append(
            SimpleNamespace(
                resolution=resolution,
                patches=[box(corner, index) for corner in corners],
                context_patches=[box(corner, nearest) for corner in corners[:2]],
                coverage=0.2 * (level + 1),
                mean_entropy=0.5 / (level + 1),
            )
        )
    return Selections(index, 1, tuple(levels))
