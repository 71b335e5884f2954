"""What the user does with single slices of the selected segment, beside painting on them."""

from __future__ import annotations

from dataclasses import replace

from .Errors import SceneError
from .Job import Painting
from .SceneIO.PaintedSlices import SegmentMemory, memoryOf
from .SceneIO.SliceViews import currentSlice
from .Translation import _


class PaintingActions:
    """Declares, clears and excludes slices. Each call is one undo step of the segmentation."""

    def __init__(self, logic):
        self.logic = logic

    def slices(self):
        """Rows of the table of painted slices, ascending."""
        painting = self.logic.currentPainting()
        return list(painting.slices) if painting is not None else []

    def axis(self) -> int | None:
        """Axis of the painted slices of the selected segment; before the first stroke, that of the last run."""
        painting = self.logic.currentPainting()
        if painting is not None and painting.axis is not None:
            return painting.axis
        return self.logic.results.axis

    def setNotOnSlice(self, index: int, present: bool = True) -> None:
        """Declares a slice to be without the structure (what is drawn there is cleared), or takes that back."""
        painting = self._painting()
        axis = self._axis(painting)
        self._clearOrSave(painting, axis, index if present else None)
        memory = self._memory().withSlice("afresh", index, False).withSlice("empty", index, present)
        self._store(memory, axis)

    def setContext(self, index: int, isContext: bool) -> None:
        """Whether a painted slice serves as context; a stray one does once that is said. It is kept either way."""
        painting = self._painting()
        self._clearOrSave(painting, painting.axis, None)
        memory = self._memory()
        isStray = index in painting.strayIndices
        if isStray or index in memory.trusted:
            memory = memory.withSlice("trusted", index, isContext)
        else:
            memory = memory.withSlice("excluded", index, not isContext)
        self._store(memory, painting.axis)

    def remove(self, index: int) -> None:
        """Takes a slice from the painted ones, with what is drawn on it."""
        painting = self._painting()
        axis = self._axis(painting)
        self._clearOrSave(painting, axis, index)
        memory = self._memory().withSlice("empty", index, False).withSlice("excluded", index, False)
        memory = memory.withSlice("trusted", index, False)
        # The slice may have come from a propagation; empty now, it must not count as corrected.
        self._store(memory.withSlice("afresh", index, True), axis)

    def drawAfresh(self, index: int) -> None:
        """Clears the proposal on a slice so that it can be drawn anew; until then the slice counts as not painted.

        Mending a proposed contour takes longer than drawing a new one and leaves tolerated errors behind.
        """
        painting = self._painting()
        axis = self._axis(painting)
        self._clearOrSave(painting, axis, index)
        memory = self._memory().withSlice("empty", index, False).withSlice("afresh", index, True)
        self._store(memory, axis)

    def _painting(self) -> Painting:
        painting = self.logic.currentPainting()
        if painting is None:
            raise SceneError(_("Select a volume, a segmentation and a segment first."))
        if painting.problem is not None:
            raise painting.problem
        return painting

    def _axis(self, painting: Painting) -> int:
        axis = self.axis()
        if axis is None:
            # Nothing is painted: the slices of the first view that is aligned with the volume are meant.
            axis = next(
                (axis for axis in range(3) if currentSlice(self.logic.scene, self.logic.volumeNode, axis) is not None),
                0,
            )
        return axis

    def _clearOrSave(self, painting: Painting, axis: int, index: int | None) -> None:
        """Saves the state for undo, and empties a slice if one is given."""
        logic = self.logic
        writer = logic.writer()
        if index is not None and painting.box.plane(axis, index).any():
            writer.clearSlices(logic.segmentationNode, logic.volumeNode, painting.segmentId, axis, [index])
        else:
            writer.undoKeeper.saveStateForUndo()

    def _segment(self):
        return self.logic.segmentationNode.GetSegmentation().GetSegment(self.logic.segmentId)

    def _memory(self) -> SegmentMemory:
        return memoryOf(self.logic.segmentationNode, self.logic.segmentId, self.logic.volumeNode)

    def _store(self, memory: SegmentMemory, axis: int) -> None:
        replace(memory, axis=axis).store(self._segment())
        self.logic.paintingChanged.emit()
