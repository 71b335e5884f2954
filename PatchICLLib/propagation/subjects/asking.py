"""Asks other subjects about a structure: places them, shows their slices, and finds how far to listen."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.painted_context import input_size
from PatchICLLib.propagation.subjects.correlation import CoarseScan, Correlation
from PatchICLLib.propagation.subjects.finished_structure import FinishedStructure
from PatchICLLib.propagation.subjects.frame import Frame
from PatchICLLib.propagation.subjects.guard import Worth, shares_of_subjects, size_ratio, slices_to_leave_out
from PatchICLLib.propagation.subjects.opinion import Opinion
from PatchICLLib.propagation.subjects.outlines_of_slices import SliceOutlines
from PatchICLLib.propagation.subjects.placed_subjects import Subjects
from PatchICLLib.propagation.subjects.placement import (
    Placement,
    agreeing,
    painted_size,
    placed_by_look,
    placed_by_painting,
    placed_on,
)
from PatchICLLib.propagation.subjects.said_slices import SaidProbability, SaidSlices
from PatchICLLib.propagation.subjects.search import AROUND, AROUND_MM, found_by_look
from PatchICLLib.propagation.subjects.subjects_context import Look, Question, SubjectsContext
from PatchICLLib.runtime.transfers import to_host

_MARGIN, _MARGIN_SLICES = 0.1, 1  # beyond the ends that the subjects suggest, at most: of the length, and slices
_PREDICTED = 28  # slices between the ends, about, beyond which some are interpolated
_FIRST, _FIRST_BESIDE = 12, 8  # the same before it is looked at again, with nothing painted; as if nothing were
_NEAREST, _NEAREST_COARSE = 8, 24  # slices of subjects that some here learn from: all, where they are seen coarsely
_COARSER = 2  # times as few pixels a side as painted slices have
_SMALL = 0.75  # voxels for each of these pixels, at most, in small regions
_LOOK = 8  # slices on which intensities are put to scale then


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

    def extents(self, label: int, slices: Sequence[int]) -> tuple[float, float] | None:
        """Of what is painted of a label on some slices, mm along rows and columns; None without slices."""
        if not slices:
            return None
        mask = np.logical_or.reduce([self.volume.painted[z] == label for z in slices])
        rows, columns = np.diff(self._corners(mask, slices), axis=0)[0, 1:]
        return float(rows), float(columns)

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
        corners = self._corners(masks.any(0), held)
        reach = AROUND * max(one.longest for one in structures) + AROUND_MM
        scan = CoarseScan(volume.image, self.spacing, corners + [[-reach], [reach]])
        correlations = [Correlation.of(scan, one, self.check) for one in structures]
        placements = [
            placed_by_painting(one, correlation, painted, empty, volume.step)
            for one, correlation in zip(structures, correlations, strict=True)
        ]
        subjects = Subjects.likest(structures, placements, range(len(structures)))
        if not subjects.structures:
            return None
        frame = Frame.placed(subjects.structures, subjects.placements, self.spacing, corners)
        context = self._context(subjects, frame, len(held))
        look = context.look(frame, masks, slices)
        size = painted_size(subjects.structures, subjects.placements, painted, volume.step)
        worth = replace(self._worth(context, look, painted), painted_size=size)
        # nobody listens: nothing need be said
        if not shares_of_subjects(worth, len(held), np.ones(1), np.zeros(1, bool)).any():
            nothing = SaidProbability((held[0],), (slice(0, 1), slice(0, 1)), torch.zeros(1, 1, 1, device=self.device))
            return self._opinion(label, np.zeros(1), nothing, subjects, worth)
        looks, by_look = [look], []
        if len(held) == 1 and worth.may_be_trusted:
            by_look = [placed_by_look(correlations[n]) for n in subjects.numbers]
            other = self._otherwise(context, subjects, by_look, look)
            if other is not None and worth.is_confirmed_by(self._dice(context, other, held[0])):
                looks = [other, look]
        found = []
        for one in looks:
            said = self._said(context, one, _PREDICTED, held)
            sized = replace(worth, size=self._size(said, one, subjects), by_scan=one is not look)
            found.append((sized, said))
            if sized.has_own_size:
                break
        worth = min((sized for sized, _ in found), key=lambda one: one.off_size)
        both = self._averaged([said for _, said in found])
        if len(held) == 1 and worth.leads_beside_one:
            unseen = self._as_if_unpainted(label, subjects, by_look, None if looks[0] is look else found[0][1])
            if unseen is not None:
                worth = replace(worth, unpainted=unseen.dice(held[0], masks[list(slices).index(held[0])]))
                if worth.is_found_unpainted:
                    both = SaidProbability.mean([both, unseen.said])
        said_of = np.array(both.indices)
        distances = np.abs(said_of[:, None] - held).min(1) * volume.step / math.sqrt(painted.areas.max())
        beyond = (said_of < held[0]) | (said_of > held[-1])
        shares = shares_of_subjects(worth, len(held), distances, beyond)
        return self._opinion(label, shares, both, subjects, worth)

    def about_unpainted(self, label: int, structures: Sequence[FinishedStructure]) -> Opinion | None:
        """Of a structure of which nothing is painted; None if it is not found."""
        subjects = found_by_look(self.volume.image, self.spacing, structures, self.check)
        return None if subjects is None else self._found(label, subjects, self._seen_first(subjects, _FIRST))

    def _as_if_unpainted(
        self, label: int, subjects: Subjects, placements: Sequence[Placement | None], first: SaidSlices | None
    ) -> Opinion | None:
        """What they say if they are placed by look alone; None if most do not agree where.

        Args:
            label: of the structure.
            subjects: to ask.
            placements: of each, by look alone.
            first: what those placed so have said already, beside what is painted; None: they are asked without it.
        """
        found = Subjects.likest(subjects.structures, placements, agreeing(subjects.structures, placements))
        if not found.structures:
            return None
        return self._found(label, found, self._seen_first(found, _FIRST_BESIDE) if first is None else first)

    def _seen_first(self, subjects: Subjects, most: int) -> SaidSlices | None:
        """What subjects that are placed by look alone say of about so many slices; None if they lie beside the scan."""
        known = self._taken_for(subjects)
        if known is None:
            return None
        frame = Frame.placed(subjects.structures, subjects.placements, self.spacing)
        context = self._context(subjects, frame, 0)
        return self._said(context, context.look(frame, *known), most)

    def _found(self, label: int, subjects: Subjects, first: SaidSlices | None) -> Opinion | None:
        """What subjects say who are placed by what they said first; None if they said nothing."""
        if first is None:
            return None
        shape, scale = self.volume.image.shape, float(np.median([one.scale for one in subjects.placements]))

        def opinion(said: SaidSlices) -> Opinion:
            averaged = self._averaged([said])
            shares = np.ones(len(averaged.indices))
            return replace(self._opinion(label, shares, averaged, subjects, None), scale=scale, steady=0.0)

        once = opinion(first)
        before = once.largest_parts(shape)
        if before is None:
            return once
        pairs = zip(subjects.structures, subjects.placements, strict=True)
        subjects = replace(subjects, placements=[placed_on(before, self.spacing, *pair) for pair in pairs])
        frame = Frame.placed(subjects.structures, subjects.placements, self.spacing)
        context = self._context(subjects, frame, 0)
        twice = opinion(self._said(context, context.look(frame, *_seen_on(before)), _PREDICTED))
        found = twice.largest_parts(shape)
        if found is None:
            return twice
        return replace(twice, steady=2 * float((found & before).sum() / (found.sum() + before.sum())))

    def _corners(self, mask: np.ndarray, slices: Sequence[int]) -> np.ndarray:
        """(2, 3) mm, of the box around what is painted on some slices, where that is together (H, W) bool."""
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        voxels = [(one[0] - 0.5, one[-1] + 0.5) for one in (slices, rows, columns)]
        return np.transpose(voxels) * self.spacing

    def _context(self, subjects: Subjects, frame: Frame, painted: int) -> SubjectsContext:
        """Of subjects, beside some painted slices; coarsely where that is as right, for half the time."""
        region = frame.region(self.volume.spacing)
        size, nearest = input_size(region), _NEAREST
        if painted < 2 or region.pixels <= _SMALL * (size // _COARSER):
            coarsest: int = self.model.configuration.coarsest  # type: ignore[union-attr,assignment]
            size, nearest = max(size // _COARSER, coarsest), _NEAREST_COARSE
        return SubjectsContext(
            self.model,
            self.device,
            self.volume.image,
            self.spacing,
            size,
            subjects.structures,
            subjects.shown,
            nearest,
            self.check,
        )

    def _worth(self, context: SubjectsContext, look: Look, painted: SliceOutlines) -> Worth:
        """What subjects say of painted slices, together and each by itself; nothing is known of sizes."""
        known = look.view.indices
        left_out = slices_to_leave_out([int(z) for z in painted.indices], painted.areas)
        questions = [Question(z, tuple(other for other in known if other != z)) for z in left_out]
        questions += [Question(left_out[0], subject=subject) for subject in context.subjects]
        logits, (rows, columns) = context.answered(questions, look)
        found = to_host(logits > 0)
        masks = look.masks[[known.index(one.index) for one in questions]]
        common = 2 * (found & masks[:, rows, columns]).sum((1, 2))
        total = found.sum((1, 2)) + masks.sum((1, 2))
        together, alone = slice(len(left_out)), slice(len(left_out), None)
        return Worth(float(common[together].sum() / total[together].sum()), float((common / total)[alone].mean()))

    def _otherwise(
        self, context: SubjectsContext, subjects: Subjects, placements: Sequence[Placement | None], look: Look
    ) -> Look | None:
        """A look at the same painting with subjects placed otherwise, where most of them agree; None if none fits."""
        structures = subjects.structures
        found = Subjects.likest(structures, placements, agreeing(structures, placements))
        if not found.structures:
            return None
        known = look.view.indices
        held = [z for z, mask in zip(known, look.masks, strict=True) if mask.any()]
        corners = self._corners(np.asarray(look.masks.any(0)), held)
        return context.look(Frame.placed(found.structures, found.placements, self.spacing, corners), look.masks, known)

    def _size(self, said: SaidSlices, look: Look, subjects: Subjects) -> float:
        """Of what is said, over that of the subjects' own structures where these are placed."""
        volume = int(to_host((said.logits > 0).sum())) * float(np.prod(self.spacing))
        return size_ratio(volume, look.frame.side, [(one.volume, Frame.own(one).side) for one in subjects.structures])

    def _dice(self, context: SubjectsContext, look: Look, index: int) -> float:
        """Of a painted slice that is predicted from subjects alone."""
        logits, (rows, columns) = context.predicted([index], look)
        found, mask = to_host(logits[0] > 0), look.masks[look.view.indices.index(index)]
        return 2 * float((found & mask[rows, columns]).sum()) / float(found.sum() + mask.sum())

    def _said(self, context: SubjectsContext, look: Look, most: int, held: Sequence[int] = ()) -> SaidSlices:
        """What subjects say of the slices that the structure may reach.

        Args:
            context: that says it.
            look: at this subject; where some slices hold the structure for sure, these and no others are painted.
            most: slices between the ends that are predicted, about; others are interpolated.
            held: slices that hold the structure for sure.
        """
        step, depth, frame = self.volume.step, len(self.volume.image), look.frame
        core = frame.slices(step, depth, step)
        core = range(min([core.start, *held]), max([core.stop, *(z + 1 for z in held)]))
        wide = frame.slices(step, depth, _MARGIN * frame.length + _MARGIN_SLICES * step)
        painted, masks = (look.view.indices, look.masks) if held else ([], look.masks[:0])
        return SaidSlices.of(
            lambda indices: context.predicted(indices, look, painted), core, wide, most, painted, masks
        )

    def _averaged(self, said: Sequence[SaidSlices]) -> SaidProbability:
        return SaidProbability.averaged(said, self.volume.step, self.volume.spacing)

    def _opinion(
        self, label: int, shares: np.ndarray, said: SaidProbability, subjects: Subjects, worth: Worth | None
    ) -> Opinion:
        shown = tuple((s, slices) for s, slices in zip(subjects.structures, subjects.shown, strict=True) if slices)
        return Opinion(label, shares, said.indices, said.window, said.probability, shown, worth, subjects.correlation)

    def _taken_for(self, subjects: Subjects) -> tuple[np.ndarray, list[int]] | None:
        """Masks on some slices as the likest subject's structure lies here: where to put intensities to scale."""
        shape = self.volume.image.shape
        structure, placement = subjects.structures[0], subjects.placements[0]
        first, last = placement.of(structure.corners)[:, 0] / self.volume.step
        chosen = sorted({round(first + (n + 0.5) / _LOOK * (last - first)) for n in range(_LOOK)})
        chosen = [z for z in chosen if 0 <= z < shape[0]]
        masks = placement.mask(structure, chosen, shape[1:], self.spacing)
        return (masks, chosen) if masks.any() else None


def _seen_on(found: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Some slices of what was found, (Z, H, W) bool: their masks, and their numbers."""
    held = np.flatnonzero(found.any((1, 2)))
    chosen = sorted({int(held[int((n + 0.5) / _LOOK * len(held))]) for n in range(_LOOK)})
    return found[chosen], chosen
