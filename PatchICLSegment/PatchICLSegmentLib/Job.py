"""What one propagation needs, taken from the scene before it starts. Nothing of it points into MRML or VTK memory."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from PatchICLLib.segmentations.overlap import groups_without_overlap

from .EditableArea import EditableArea
from .Errors import OverlapError, SceneError
from .Evidence import composed
from .LibraryCases import LibraryUse
from .Parameters import Parameters
from .SceneIO.PaintedSlices import PaintedSlice, SegmentMemory, axisOfPainting, memoryOf, paintedSlices
from .SceneIO.Regions import spansOfRegion
from .SceneIO.Segments import SegmentBox, readSegment, segmentIds
from .SceneIO.Volumes import VolumeGrid, arrayOfVolume, gridOfVolume
from .Translation import _


@dataclass(frozen=True)
class Painting:
    """A segment as the user left it: its voxels, what is remembered of it, and its painted slices along `axis`.

    Attributes:
        problem: why what is painted cannot be used, with what to do about it; there is no axis then and no slice.
    """

    segmentId: str
    name: str
    box: SegmentBox
    memory: SegmentMemory
    axis: int | None
    slices: tuple[PaintedSlice, ...]
    problem: SceneError | None = None

    @property
    def context(self) -> list[PaintedSlice]:
        return [row for row in self.slices if row.isContext]

    @property
    def paintedIndices(self) -> set[int]:
        """Slices that stay as they are; of stray ones only what is drawn stays."""
        return {row.index for row in self.slices if not row.isStray}

    @property
    def strayIndices(self) -> list[int]:
        return [row.index for row in self.slices if row.isStray]


@dataclass(frozen=True)
class Job:
    """One propagation.

    Attributes:
        labels: label value in `painted` -> identifier of the segment.
        image: (K, J, I), still the volume's own memory; the worker copies it before it returns.
        painted: uint8 (K, J, I), labels on the slices that serve as context and on stray ones, 0 elsewhere;
            (L, K, J, I) where segments overlap, those of one layer do not.
        groups: labels by layer.
        options: keyword arguments for the worker.
        evidence: uint8 (K, J, I), what is known of voxels beside the painted slices, as `Propagator.propagate` takes
            it; None for nothing.
        facts: about the evidence, to be kept with the run: plain JSON.
    """

    labels: dict[int, str]
    axis: int
    grid: VolumeGrid
    image: np.ndarray
    painted: np.ndarray
    groups: list[list[int]]
    options: dict[str, Any]
    evidence: np.ndarray | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def layers(self) -> np.ndarray:
        """`painted` as layers, also if it is only one."""
        return self.painted if self.painted.ndim == 4 else self.painted[np.newaxis]

    @property
    def work(self) -> int:
        """Another number where other voxels are painted, or other segments or settings take part."""
        facts = (self.labels, sorted(self.options.items(), key=str), self.image.shape, self.evidenceChecksum)
        return zlib.crc32(self.painted, zlib.crc32(repr(facts).encode()))

    @property
    def evidenceChecksum(self) -> int | None:
        """Another number where other voxels are known, or other things of them; None where nothing is."""
        if self.evidence is None:
            return None
        return zlib.crc32(self.evidence, zlib.crc32(repr(self.options.get("excluded")).encode()))


def readPainting(
    segmentationNode, segmentId: str, volumeNode, axis: int | None = None, useAllSlices: bool = False
) -> Painting:
    """The painted slices of a segment, along an axis or along that of the last propagation, else found from the voxels.

    What is painted in a way that cannot be used is no error here, but a `problem` of the painting. With `useAllSlices`
    no slice is stray.
    """
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
    grid = gridOfVolume(volumeNode)
    memory = memoryOf(segmentationNode, segmentId, volumeNode)
    box = SegmentBox(grid.shape, (0, 0, 0), np.zeros((0, 0, 0), bool))
    if axis is None and memory.written:
        axis = memory.axis
    try:
        box = readSegment(segmentationNode, segmentId, volumeNode)
        if axis is None:
            axis = axisOfPainting(box, grid.spacing)
    except SceneError as problem:
        return Painting(segmentId, segment.GetName(), box, memory, None, (), problem)
    if axis is None:
        axis = memory.axis
    rows = () if axis is None else tuple(paintedSlices(box, memory, axis, useAllSlices))
    return Painting(segmentId, segment.GetName(), box, memory, axis, rows)


def prepareJob(
    volumeNode,
    segmentationNode,
    selectedSegmentId: str,
    parameters: Parameters,
    regionNode=None,
    allowsOverlap: bool = False,
    library: LibraryUse | None = None,
    area: EditableArea | None = None,
) -> Job:
    """Collects what is painted; with a region, nothing beyond it will be filled.

    Segments that a library knows need not be painted. `area` says where other segments let nothing be filled.

    Where the Segment Editor allows overlap, only segments that are painted apart on a common slice are propagated
    together; any other two may overlap anywhere, and know nothing of each other.

    Raises:
        SceneError: there is nothing to propagate, with what to do about it.
    """
    image = arrayOfVolume(volumeNode)
    grid = gridOfVolume(volumeNode)
    paintings = _paintingsInScope(volumeNode, segmentationNode, selectedSegmentId, parameters, library)
    axis = _commonAxis(paintings, grid)
    if len(paintings) > 255:
        raise SceneError(
            _("{count} segments are visible and painted (at most 255 at once); hide some of them.").format(
                count=len(paintings)
            )
        )
    groups = _groups(paintings, axis, allowsOverlap)
    painted = np.zeros((len(groups), *grid.shape), np.uint8)
    labels = {label: painting.segmentId for label, painting in enumerate(paintings, start=1)}
    declaredEmpty, stray = {}, {}
    for label, painting in enumerate(paintings, start=1):
        declaredEmpty[label] = [row.index for row in painting.context if row.declaredEmpty]
        stray[label] = painting.strayIndices
    for layer, group in zip(painted, groups, strict=True):
        # What is stray comes first, so that context of other segments goes over it.
        drawn = [(label, stray[label]) for label in group]
        drawn += [(label, [row.index for row in paintings[label - 1].context]) for label in group]
        for label, indices in drawn:
            for index in indices:
                position = (slice(None),) * axis + (index,)
                layer[position][paintings[label - 1].box.plane(axis, index)] = label
    if all(len(painting.context) == grid.shape[axis] for painting in paintings):
        raise SceneError(_("Every slice is painted already; there is nothing to propagate to."))
    options = _options(axis, declaredEmpty, stray, parameters, grid)
    if library is not None:
        options |= library.options(labels)
    options["region"] = spansOfRegion(regionNode, grid) if regionNode is not None else None
    exclusions = [] if area is None else area.exclusions(segmentationNode, volumeNode, labels)
    evidence, excluded = composed(grid.shape, exclusions, [])
    if excluded:
        options["excluded"] = excluded
    facts = (
        {} if area is None or evidence is None else area.facts(segmentationNode, labels, evidence, excluded, painted)
    )
    return Job(labels, axis, grid, image, painted if len(groups) > 1 else painted[0], groups, options, evidence, facts)


def _paintingsInScope(volumeNode, segmentationNode, selectedSegmentId, parameters, library) -> list[Painting]:
    if segmentationNode is None:
        raise SceneError(_("Select a segmentation first."))
    visible = segmentIds(segmentationNode, onlyVisible=True)
    if parameters.scope == "visible":
        if not visible:
            raise SceneError(_("No segment is visible; show the segments that shall be propagated (eye icon)."))
        chosen = visible
    else:
        segment = segmentationNode.GetSegmentation().GetSegment(selectedSegmentId) if selectedSegmentId else None
        if segment is None:
            raise SceneError(_("Add a segment and select it in the table of segments first."))
        if selectedSegmentId not in visible:
            raise SceneError(
                _("The segment {name} is hidden; show it (eye icon) before propagating it.").format(
                    name=segment.GetName()
                )
            )
        chosen = [selectedSegmentId]
    paintings = [
        readPainting(segmentationNode, name, volumeNode, useAllSlices=parameters.useAllSlices) for name in chosen
    ]
    for painting in paintings:
        if painting.problem is not None:
            raise painting.problem
    known = () if library is None else library.match
    paintings = [one for one in paintings if one.segmentId in known or any(row.area for row in one.context)]
    if not paintings:
        raise SceneError(_("Nothing is painted yet; paint the structure on two to five slices of the volume first."))
    return paintings


def _groups(paintings: list[Painting], axis: int, allowsOverlap: bool) -> list[list[int]]:
    """Labels of the paintings that are propagated together, counted from 1.

    Raises:
        OverlapError: two overlap where they are painted, which the Segment Editor does not allow.
    """

    def overlap(one: int, other: int) -> bool:
        first, second = paintings[one], paintings[other]
        if not first.context or not second.context:
            return False  # What a library finds by itself competes with the others for voxels.
        common = {row.index for row in first.context} & {row.index for row in second.context}
        planes = ((first.box.plane(axis, index), second.box.plane(axis, index)) for index in common)
        if not any((plane & otherPlane).any() for plane, otherPlane in planes):
            return allowsOverlap and not common
        if not allowsOverlap:
            raise OverlapError(
                _(
                    "{one} and {other} overlap where they are painted, but the editor takes voxels from other "
                    "segments: allow overlap (Modify other segments, under Masking), or hide one of them."
                ).format(one=first.name, other=second.name)
            )
        return True

    return [[number + 1 for number in group] for group in groups_without_overlap(len(paintings), overlap)]


def _commonAxis(paintings: list[Painting], grid: VolumeGrid) -> int:
    axes = {painting.axis for painting in paintings} - {None}
    if not axes:  # Nothing is painted: slices lie where they are farthest apart.
        return int(np.argmax(grid.spacing))
    if len(axes) > 1:
        raise SceneError(
            _("The segments {names} were painted in different directions; propagate them one at a time.").format(
                names=", ".join(painting.name for painting in paintings)
            )
        )
    return axes.pop()


def _options(axis: int, declaredEmpty, stray, parameters: Parameters, grid: VolumeGrid) -> dict[str, Any]:
    extent: Any = parameters.extent
    if extent == "range":
        last = min(parameters.lastSlice, grid.shape[axis] - 1)
        if parameters.firstSlice > last:
            raise SceneError(
                _("The range of slices is empty (first {first}, last {last}); set it in Settings.").format(
                    first=parameters.firstSlice, last=last
                )
            )
        extent = (parameters.firstSlice, last)
    return {
        "axis": axis,
        "painted_slices": {label: indices for label, indices in declaredEmpty.items() if indices},
        # Which slices are stray is decided here, where the user can overrule it for each.
        "ignore_slices": {label: indices for label, indices in stray.items() if indices},
        "use_all_slices": True,
        "extent": extent,
        "context_size": parameters.contextSize or None,
        "prior": parameters.usePrior,
        "patch_budget": parameters.patchBudget,
        "field_of_view": parameters.fieldOfView,
        "seed": parameters.seed,
        # The panel has no use for the probability, which is as large as the entropy.
        "outputs": frozenset({"entropy", "selections"}),
    }
