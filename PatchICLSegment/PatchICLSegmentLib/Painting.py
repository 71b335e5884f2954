"""What the user painted of a segment, read from the scene."""

from dataclasses import dataclass

from .Errors import SceneError
from .SceneIO.PaintedSlices import Drawing, PaintedSlice, Shown, drawingOf
from .SceneIO.SegmentMemory import SegmentMemory, memoryOf
from .SceneIO.Segments import SegmentBox, readSegment
from .SceneIO.Volumes import gridOfVolume
from .SceneIO.Voxels import filledBox, noVoxels, united, within, without


@dataclass(frozen=True)
class Painting:
    """A segment as the user left it: its voxels, what is remembered of it, and what of it was painted.

    Attributes:
        drawing: nothing where there is a problem.
        problem: why what is painted cannot be used, with what to do about it.
    """

    segmentId: str
    name: str
    box: SegmentBox
    memory: SegmentMemory
    drawing: Drawing
    problem: SceneError | None = None

    @property
    def axis(self) -> int | None:
        """Main axis of the painted slices."""
        return self.drawing.axis

    @property
    def slices(self) -> tuple[PaintedSlice, ...]:
        return self.drawing.slices

    @property
    def context(self) -> list[PaintedSlice]:
        """Painted slices that take part in a propagation, corrected ones aside."""
        return [row for row in self.slices if row.isContext and row.isWhole]

    @property
    def strays(self) -> list[PaintedSlice]:
        return [row for row in self.slices if row.isStray]

    @property
    def single(self) -> SegmentBox:
        """Voxels that count by themselves: of corrections, and what is known beside slices."""
        regions = [row.region for row in self.slices if row.isContext and not row.isWhole]
        marked = united(self.drawing.known, *(filledBox(self.box.shape, region) for region in regions))
        return without(marked, [row.region for row in self.slices if row.isWhole and not row.isStray])

    @property
    def drawn(self) -> SegmentBox:
        """Voxels of the segment on the slices of the context, and those that count by themselves."""
        told = self.single.part(self.box.region)
        for row in self.context:
            told[within(row.region, self.box.region)] = True
        return SegmentBox(self.box.shape, self.box.offset, told & self.box.voxels)


def readPainting(
    segmentationNode, segmentId: str, volumeNode, useAllSlices: bool = False, shown: Shown | None = None
) -> Painting:
    """What the user painted of a segment.

    What is painted in a way that cannot be used is no error here, but a `problem` of the painting. With `useAllSlices`
    no slice is stray. `shown` is the preview for the segment, if one is open.
    """
    name = segmentationNode.GetSegmentation().GetSegment(segmentId).GetName()
    grid = gridOfVolume(volumeNode)
    nothing = noVoxels(grid.shape)
    box, memory, problem = nothing, SegmentMemory(), None
    try:
        box = readSegment(segmentationNode, segmentId, volumeNode)
        memory = memoryOf(segmentationNode, segmentId, volumeNode, box)
        drawing = drawingOf(box, memory, grid.spacing, shown, useAllSlices)
    except SceneError as error:
        drawing, problem = Drawing(None, (), nothing), error
    return Painting(segmentId, name, box, memory, drawing, problem)
