"""Labels that overlap: apart in layers, each of which is propagated by itself, and back as one result.

One label map cannot hold an organ and the lesion inside it. A painting of several layers, (L, K, J, I), can: labels of
one layer compete for voxels, as in a painting of one; those of different layers know nothing of each other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.propagation.geometry.sliced_volume import bounding_box
from PatchICLLib.propagation.options import PropagationOptions
from PatchICLLib.propagation.progress import Progress
from PatchICLLib.propagation.result.packed_selections import PackedSelections
from PatchICLLib.propagation.result.propagation_result import PropagationResult
from PatchICLLib.propagation.result.review import suggest_next_slice


@dataclass(frozen=True)
class Layer:
    """A layer with something to propagate. Attributes: index: which layer; labels: those to propagate."""

    index: int
    labels: tuple[int, ...]


def layers_to_propagate(painted: Sequence[np.ndarray], options: PropagationOptions) -> list[Layer]:
    """The layers that hold labels to propagate.

    Args:
        painted: layers (K, J, I) of integers.
        options: which labels are wanted.

    Raises:
        InputError: nothing is painted, a label lies in two layers, or a wanted label in none.
    """
    held = {index: _labels(layer) for index, layer in enumerate(painted)}
    layer_of: dict[int, int] = {}
    for index, labels in held.items():
        for label in labels:
            if layer_of.setdefault(label, index) != index:
                raise InputError(
                    f"Label {label} is painted in the layers {layer_of[label]} and {index}: give each label of each "
                    "layer a value of its own."
                )
    if not layer_of:
        raise InputError("Nothing is painted: paint the structure on at least one slice, on two or more if possible.")
    for label in () if options.labels is None else options.labels:
        if label not in layer_of:
            known = ", ".join(map(str, sorted(layer_of)))
            raise InputError(f"Label {label} is not painted in any layer; painted are {known}.")
    found = []
    for index, labels in held.items():
        if options.labels is not None:
            labels = [label for label in labels if label in options.labels]
        if labels:
            found.append(Layer(index, tuple(labels)))
    return found


def with_gaps(painted: Sequence[np.ndarray], layers: Sequence[Layer], axis: int) -> list[Layer]:
    """The layers of which a label is missing on a slice along the axis; all of them if there is none such."""
    others = tuple(other for other in range(3) if other != axis)

    def is_full(layer: Layer) -> bool:
        return all((painted[layer.index] == label).any(axis=others).all() for label in layer.labels)

    return [layer for layer in layers if not is_full(layer)] or list(layers)


def with_open_planes(
    layers: Sequence[Layer], planes: Mapping[int, Mapping[int, Sequence[int]]], shape: tuple[int, ...]
) -> list[Layer]:
    """The layers of which a label is not painted on all slices of an axis; all of them if there is none such.

    Args:
        layers: of a painting on slices of several axes.
        planes: for each label and axis the painted slices.
        shape: of the volume.
    """

    def is_full(layer: Layer) -> bool:
        return all(any(len(z) == shape[axis] for axis, z in planes[label].items()) for label in layer.labels)

    return [layer for layer in layers if not is_full(layer)] or list(layers)


def _labels(layer: np.ndarray) -> list[int]:
    values = np.unique(layer[bounding_box(layer)])
    return [int(value) for value in values[values != 0]]


class LayeredProgress:
    """Progress over all layers from that of one after another.

    Args:
        totals: slices to predict by layer.
        tell: receives it.
    """

    def __init__(self, totals: Mapping[int, int], tell: Callable[[Progress], None]) -> None:
        self._totals, self._tell = dict(totals), tell
        self._done = dict.fromkeys(totals, 0)

    def of(self, layer: int) -> Callable[[Progress], None]:
        """What to call with the progress of a layer."""

        def heard(progress: Progress) -> None:
            began = any(self._done.values())
            self._totals[layer], self._done[layer] = progress.total, progress.done
            done, total = sum(self._done.values()), sum(self._totals.values())
            remaining = progress.elapsed / done * (total - done) if done else None
            stage = "propagating" if began else progress.stage
            self._tell(replace(progress, stage=stage, done=done, total=total, remaining=remaining, layer=layer))

        return heard


def merged(painted: np.ndarray, results: Mapping[int, PropagationResult], count: int) -> PropagationResult:
    """One result of the results of layers.

    Args:
        painted: (L, K, J, I), which stays where a layer has no result.
        results: by layer, at least one.
        count: how many were to come.
    """
    labels = painted.copy()
    boxes: list[tuple[slice, slice, slice]] = [bounding_box(layer) for layer in painted]
    for index, result in results.items():
        labels[index] = result.labels
        boxes += result.boxes or (result.box,)
    parts = list(results.values())
    logits = [part.logits for part in parts if part.logits is not None]
    selections = [PackedSelections.pack(part.selections) for part in parts if part.selections is not None]
    return PropagationResult(
        labels,
        _largest([part.probability for part in parts]),
        _largest([part.entropy for part in parts]),
        PackedSelections.joined(selections) if selections else None,
        _merged_report([part.report for part in parts], labels, count),
        tuple(one for some in logits for one in some) if logits else None,
        tuple(box for box in boxes if all(span.start < span.stop for span in box)),
    )


def _largest(volumes: Sequence[np.ndarray | None]) -> np.ndarray | None:
    largest = volumes[0]
    for volume in volumes[1:]:
        if largest is not None and volume is not None:
            np.maximum(largest, volume, out=largest)
    return largest


def _merged_report(reports: Sequence[dict[str, Any]], labels: np.ndarray, count: int) -> dict[str, Any]:
    """The last report, with what differs from layer to layer put together."""
    merged_report = dict(reports[-1])
    for key in ("painted_slices", "painted_planes", "ignored_slices", "known_voxels"):
        merged_report[key] = {label: slices for report in reports for label, slices in report.get(key, {}).items()}
    merged_report["warnings"] = [text for report in reports for text in report.get("warnings", ())]
    figures = sorted((f for report in reports for f in report["slices"]), key=lambda f: (f["label"], f["index"]))
    merged_report["slices"] = figures
    painted = {int(label): tuple(slices) for label, slices in merged_report["painted_slices"].items()}
    merged_report["suggested_next_slice"] = suggest_next_slice(figures, painted)
    merged_report["complete"] = len(reports) == count and all(report["complete"] for report in reports)
    merged_report["memory_was_short"] = any(report["memory_was_short"] for report in reports)
    timings = [report["timings"] for report in reports]
    merged_report["timings"] = {
        **timings[-1],
        "first_slice_seconds": next((t["first_slice_seconds"] for t in timings if t["first_slice_seconds"]), None),
        "computed_slices": sum(t["computed_slices"] for t in timings),
        "recalled_slices": sum(t["recalled_slices"] for t in timings),
    }
    if any("library" in report for report in reports):
        libraries = [report.get("library", {}) for report in reports]
        merged_report["library"] = {label: said for library in libraries for label, said in library.items()}
    merged_report["layers"] = len(labels)
    return merged_report
