"""A worker without a network: copies the nearest painted slice, one per poll, with the real worker's interface.

Where `evidence` says that a label is not, there is none unless it is painted; voxels that stand for themselves are as
painted.
"""

from itertools import islice
from types import SimpleNamespace
from typing import Any

import numpy as np

from PatchICLLib.propagation.geometry.axis import thickest_axis
from PatchICLLib.propagation.geometry.evidence import SINGLE
from PatchICLLib.propagation.geometry.planes import find_planes
from PatchICLLib.propagation.progress import Progress
from PatchICLLib.propagation.result.propagation_result import (
    Candidate,
    LevelSelection,
    PatchBox,
    PropagationResult,
    SliceSelections,
)
from PatchICLLib.propagation.result.slice_logits import LevelLogits, SliceLogits
from PatchICLLib.version import __version__
from PatchICLLib.worker.events import WorkerEvent

LEVELS = (24, 64)


class Facts:
    """What a call says of voxels.

    Attributes:
        axis: main axis.
        drawn: (L, K, J, I), the painting without voxels that stand for themselves.
        exact: (L, K, J, I) bool, where the painting holds, zeros included.
        codes: (K, J, I), of what is known.
    """

    def __init__(self, call, layers: np.ndarray):
        options = call.options
        self.codes = np.zeros(call.image.shape, np.uint8) if call.evidence is None else call.evidence
        single = self.codes == SINGLE
        self.options, self.drawn = options, np.where(single, np.uint8(0), layers)
        self.axis, self.isMixed = options["axis"], options["axis"] is None
        if self.isMixed and self.drawn.any():
            self.axis = find_planes(self.drawn, call.spacing, options["painted_slices"]).main
        elif self.isMixed:
            self.axis = thickest_axis(call.spacing)
        self._others = tuple(axis for axis in range(3) if axis != self.axis)
        self.exact = single & (layers > 0)
        for layer, painted in enumerate(self.drawn):
            for label in np.unique(painted[painted > 0]).tolist():
                for axis, index in options["painted_slices"].get(label, ()) if self.isMixed else ():
                    self.exact[layer][(slice(None),) * axis + (index,)] = True
        self._forbidden = np.zeros((256, 256), bool)  # by code and label
        self._forbidden[2:, 1:] = True
        for code, labels in options.get("excluded", {}).items():
            self._forbidden[code] = False
            self._forbidden[code, labels] = True

    def range(self, layer: int) -> tuple[int, int]:
        """First and last slice of the main axis that anything is drawn on."""
        drawn = np.flatnonzero(self.drawn[layer].any(axis=self._others)).tolist()
        return drawn[0], drawn[-1]

    def forbids(self, index: int, labels: np.ndarray) -> np.ndarray:
        """Where labels that are proposed for a slice are not."""
        return self._forbidden[np.take(self.codes, index, axis=self.axis), labels]

    def slicesOf(self, layer: int, values) -> set[int]:
        """Slices of the main axis that are painted in a layer."""
        declared, ignored = (
            [plane for label in values for plane in self.options[name].get(label, ())]
            for name in ("painted_slices", "ignore_slices")
        )
        if self.isMixed:
            return {index for axis, index in declared if axis == self.axis}
        return {*np.flatnonzero(self.drawn[layer].any(axis=self._others)).tolist(), *declared} - set(ignored)


