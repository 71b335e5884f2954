"""What one propagation needs, taken from the scene before it starts. Nothing of it points into MRML or VTK memory."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.propagation.geometry.evidence import SINGLE
from PatchICLLib.segmentations.overlap import groups_without_overlap

from .EditableArea import EditableArea
from .Errors import OverlapError, SceneError
from .Evidence import Exclusion, composed
from .LibraryCases import LibraryUse
from .Painting import Painting, readPainting
from .Parameters import Parameters
from .SceneIO.PaintedSlices import Shown
from .SceneIO.Regions import spansOfRegion
from .SceneIO.Segments import SegmentBox, segmentIds
from .SceneIO.Volumes import VolumeGrid, arrayOfVolume, gridOfVolume
from .SceneIO.Voxels import Plane, boxAt
from .Translation import _, ofLibrary


@dataclass(frozen=True)
class Job:
    """One propagation.

    Attributes:
        labels: label value in `painted` -> identifier of the segment.
        axis: main axis of the slices.
        image: (K, J, I), still the volume's own memory; the worker copies it before it returns.
        painted: uint8 (K, J, I), labels on the slices that serve as context, on stray ones, and where voxels count by
            themselves, 0 elsewhere; (L, K, J, I) where segments overlap, those of one layer do not.
        paintings: what was painted, in the order of the labels.
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
    evidence: np.ndarray | None
    facts: Mapping[str, Any]
    paintings: tuple[Painting, ...]

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


def prepareJob(
    volumeNode,
    segmentationNode,
    selectedSegmentId: str,
    parameters: Parameters,
    regionNode=None,
    allowsOverlap: bool = False,
    library: LibraryUse | None = None,
    area: EditableArea | None = None,
    shown: Callable[[str], Shown | None] = lambda _segmentId: None,
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
    paintings = _paintingsInScope(volumeNode, segmentationNode, selectedSegmentId, parameters, library, shown)
    if len(paintings) > 255:
        raise SceneError(
            _("{count} segments are visible and painted (at most 255 at once); hide some of them.").format(
                count=len(paintings)
            )
        )
    groups = _groups(paintings, allowsOverlap)
    painted = np.zeros((len(groups), *grid.shape), np.uint8)
    labels = dict(enumerate(paintings, start=1))
    for layer, group in zip(painted, groups, strict=True):
        # What is stray comes first, so that context of other segments goes over it.
        for label in group:
            for row in labels[label].strays:
                layer[row.region][labels[label].box.part(row.region)] = label
        for label in group:
            drawn = labels[label].drawn
            layer[drawn.region][drawn.voxels] = label
    singles = {label: painting.single for label, painting in labels.items()}
    segments = {label: painting.segmentId for label, painting in labels.items()}
    forbidden = [] if area is None else area.exclusions(segmentationNode, volumeNode, segments)
    erased = (
        Exclusion(single.region, single.voxels & ~_held(single, labels[label]), (label,))
        for label, single in singles.items()
    )
    evidence, excluded = composed(
        grid.shape,
        [*forbidden, *erased],
        (boxAt(grid.shape, single.region, _held(single, labels[label])) for label, single in singles.items()),
    )
    axes = {row.axis for painting in paintings for row in (*painting.context, *painting.strays)}
    axis = _mainAxis(axes, painted, evidence, labels, grid)
    along = [[row for row in painting.context if row.axis == axis] for painting in paintings]
    if all(len(rows) == grid.shape[axis] for rows in along):
        raise SceneError(_("Every slice is painted already; there is nothing to propagate to."))
    options = _options(axis, len(axes) > 1, labels, parameters, grid)
    if excluded:
        options["excluded"] = excluded
    if library is not None:
        options |= library.options(segments)
    options["region"] = spansOfRegion(regionNode, grid) if regionNode is not None else None
    facts: dict[str, Any] = {}
    if area is not None and forbidden:
        facts = area.facts(segmentationNode, segments, *composed(grid.shape, forbidden, []), painted)
    painted = painted if len(groups) > 1 else painted[0]
    return Job(segments, axis, grid, image, painted, groups, options, evidence, facts, tuple(paintings))


def _held(single: SegmentBox, painting: Painting) -> np.ndarray:
    """Of voxels that count by themselves those that belong to the segment."""
    return single.voxels & painting.box.part(single.region)


def _paintingsInScope(volumeNode, segmentationNode, selectedSegmentId, parameters, library, shown) -> list[Painting]:
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
        readPainting(segmentationNode, name, volumeNode, parameters.useAllSlices, shown(name)) for name in chosen
    ]
    for painting in paintings:
        if painting.problem is not None:
            raise painting.problem
    known = () if library is None else library.match
    paintings = [one for one in paintings if one.segmentId in known or any(row.area for row in one.context)]
    if not paintings:
        raise SceneError(_("Nothing is painted yet; paint the structure on two to five slices of the volume first."))
    return paintings


