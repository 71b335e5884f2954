"""The report of a propagation: settings, provenance, timings, figures of every slice, and where to look next."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from PatchICLLib.propagation.geometry.axis import AXIS_NAMES
from PatchICLLib.propagation.geometry.region import GROWTH
from PatchICLLib.propagation.plan import CONTEXT_SIZE, Plan
from PatchICLLib.propagation.result.review import suggest_next_slice
from PatchICLLib.version import __version__


@dataclass(frozen=True)
class Provenance:
    """What computed. Attributes: weights, as their card says; device, of the model."""

    weights: dict[str, Any]
    device: torch.device


@dataclass(frozen=True)
class Timings:
    """Seconds, of all and until the first slice, and slices."""

    total: float
    first_slice: float | None
    computed: int
    recalled: int

    def to_json(self) -> dict[str, Any]:
        return {
            "total_seconds": round(self.total, 4),
            "first_slice_seconds": None if self.first_slice is None else round(self.first_slice, 4),
            "computed_slices": self.computed,
            "recalled_slices": self.recalled,
        }


def report(
    plan: Plan,
    provenance: Provenance,
    figures: Sequence[dict[str, Any]],
    timings: Timings,
    complete: bool,
    memory_was_short: bool,
) -> dict[str, Any]:
    """Plain JSON.

    Args:
        plan: what was to be done.
        provenance: what did it.
        figures: of the predicted slices, see ``Canvas.figures``.
        timings: of the propagation.
        complete: whether it came to its end.
        memory_was_short: whether less was computed at once than usual.
    """
    options, reviews, turned = plan.options, plan.reviews, plan.orientation
    known = plan.volume.known
    next_slice = suggest_next_slice(figures, plan.painted)
    return {
        "patchicl": __version__,
        "weights": provenance.weights,
        "device": str(provenance.device),
        "torch": torch.__version__,
        "seed": options.seed,
        "prior": options.prior,
        "context_size": options.context_size or CONTEXT_SIZE,
        "patch_budget": options.patch_budget,
        "field_of_view": options.field_of_view or GROWTH,
        "region": None if plan.region is None else plan.region.stored(turned),
        "extent": options.extent if isinstance(options.extent, str) else [int(z) for z in options.extent],
        "axis": AXIS_NAMES[plan.axis],
        "shape": list(turned.shape),
        "spacing": list(plan.spacing),
        "painted_slices": {str(label): list(review.context) for label, review in reviews.items()},
        "painted_planes": {
            str(label): {AXIS_NAMES[axis]: list(slices) for axis, slices in by_axis.items()}
            for label, by_axis in plan.painted_planes.items()
        },
        "ignored_slices": {
            str(label): list(review.without_context) for label, review in reviews.items() if review.without_context
        },
        "known_voxels": {str(label): 0 if known is None else known.count(label) for label in plan.painted},
        "warnings": list(plan.warnings),
        "complete": complete,
        "memory_was_short": memory_was_short,
        "slices": sorted((_of_slice(plan, f) for f in figures), key=lambda f: (f["label"], f["index"])),
        "suggested_next_slice": None if next_slice is None else turned.slice_index(next_slice),
        "timings": timings.to_json(),
    }


def _of_slice(plan: Plan, figures: dict[str, Any]) -> dict[str, Any]:
    """What is said of a slice, counted as it is stored."""
    index, label = figures["index"], figures["label"]
    distances = [abs(index - z) * plan.volume.step for z in plan.painted[label]]
    nearest = round(min(distances), 4) if distances else None
    known = {name: figures[name] for name in ("uncertainty", "entropy", "voxels")}
    return {"index": plan.orientation.slice_index(index), "label": label, "distance_mm": nearest, **known}