class NearestSliceWorker:
    """Attributes: calls: arguments of every `propagate`; failure: message to end the next job with, if any; prints:
    lines that it prints before that; died: whether it is gone then; gain: of adaptations, on the case left
    out; answers: most that it gives.
    """

    def __init__(self, device: str = "auto", weights: str = "", slicesPerPoll: int = 1):
        self.device, self.weights = device, weights
        self.slicesPerPoll = slicesPerPoll
        self.calls: list[SimpleNamespace] = []
        self.failure = ""
        self.prints: list[str] = []
        self.answers = 4
        self.died = False
        self.gain = 0.03
        self._adapted = 0  # steps
        self.is_alive = False
        self._steps = iter(())
        self._job = 0
        self._moved = 0
        self._cancelled = False
        self._busy = False

    def start(self, timeout: float = 60.0) -> None:
        self.is_alive = True

    def health(self) -> dict[str, Any]:
        return {"state": "idle", "device": "cpu", "torch": "2.13.0", "patchicl": __version__, "weights": None}

    def propagate(self, image, painted, spacing, **options) -> int:
        assert not self._busy, "a worker runs one job at a time"
        self.is_alive = self._busy = True
        self._cancelled = False
        self._job += 1
        evidence = options.pop("evidence", None)
        self.calls.append(
            SimpleNamespace(
                image=image.copy(),
                painted=painted.copy(),
                spacing=spacing,
                options=options,
                evidence=None if evidence is None else evidence.copy(),
            )
        )
        kinds = {"follow": self._follow, "adapt": self._adapt}
        make = next((kinds[name] for name in kinds if name in options), self._run)
        self._steps = make(self.calls[-1])
        return self._job

    def poll(self, timeout: float = 0.0) -> list[WorkerEvent]:
        return list(islice(self._steps, self.slicesPerPoll))

    def cancel(self) -> None:
        self._cancelled = True

    def shutdown(self, timeout: float = 5.0) -> None:
        self.is_alive = self._busy = False
        self._steps = iter(())

    def _event(self, kind: str, progress=None, result=None, message: str = "") -> WorkerEvent:
        if kind not in ("progress", "log"):
            self._busy = False
        return WorkerEvent(kind, self._job, progress, result, message)

    def _follow(self, call):
        """As if everything moved by one voxel along i from frame to frame."""
        if self.failure:
            failure, self.failure = self.failure, ""
            yield self._event("error", message=failure)
        elif self._cancelled:
            yield self._event("cancelled")
        else:
            self._moved = 0 if call.options["follow"] == "painted" else self._moved + 1
            labels = np.roll(call.painted, self._moved, axis=-1)
            alike = 0.3 if self._moved == 2 else 0.9
            report = {"alike": alike, "farthest_mm": float(self._moved)}
            yield self._event("result", result=PropagationResult(labels, None, None, None, report))

    def _adapt(self, call):
        """Six steps, as many as it was stopped before fewer, and two measurements."""
        for stage, total in (("Training", 6), ("Measuring", 2)):
            first = self._adapted if stage == "Training" else 0
            for done in range(first + 1, total + 1):
                if self.failure:
                    failure, self.failure = self.failure, ""
                    yield self._event("error", message=failure)
                    return
                if self._cancelled:
                    yield self._event("cancelled")
                    return
                self._adapted = done if stage == "Training" else self._adapted
                yield self._event("progress", progress=Progress(stage, done, total, 0.1 * done))
        self._adapted = 0
        gains = [{"structure": 1, "before": 0.85, "after": 0.85 + self.gain}]
        kept = self.gain > 0.005
        report = {"kept": kept, "steps": 6, "left_out": 3, "gains": gains, "used": [1] if kept else []}
        yield self._event("result", result=PropagationResult(call.painted, None, None, None, report))

    def _run(self, call):
        layers = call.painted if call.painted.ndim == 4 else call.painted[np.newaxis]
        facts = Facts(call, layers)
        self._axis = axis = facts.axis
        labels = np.moveaxis(facts.drawn, axis + 1, 1).copy()
        told, exact = np.moveaxis(layers, axis + 1, 1), np.moveaxis(facts.exact, axis + 1, 1)
        entropy = np.zeros(labels.shape[1:], np.float32)
        rows, selections, todo, self._found = [], [], [], set()
        seen = set(np.unique(labels).tolist())
        for layer, painted in enumerate(labels):
            values = [int(label) for label in np.unique(painted) if label]
            known = sorted(facts.slicesOf(layer, values))
            if not known:  # what a library finds by itself: a square on the slice in the middle
                known = [len(painted) // 2]
                values = values or [label for label in call.options["match"] if label not in seen]
                labels[layer][known[0], 4:9, 4:9] = values[0]
                self._found.add(values[0])
            isRange = facts.isMixed and facts.drawn[layer].any()
            first, last = facts.range(layer) if isRange else (known[0], known[-1])
            if isinstance(call.options["extent"], tuple):
                first, last = call.options["extent"]
            order = sorted(set(range(first, last + 1)) - set(known), key=lambda index: (distance(index, known), index))
            rows += [{"index": index, "label": values[0], "uncertainty": 0.0, "distance_mm": 0.0} for index in known]
            todo += [(layer, values[0], index, known) for index in order]
            held = exact[layer] | (told[layer] > 0)
            labels[layer][held] = told[layer][held]
        for number, (layer, label, index, known) in enumerate(todo, start=1):
            if self.failure:
                failure, self.failure = self.failure, ""
                for line in self.prints:
                    yield self._event("log", message=line)
                yield self._event("died" if self.died else "error", message=failure)
                return
            if self._cancelled:
                yield self._event("cancelled", result=self._result(call, labels, entropy, rows, selections, todo))
                return
            nearest = min(known, key=lambda other: abs(other - index))
            filled = np.where(labels[layer][index] > 0, labels[layer][index], labels[layer][nearest])
            filled[facts.forbids(index, filled)] = 0
            held = exact[layer][index] | (told[layer][index] > 0)
            labels[layer][index] = np.where(held, told[layer][index], filled)
            unsure = borderEntropy(labels[layer][index] > 0) * min(1.0, 0.4 + 0.15 * abs(index - nearest))
            entropy[index] = np.maximum(entropy[index], unsure)
            rows.append(self._row(call, index, label, known, unsure))
            selections.append(fakeSelections(index, nearest, labels[layer][index] > 0, label))
            progress = Progress(
                stage="propagating",
                done=number,
                total=len(todo),
                elapsed=0.1 * number,
                remaining=0.1 * (len(todo) - number),
                slice_index=index,
                slice_labels=labels[layer][index].copy(),
                layer=layer,
            )
            yield self._event("progress", progress=progress)
        yield self._event("result", result=self._result(call, labels, entropy, rows, selections, todo))

    def _row(self, call, index, label, known, entropy):
        step = call.spacing[self._axis]
        uncertain = float(entropy[entropy > 0].mean()) if entropy.any() else 0.0
        return {
            "index": index,
            "label": label,
            "uncertainty": uncertain,
            "distance_mm": distance(index, known) * step,
        }

    def _result(self, call, labels, entropy, rows, selections, todo):
        axis = self._axis
        unsure = [row for row in rows if row["uncertainty"] > 0]
        painted = {str(row["label"]): [] for row in rows if row["label"] not in self._found}
        for row in rows:
            if not row["uncertainty"] and row["label"] not in self._found:
                painted[str(row["label"])].append(row["index"])
        report = {
            "patchicl": __version__,
            "weights": {"name": "test", "preset": "sparse", "sha256": "0" * 64},
            "device": "cpu",
            "seed": call.options["seed"],
            "prior": call.options["prior"],
            "context_size": call.options["context_size"],
            "patch_budget": call.options["patch_budget"],
            "field_of_view": call.options["field_of_view"],
            "region": call.options["region"],
            "memory_was_short": False,
            "axis": "kji"[axis],
            "painted_slices": painted,
            "complete": True,
            "timings": {"total_seconds": 0.1 * len(todo), "computed_slices": len(todo)},
            "slices": unsure,
            "suggested_next_slice": max(unsure, key=lambda row: row["uncertainty"])["index"] if unsure else None,
            "extent": call.options["extent"],
            "shape": list(call.image.shape),
            "spacing": list(call.spacing),
        }
        if "library" in call.options:
            cases = [{"case": 1, "axis": "k", "slices": [2, 3]}, {"case": 2, "axis": "k", "slices": [4]}]
            report["library"] = {str(label): {"weight": 1.0, "cases": cases} for label in call.options["match"]}
        found = np.moveaxis(labels, 1, axis + 1).reshape(call.painted.shape)
        return PropagationResult(
            found,
            None,
            np.moveaxis(entropy, 0, axis),
            tuple(selections),
            report,
            tuple(fakeLogits(entry) for entry in selections if entry.slice_index in call.options["logits_slices"])
            if call.options.get("logits_slices")
            else None,
            candidates=self._candidates(call, found, todo, report),
        )

    def _candidates(self, call, found, todo, report):
        """As many as were asked for: one that leaves out the last filled slice, one the last two, and so on."""
        count, filled = call.options.get("candidates", 1), sorted({index for _layer, _label, index, _known in todo})
        if count == 1 or self._cancelled:
            return None
        candidates = []
        for number in range(min(count, self.answers)):
            labels = found.copy()
            for index in filled[len(filled) - number :]:
                place = (..., index, *[slice(None)] * (2 - self._axis))
                labels[place] = call.painted[place]
            candidates.append(Candidate(labels, (0.5, 0.25, 0.15, 0.1)[number]))
        places = [None, *(filled[-number] for number in range(1, len(candidates)))]
        report["candidates"] = [
            {"probability": one.probability, "most_different_slice": place}
            for one, place in zip(candidates, places, strict=True)
        ]
        return tuple(candidates)


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


def fakeLogits(selection: SliceSelections) -> SliceLogits:
    """Undecided before the first level; after each level an inner square belongs, more surely from level to level."""
    levels, before = [], np.zeros((LEVELS[0], LEVELS[0]), np.float32)
    for number, resolution in enumerate(LEVELS, start=1):
        grown = np.arange(resolution) * len(before) // resolution
        before = before[np.ix_(grown, grown)]
        after = np.full((resolution, resolution), -2.0 * number, np.float32)
        after[resolution // 4 : -resolution // 4, resolution // 4 : -resolution // 4] = 2.0 * number
        levels.append(LevelLogits(resolution, before, after, np.array([0.75, 0.25], np.float32)))
        before = after
    return SliceLogits(selection.slice_index, selection.label, (3.5, 2.5), (16.0, 18.0), tuple(levels))


def fakeSelections(index: int, nearest: int, mask: np.ndarray, label: int = 1) -> SliceSelections:
    """Patches of 16, then 8 voxels on the corners of the mask."""
    rows, columns = np.nonzero(mask) if mask.any() else (np.array([8]), np.array([8]))
    corners = [(row, column) for row in (rows.min(), rows.max()) for column in (columns.min(), columns.max())]
    levels = []
    for level, resolution in enumerate(LEVELS):
        size = 16.0 / (level + 1)
        target, context = (
            tuple(
                PatchBox(where, (float(row - size / 2), float(column - size / 2)), (size, size), 0.5)
                for row, column in corners
            )
            for where in (index, nearest)
        )
        levels.append(LevelSelection(resolution, target, context[:2], 0.2 * (level + 1), 0.5 / (level + 1)))
    return SliceSelections(index, label, tuple(levels))
