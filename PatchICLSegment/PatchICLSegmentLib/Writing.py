"""Accepting a proposal: into the user's segments, with painted slices exactly as they were drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .Errors import SceneError
from .Job import Painting, readPainting
from .Preview import Preview
from .Provenance import tagSegment
from .SceneIO.PaintedSlices import SegmentMemory, sliceChecksum
from .SceneIO.Segments import SegmentBox, readSegment
from .SceneIO.SegmentWriter import SegmentWriter
from .SceneIO.Volumes import frameOfVolume
from .Translation import _
from .Uncertainty import boundingBox


def writeProposal(writer: SegmentWriter, preview: Preview, run) -> None:
    """Writes all segments of a preview as one undo step and notes on each what was written."""
    segmentationNode, volumeNode, axis = preview.segmentationNode, preview.volumeNode, preview.axis
    segmentation = segmentationNode.GetSegmentation()
    proposals = {name: box for name, box in preview.masks().items() if segmentation.GetSegment(name) is not None}
    paintings = {name: readPainting(segmentationNode, name, volumeNode, axis) for name in proposals}
    masks = {name: keepPainted(box, paintings[name], axis) for name, box in proposals.items()}
    writer.write(segmentationNode, volumeNode, masks)
    for name, painting in paintings.items():
        segment = segmentation.GetSegment(name)
        written = readSegment(segmentationNode, name, volumeNode)
        notPainted = set(np.flatnonzero(written.areas(axis))) - painting.paintedIndices
        checksums = tuple((int(index), sliceChecksum(written, axis, index)) for index in sorted(notPainted))
        memory = SegmentMemory.of(segment)
        empty = memory.empty | {row.index for row in painting.slices if row.declaredEmpty}
        replace(memory, axis=axis, empty=empty, afresh=frozenset(), written=checksums).store(segment)
        if run:
            tagSegment(segment, run)


def checkFrame(scene, preview: Preview, run) -> None:
    """Raises:
    SceneError: the volume shows another frame of its sequence than the one the preview was made for.
    """
    made, now = (run or {}).get("frame"), frameOfVolume(scene, preview.volumeNode)
    if made != now:
        raise SceneError(
            _("The preview was made for frame {made}, but frame {now} is shown; go back to it, or discard.").format(
                made=made, now=now
            )
        )


def keepPainted(proposal: SegmentBox, painting: Painting, axis: int) -> SegmentBox:
    """The proposal with every painted slice replaced by what is painted there now."""
    voxels = proposal.filled()
    for index in painting.paintedIndices:
        voxels[(slice(None),) * axis + (index,)] = painting.box.plane(axis, index)
    region = boundingBox(voxels)
    if region is None:
        return SegmentBox(proposal.shape, (0, 0, 0), np.zeros((0, 0, 0), bool))
    return SegmentBox(proposal.shape, tuple(part.start for part in region), voxels[region])
