"""Asks other subjects about a structure: places them, shows their slices, and finds how far to listen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from PatchICLLib.propagation.geometry.region import GROWTH, MINIMUM_PIXELS, Region, Window
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.refinement.across_slices import SHARE, TEMPERATURE
from PatchICLLib.propagation.subjects.correlation import CoarseScan, Correlation
from PatchICLLib.propagation.subjects.finished_structure import FinishedStructure
from PatchICLLib.propagation.subjects.guard import slices_to_leave_out, weight_of_subjects
from PatchICLLib.propagation.subjects.opinion import Opinion
from PatchICLLib.propagation.subjects.outlines_of_slices import SliceOutlines
from PatchICLLib.propagation.subjects.placement import (
    Placement,
    agreeing,
    placed_by_look,
    placed_by_painting,
    placed_on,
)
from PatchICLLib.propagation.subjects.shown_slices import shown_slices
from PatchICLLib.propagation.subjects.subjects_context import SubjectsContext, View
from PatchICLLib.runtime.transfers import to_host

SHOWN = 5  # subjects that are shown, those whose scans correlate best: of more, each would show too few slices
_MARGIN, _MARGIN_SLICES = 0.2, 2  # beyond the ends that the subjects suggest: of the length, and slices
_ROUNDS = 2  # of finding and looking again, where nothing is painted
_LOOK = 8  # slices on which intensities are put to scale then
_INSIDE = 0.5


@dataclass(frozen=True, eq=False)
class Subjects:
    """Other subjects' structures, placed in this subject; that of the largest correlation first."""

    structures: list[FinishedStructure]
    placements: list[Placement]

    def region(self, spacing: tuple[float, float], own: np.ndarray | None) -> Region:
        """What is to be seen here: where the subjects suggest the structure, and all that is painted of it.

        Args:
            spacing: of rows and columns.
            own: (H, W) bool, painted on any slice; None if nothing is.
        """
        boxes = [p.of(s.corners)[:, 1:] for s, p in zip(self.structures, self.placements, strict=True)]
        first, last = np.median(boxes, axis=0)
        if own is not None:
            rows, columns = np.flatnonzero(own.any(1)), np.flatnonzero(own.any(0))
            first = np.minimum(first, np.multiply([rows[0] - 0.5, columns[0] - 0.5], spacing))
            last = np.maximum(last, np.multiply([rows[-1] + 0.5, columns[-1] + 0.5], spacing))
        side = max(float((last - first).max()) * GROWTH, MINIMUM_PIXELS * min(spacing))
        row, column = (first + last) / 2 / spacing
        return Region((float(row), float(column)), side, spacing)

    def span(self, step: float, depth: int, own: Sequence[int]) -> tuple[int, ...]:
        """Slices here that the structure may reach."""
        ends = [p.of(s.corners)[:, 0] for s, p in zip(self.structures, self.placements, strict=True)]
        first, last = np.median(ends, axis=0)
        margin = _MARGIN * (last - first) + _MARGIN_SLICES * step
        low = min([(first - margin) / step, *own])
        high = max([(last + margin) / step, *own])
        start, stop = max(0, int(np.floor(low))), min(depth, int(np.ceil(high)) + 1)
        return tuple(range(start, stop))


