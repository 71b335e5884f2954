"""Accepting a proposal: into the user's segments, with painted slices exactly as they were drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from .EditableArea import EditableArea
from .Job import Painting, readPainting
from .Preview import Completion, Preview
from .Provenance import tagSegment
from .SceneIO.PaintedSlices import memoryOf, sliceChecksums
from .SceneIO.Segments import SegmentBox, readSegment
from .SceneIO.SegmentWriter import SegmentWriter
from .Uncertainty import boundingBox


def writeProposal(writer: SegmentWriter, preview: Preview, useAllSlices: bool, area: EditableArea) -> None:
    """Writes all segments of a preview as one undo step and notes on each what was written.

    What is painted now wins, also over what was painted when the run began. Of a run that was stopped only the slices
    that it had finished are written.

    Raises:
        SceneError: a segment has come to lie on another grid. Nothing has changed then.
    """
    run = preview.run
    segmentationNode, volumeNode, axis = preview.segmentationNode, preview.volumeNode, preview.axis
    segmentation = segmentationNode.GetSegmentation()
    proposals = {name: box for name, box in preview.masks().items() if segmentation.GetSegment(name) is not None}
    paintings = {name: readPainting(segmentationNode, name, volumeNode, axis, useAllSlices) for name in proposals}
    for painting in paintings.values():
        if painting.problem is not None:
            raise painting.problem
    masks = {
        name: keepPainted(box, paintings[name], slicesToKeep(preview, paintings[name]))
        for name, box in proposals.items()
    }
    writer.write(segmentationNode, volumeNode, masks, area.carved(segmentationNode, masks))
    for name, painting in paintings.items():
        segment = segmentation.GetSegment(name)
        written = readSegment(segmentationNode, name, volumeNode)
        checksums = sliceChecksums(written, axis)
        notPainted = tuple((index, checksums[index]) for index in sorted(checksums.keys() - painting.paintedIndices))
        memory = memoryOf(segmentationNode, name, volumeNode)
        empty = memory.empty | {row.index for row in painting.slices if row.declaredEmpty}
        memory = replace(memory, axis=axis, empty=empty, afresh=frozenset(), written=notPainted)
        replace(memory, writtenLattice=memory.lattice).store(segment)
        isAsProposed = not (written.filled() & ~masks[name].filled()).any()
        area.noteCarved(segmentationNode, name, isAsProposed, run)
        if run:
            tagSegment(segment, run)


def slicesToKeep(preview: Preview, painting: Painting) -> set[int]:
    """Slices that stay as they are: painted ones, those changed since the run began, those that it did not come to."""
    before, now = preview.basis.slices[painting.segmentId], sliceChecksums(painting.box, preview.axis)
    changed = {index for index in before.keys() | now.keys() if before.get(index) != now.get(index)}
    kept = painting.paintedIndices | changed
    if preview.completion is Completion.KEPT:
        kept |= set(range(preview.basis.shape[preview.axis])) - set(preview.filledOf(painting.segmentId))
    return kept


def keepPainted(proposal: SegmentBox, painting: Painting, kept: Iterable[int]) -> SegmentBox:
    """The proposal, but these slices as they are now; on stray ones what is drawn is part of it."""
    voxels, axis = proposal.filled(), painting.axis
    for index in painting.strayIndices:
        voxels[(slice(None),) * axis + (index,)] |= painting.box.plane(axis, index)
    for index in kept:
        voxels[(slice(None),) * axis + (index,)] = painting.box.plane(axis, index)
    region = boundingBox(voxels)
    if region is None:
        return SegmentBox(proposal.shape, (0, 0, 0), np.zeros((0, 0, 0), bool))
    return SegmentBox(proposal.shape, tuple(part.start for part in region), voxels[region])
