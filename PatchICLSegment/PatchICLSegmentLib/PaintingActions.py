"""What the user does with single slices of the selected segment, beside painting on them."""

from collections.abc import Iterable
from dataclasses import replace

from .Errors import SceneError
from .Painting import Painting
from .SceneIO.SegmentMemory import SegmentMemory
from .SceneIO.Segments import SegmentBox, readSegment, sliceRegion
from .SceneIO.SliceViews import currentSlice
from .SceneIO.Voxels import Plane, Region, within, without
from .Translation import _


class PaintingActions:
    """Declares, clears and excludes slices. Each call is one undo step of the segmentation.

    Slices are given by their index and array axis; without one, the main axis of the painting is meant.
    """

    def __init__(self, logic):
        self.logic = logic

    def slices(self):
        """Rows of the table of painted slices, by axis and index."""
        painting = self.logic.currentPainting()
        return list(painting.slices) if painting is not None else []

    def axis(self) -> int | None:
        """Main axis of the painted slices of the selected segment; before the first stroke, that of the last run."""
        painting = self.logic.currentPainting()
        if painting is not None and painting.axis is not None:
            return painting.axis
        return self.logic.results.axis

    def setNotOnSlice(self, index: int, present: bool = True, axis: int | None = None) -> None:
        """Declares a slice to be without the structure (what is drawn there is cleared), or takes that back."""
        painting = self._painting()
        plane = self._plane(index, axis)
        memory = painting.memory.forgetting(plane, self._cleared(painting, plane if present else None))
        self._store(memory.declaring(plane) if present else memory, plane)

    def setContext(self, index: int, isContext: bool, axis: int | None = None) -> None:
        """Whether a painted slice serves as context; a stray one does once that is said. It is kept either way."""
        painting = self._painting()
        plane, memory = self._plane(index, axis), painting.memory
        self._cleared(painting, None)
        if plane in memory.trusted or any(row.plane == plane for row in painting.strays):
            memory = memory.withPlane("trusted", plane, isContext)
        else:
            memory = memory.withPlane("excluded", plane, not isContext)
        self._store(memory, plane)

    def remove(self, index: int, axis: int | None = None) -> None:
        """Takes a slice from the painted ones, with what is drawn on it; what was corrected stays until the next run.

        What other painted slices show where they cross it stays, too.
        """
        painting = self._painting()
        plane = self._plane(index, axis)
        isCorrection = any(row.plane == plane and not row.isWhole for row in painting.slices)
        box = self._cleared(painting, None if isCorrection else plane, _othersThan(plane, painting))
        self._store(painting.memory.forgetting(plane, box), plane)

    def drawAfresh(self, index: int, axis: int | None = None) -> None:
        """Clears a slice, as `remove`, so that it can be drawn anew; until then it counts as not painted.

        Mending a proposed contour takes longer than drawing a new one and leaves tolerated errors behind.
        """
        painting = self._painting()
        plane = self._plane(index, axis)
        box = self._cleared(painting, plane, _othersThan(plane, painting))
        self._store(painting.memory.forgetting(plane, box), plane)

    def _painting(self) -> Painting:
        painting = self.logic.currentPainting()
        if painting is None:
            raise SceneError(_("Select a volume, a segmentation and a segment first."))
        if painting.problem is not None:
            raise painting.problem
        return painting

    def _plane(self, index: int, axis: int | None) -> Plane:
        axis = self.axis() if axis is None else axis
        if axis is None:
            # Nothing is painted: the slices of the first view that is aligned with the volume are meant.
            axis = next(
                (axis for axis in range(3) if currentSlice(self.logic.scene, self.logic.volumeNode, axis) is not None),
                0,
            )
        return axis, index

    def _cleared(self, painting: Painting, plane: Plane | None, kept: Iterable[Region] = ()) -> SegmentBox:
        """Saves the state for undo, and empties a slice if one is given, but for these regions. What is there then."""
        logic, box = self.logic, painting.box
        writer = logic.writer()
        left = box if plane is None else without(box, [sliceRegion(box.shape, *plane)])
        for region in kept if left is not box else ():
            part = within(region, box.region)
            left.voxels[part] = box.voxels[part]
        if (left.voxels == box.voxels).all():
            writer.undoKeeper.saveStateForUndo()
            return box
        writer.write(logic.segmentationNode, logic.volumeNode, {painting.segmentId: left})
        return readSegment(logic.segmentationNode, painting.segmentId, logic.volumeNode)

    def _store(self, memory: SegmentMemory, plane: Plane) -> None:
        axis = plane[0] if memory.axis is None else memory.axis
        segment = self.logic.segmentationNode.GetSegmentation().GetSegment(self.logic.segmentId)
        replace(memory, axis=axis).store(segment)
        self.logic.paintingChanged.emit()


def _othersThan(plane: Plane, painting: Painting) -> list[Region]:
    return [row.region for row in painting.slices if row.plane != plane and not row.isStray]