@dataclass(frozen=True, eq=False)
class Asking:
    """Asks about structures of one volume.

    Attributes:
        model: called like the `sparse` cascade.
        device: of the model.
        volume: image and painting.
        check: called now and then; may raise to stop.
    """

    model: torch.nn.Module
    device: torch.device
    volume: SlicedVolume
    check: Callable[[], None] = lambda: None

    @property
    def spacing(self) -> tuple[float, float, float]:
        return (self.volume.step, *self.volume.spacing)

    def about_painted(
        self, label: int, slices: Sequence[int], structures: Sequence[FinishedStructure]
    ) -> Opinion | None:
        """Of a structure that is painted on some slices; None if the subjects fit nowhere.

        Args:
            label: of the structure.
            slices: painted ones, ascending, at least one of which holds it.
            structures: of other subjects.
        """
        volume = self.volume
        masks = volume.painted[list(slices)] == label
        painted = SliceOutlines.of(volume.image, masks, slices, volume.spacing)
        held = [int(z) for z in painted.indices]
        empty = [z for z in slices if z not in held]
        placed, scan = [], CoarseScan(volume.image, self.spacing)
        for structure in structures:
            correlation = Correlation.of(scan, structure, self.check)
            placement = placed_by_painting(structure, correlation, painted, empty, volume.step)
            if placement is not None:
                placed.append((structure, placement))
        if not placed:
            return None
        likest = sorted(placed, key=lambda one: -one[1].correlation)[:SHOWN]
        subjects = Subjects([s for s, _ in likest], [p for _, p in likest])
        context, shown = self._context(subjects, masks.any(0))
        look = context.look(masks, slices)
        left_out = self._left_out(context, look, masks, list(slices), painted)
        weight = weight_of_subjects(left_out, len(held))
        # where nobody listens, one slice is enough to know what is said
        indices = subjects.span(volume.step, len(volume.image), held) if weight else (held[0],)
        predicted = context.predicted(indices, look, list(slices))
        probability, window = self._probability(label, indices, *predicted)
        best = max(p.correlation for p in subjects.placements)
        return Opinion(label, weight, indices, window, probability, shown, left_out, best)

    def about_unpainted(self, label: int, structures: Sequence[FinishedStructure]) -> Opinion | None:
        """Of a structure of which nothing is painted; None if it is not found."""
        volume, placed = self.volume, []
        scan = CoarseScan(volume.image, self.spacing)
        for structure in structures:
            placement = placed_by_look(Correlation.of(scan, structure, self.check))
            if placement is not None:
                placed.append((structure, placement))
        if not placed:
            return None
        kept = agreeing(*zip(*placed, strict=True))[:SHOWN]
        subjects = Subjects([placed[n][0] for n in kept], [placed[n][1] for n in kept])
        opinion: Opinion | None = None
        for _ in range(_ROUNDS):
            context, shown = self._context(subjects, None)
            indices = subjects.span(volume.step, len(volume.image), ())
            if not indices:
                return opinion
            known = self._taken_for(subjects, opinion)
            if known is None:
                return opinion
            predicted = context.predicted(indices, context.look(*known))
            probability, window = self._probability(label, indices, *predicted)
            best = max(p.correlation for p in subjects.placements)
            opinion = Opinion(label, 1.0, indices, window, probability, shown, None, best)
            found = self._largest_part(opinion)
            if found is None:
                break
            pairs = zip(subjects.structures, subjects.placements, strict=True)
            subjects = Subjects(subjects.structures, [placed_on(found, self.spacing, s, p) for s, p in pairs])
        return opinion

    def _context(
        self, subjects: Subjects, own: np.ndarray | None
    ) -> tuple[SubjectsContext, tuple[tuple[FinishedStructure, tuple[int, ...]], ...]]:
        region = subjects.region(self.volume.spacing, own)
        shown = shown_slices(subjects.structures)
        context = SubjectsContext(
            self.model,
            self.device,
            self.volume.image,
            self.spacing,
            region,
            subjects.structures,
            subjects.placements,
            shown,
            self.check,
        )
        return context, tuple((s, slices) for s, slices in zip(subjects.structures, shown, strict=True) if slices)

    def _left_out(
        self, context: SubjectsContext, look: View, masks: np.ndarray, slices: list[int], painted: SliceOutlines
    ) -> float:
        """Dice of painted slices, each predicted from all others and the subjects."""
        common = total = 0
        for index in slices_to_leave_out([int(z) for z in painted.indices], painted.areas):
            others = [z for z in slices if z != index]
            logits, window = context.predicted([index], look, others)
            found = np.zeros(masks.shape[1:], bool)
            found[window] = to_host(logits[0] > 0)
            mask = masks[slices.index(index)]
            common += 2 * int((found & mask).sum())
            total += int(found.sum() + mask.sum())
        return common / total

    def _probability(self, label: int, indices: Sequence[int], logits: Tensor, window: Window) -> tuple[Tensor, Window]:
        """Probabilities of a label on neighbouring slices, averaged with those beside."""
        if self.volume.known is not None:
            logits = self.volume.known.held(label, indices, window, logits)
        own = torch.sigmoid(logits / TEMPERATURE)
        apart = max(1.0, self.volume.step / min(self.volume.spacing))
        share = SHARE / (1 + (apart - 1) ** 2)
        before, after = torch.cat([own[:1], own[:-1]]), torch.cat([own[1:], own[-1:]])
        return (1 - 2 * share) * own + share * (before + after), window

    def _taken_for(self, subjects: Subjects, before: Opinion | None) -> tuple[np.ndarray, list[int]] | None:
        """Masks of the structure, as far as it is known by now, on some slices: where to put intensities to scale."""
        shape = self.volume.image.shape
        if before is not None:
            found = self._largest_part(before)
            assert found is not None
            held = np.flatnonzero(found.any((1, 2)))
            chosen = sorted({int(held[int((n + 0.5) / _LOOK * len(held))]) for n in range(_LOOK)})
            return found[chosen], chosen
        structure, placement = subjects.structures[0], subjects.placements[0]
        first, last = placement.of(structure.corners)[:, 0] / self.volume.step
        chosen = sorted({round(first + (n + 0.5) / _LOOK * (last - first)) for n in range(_LOOK)})
        chosen = [z for z in chosen if 0 <= z < shape[0]]
        masks = placement.mask(structure, chosen, shape[1:], self.spacing)
        return (masks, chosen) if masks.any() else None

    def _largest_part(self, opinion: Opinion) -> np.ndarray | None:
        """What was predicted, as (Z, H, W) bool, its largest connected part; None if nothing was."""
        parts, count = ndimage.label(to_host(opinion.probability > _INSIDE))
        if not count:
            return None
        found = np.zeros(self.volume.image.shape, bool)
        rows, columns = opinion.window
        largest = parts == 1 + int(np.bincount(parts.ravel())[1:].argmax())
        found[opinion.indices[0] : opinion.indices[-1] + 1, rows, columns] = largest
        return found
