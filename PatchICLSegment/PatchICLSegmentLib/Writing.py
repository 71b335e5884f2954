"""Accepting a proposal: into the user's segments, with painted slices exactly as they were drawn."""

from dataclasses import replace

from .EditableArea import EditableArea
from .Painting import Painting, readPainting
from .Preview import Completion, Preview
from .Provenance import tagSegment
from .SceneIO.SegmentMemory import SegmentMemory, holdsPropagated, memoryOf
from .SceneIO.Segments import SegmentBox, readSegment, segmentIds, sliceRegion
from .SceneIO.SegmentWriter import SegmentWriter
from .SceneIO.Voxels import Voxels, boxAt, differing, noVoxels, united, without
from .Uncertainty import boundingBox


def writeProposal(writer: SegmentWriter, preview: Preview, useAllSlices: bool, area: EditableArea) -> None:
    """Writes all segments of a preview as one undo step and notes on each what was written.

    What is painted now wins, also over what was painted when the run began. Of a run that was stopped only the slices
    that it had finished are written.

    Raises:
        SceneError: a segment has come to lie on another grid. Nothing has changed then.
    """
    segmentationNode, volumeNode, run = preview.segmentationNode, preview.volumeNode, preview.run
    segmentation = segmentationNode.GetSegmentation()
    proposals = {name: box for name, box in preview.masks().items() if segmentation.GetSegment(name) is not None}
    paintings = {
        name: readPainting(segmentationNode, name, volumeNode, useAllSlices, preview.proposalFor(name))
        for name in proposals
    }
    for painting in paintings.values():
        if painting.problem is not None:
            raise painting.problem
    others = _propagatedBefore(segmentationNode, volumeNode, paintings)
    masks = {name: keepPainted(box, preview, paintings[name]) for name, box in proposals.items()}
    writer.write(segmentationNode, volumeNode, masks, area.carved(segmentationNode, masks))
    for name, painting in paintings.items():
        segment = segmentation.GetSegment(name)
        written = readSegment(segmentationNode, name, volumeNode)
        memory = replace(
            painting.memory,
            axis=preview.axis,
            planes={row.plane: None if row.isWhole else row.region for row in painting.slices if not row.isStray},
            written=Voxels.of(written) or Voxels.none(),
            known=Voxels.of(knownBesideSlices(preview, painting)),
        )
        memory.store(segment)
        isAsProposed = not (written.filled() & ~masks[name].filled()).any()
        area.noteCarved(segmentationNode, name, isAsProposed, run)
        if run:
            tagSegment(segment, run)
    for name, (memory, before) in others.items():
        now = readSegment(segmentationNode, name, volumeNode)
        taken = differing(before, now)
        if not taken.isEmpty:
            memory.overwritten(taken, now).store(segmentation.GetSegment(name))


def keepPainted(proposal: SegmentBox, preview: Preview, painting: Painting) -> SegmentBox:
    """The proposal, but painted slices and all else that the user touched as it is now.

    Of stray slices what is drawn becomes part of the proposal. A run that was stopped proposes nothing on slices that
    it did not come to.
    """
    voxels, box = proposal.filled(), painting.box
    regions = [row.region for row in painting.slices if not row.isStray]
    if preview.completion is Completion.KEPT:
        filled = preview.filledOf(painting.segmentId)
        others = (index for index in range(box.shape[preview.axis]) if index not in filled)
        regions += [sliceRegion(box.shape, preview.axis, index) for index in others]
    for region in regions:
        voxels[region] = box.part(region)
    known = knownBesideSlices(preview, painting)
    voxels[known.region][known.voxels] = box.part(known.region)[known.voxels]
    region = boundingBox(voxels)
    if region is None:
        return noVoxels(box.shape)
    return SegmentBox(proposal.shape, tuple(part.start for part in region), voxels[region])


def knownBesideSlices(preview: Preview, painting: Painting) -> SegmentBox:
    """Voxels on no painted slice that stay as they are: of earlier corrections, of stray slices, and what has changed
    since the run began."""
    box, before = painting.box, preview.basis.boxOf(painting.segmentId)
    parts = [boxAt(box.shape, row.region, box.part(row.region)) for row in painting.strays]
    if before is not None:
        parts.append(differing(before, box))
    known = united(painting.drawing.known, *parts)
    return without(known, [row.region for row in painting.slices if not row.isStray])


def _propagatedBefore(segmentationNode, volumeNode, paintings) -> dict[str, tuple[SegmentMemory, SegmentBox]]:
    """Other segments that hold what was propagated: what they lose now is not corrected by the user."""
    segmentation, found = segmentationNode.GetSegmentation(), {}
    for name in segmentIds(segmentationNode):
        if name not in paintings and holdsPropagated(segmentation.GetSegment(name)):
            box = readSegment(segmentationNode, name, volumeNode)
            found[name] = memoryOf(segmentationNode, name, volumeNode, box), box
    return found