def _groups(paintings: list[Painting], allowsOverlap: bool) -> list[list[int]]:
    """Labels of the paintings that are propagated together, counted from 1.

    Raises:
        OverlapError: two overlap where they are painted, which the Segment Editor does not allow.
    """

    drawn = [painting.drawn for painting in paintings]

    def overlap(one: int, other: int) -> bool:
        first, second = paintings[one], paintings[other]
        if not first.context or not second.context:
            return False  # What a library finds by itself competes with the others for voxels.
        if not (drawn[one].voxels & drawn[other].part(drawn[one].region)).any():
            common = {row.plane for row in first.context} & {row.plane for row in second.context}
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


def _mainAxis(axes: set[int], painted: np.ndarray, evidence, labels: dict[int, Painting], grid: VolumeGrid) -> int:
    """The axis along which slices are counted."""
    if len(axes) == 1:
        return next(iter(axes))
    drawn = painted if evidence is None else np.where(evidence == SINGLE, np.uint8(0), painted)
    # here, for the panel opens without SciPy too
    if not drawn.any():  # At most, slices are declared to be empty.
        from PatchICLLib.propagation.geometry.axis import thickest_axis

        return thickest_axis(grid.spacing)
    from PatchICLLib.propagation.geometry.planes import find_planes

    try:
        return find_planes(drawn, grid.spacing, _planes(labels)).main
    except InputError as error:
        raise SceneError(ofLibrary(str(error))) from error


def _planes(labels: dict[int, Painting]) -> dict[int, list[Plane]]:
    return {label: [row.plane for row in painting.context] for label, painting in labels.items() if painting.context}


def _options(
    axis: int, isMixed: bool, labels: dict[int, Painting], parameters: Parameters, grid: VolumeGrid
) -> dict[str, Any]:
    # Planes of several axes are named, so that panel and network agree about them.
    declared: dict[int, list[Any]] = _planes(labels)
    stray: dict[int, list[Any]] = {label: [row.plane for row in one.strays] for label, one in labels.items()}
    if not isMixed:
        declared = {label: [row.index for row in one.context if row.declaredEmpty] for label, one in labels.items()}
        stray = {label: [index for _axis, index in planes] for label, planes in stray.items()}
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
        "axis": None if isMixed else axis,
        "painted_slices": {label: indices for label, indices in declared.items() if indices},
        # Which slices are stray is decided here, where the user can overrule it for each.
        "ignore_slices": {label: indices for label, indices in stray.items() if indices},
        "use_all_slices": True,
        "extent": extent,
        "context_size": parameters.contextSize or None,
        "prior": parameters.usePrior,
        "patch_budget": parameters.patchBudget,
        "field_of_view": parameters.fieldOfView,
        "candidates": parameters.candidates,
        "seed": parameters.seed,
        # The panel has no use for the probability, which is as large as the entropy.
        "outputs": frozenset({"entropy", "selections"}),
    }
