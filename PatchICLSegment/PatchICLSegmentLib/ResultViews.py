"""What is shown of a result: layers over the slices, the slice to go to next, the review segment, the export."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from .Errors import SceneError
from .Inspection import export, levelTable
from .InspectionPictures import InspectedSlice, Tile, levelTiles, selectionPicture
from .Overlays.EntropyLayer import EntropyLayer
from .Overlays.LogitsLayer import LogitsLayer
from .Overlays.PatchLayers import PatchLayers
from .SceneIO.Segments import SegmentBox, readSegment
from .SceneIO.SliceViews import axisUnderMouse, currentSlice, jumpToSlice, viewForAxis
from .SceneIO.Volumes import AXIS_NAMES, arrayOfVolume, gridOfVolume
from .Translation import _
from .Uncertainty import SliceUncertainty, boxAbove, slicesToReview, storeTable


class ResultViews:
    """Shows the result of the last run in the views of the scene, following the parameters."""

    LEVEL_TABLE = "LevelTable"

    def __init__(self, logic):
        self.logic = logic
        self.entropyLayer = EntropyLayer(logic.scene)
        self.patchLayers = PatchLayers(logic.scene)
        self.logitsLayer = LogitsLayer(logic.scene)
        self._axisInHand: int | None = None
        self._shownSlices: dict[int, int | None] = {}

    @property
    def axis(self) -> int | None:
        axis = self.logic.results.axis
        return axis if axis is not None else self.logic.painting.axis()

    def currentIndex(self) -> int | None:
        """The slice that is shown now, along the axis of the result, before there is one of the painting."""
        axis, volumeNode = self.axis, self.logic.volumeNode
        if axis is None or volumeNode is None:
            return None
        return currentSlice(self.logic.scene, volumeNode, axis)

    def jumpTo(self, index: int, axis: int | None = None) -> None:
        """Shows a slice, of the axis of `currentIndex` unless another is given."""
        axis = self.axis if axis is None else axis
        if axis is not None:
            self._axisInHand = axis
            jumpToSlice(self.logic.scene, self.logic.volumeNode, axis, index)
            self._shownSlices = self._currentSlices()

    @property
    def axisInHand(self) -> int | None:
        """Axis of the slice view that the user works in: the one under the mouse, else the one used last."""
        volumeNode = self.logic.volumeNode
        if volumeNode is None:
            return None
        under = axisUnderMouse(self.logic.scene, volumeNode)
        if under is not None:
            return under
        return self._axisInHand if self._axisInHand is not None else self.logic.painting.axis()

    def planeInHand(self) -> tuple[int, int] | None:
        """Axis and index of the slice that the view in hand shows; None where no view shows slices of the volume."""
        axis = self.axisInHand
        index = None if axis is None else currentSlice(self.logic.scene, self.logic.volumeNode, axis)
        return None if axis is None or index is None else (axis, index)

    def noticeUse(self) -> None:
        """Something happened in the views: where the mouse is, or where alone another slice is shown, one works."""
        volumeNode = self.logic.volumeNode
        if volumeNode is None:
            return
        before, self._shownSlices = self._shownSlices, self._currentSlices()
        changed = [axis for axis, index in self._shownSlices.items() if before.get(axis) != index]
        under = axisUnderMouse(self.logic.scene, volumeNode)
        if under is not None:
            self._axisInHand = under
        elif len(changed) == 1 and before:
            self._axisInHand = changed[0]

    def _currentSlices(self) -> dict[int, int | None]:
        return {axis: currentSlice(self.logic.scene, self.logic.volumeNode, axis) for axis in range(3)}

    # Uncertainty

    def slicesToReview(self) -> list[SliceUncertainty]:
        """Slices where the selected segment is not painted, most uncertain first; empty before the first run."""
        logic = self.logic
        if logic.results.run is None or logic.results.volumeNode is None:
            return []
        label = logic.results.labelOf(logic.segmentId)
        rows = logic.results.uncertainty(gridOfVolume(logic.results.volumeNode), label)
        return slicesToReview(rows, self._painted())

    def nextSlice(self) -> int | None:
        """Where one more drawing helps most: the worker's suggestion, once painted the most uncertain of the others."""
        run = self.logic.results.run
        if run is None:
            return None
        painted = self._painted()
        suggested = run.get("suggested_next_slice")
        if suggested is not None and suggested not in painted:
            return int(suggested)
        return next((row.index for row in self.slicesToReview()), None)

    def goToNextSlice(self) -> str:
        """Shows the slice where one more drawing helps most; returns in words in which view it is, and where.

        Raises:
            SceneError: there is none, or no view shows slices of its axis.
        """
        logic, index, axis = self.logic, self.nextSlice(), self.axis
        if index is None or axis is None:
            raise SceneError(_("There is no slice to suggest; propagate first."))
        view = viewForAxis(logic.scene, logic.volumeNode, axis)
        if view is None:
            raise SceneError(
                _(
                    "The slice to paint next is number {index} along {axis}, and no slice view shows such slices; "
                    "align the views first."
                ).format(index=index, axis=AXIS_NAMES[axis])
            )
        self.jumpTo(index, axis)
        grid = gridOfVolume(logic.volumeNode)
        return _("Paint next in {view} ({orientation}): slice {index}, at {position} mm.").format(
            view=view.GetName(),
            orientation=grid.orientationName(axis),
            index=index,
            position=grid.position(axis, index),
        )

    def _painted(self) -> set[int]:
        """Slices of the result's axis that are painted or corrected."""
        rows = self.logic.painting.slices()
        return {row.index for row in rows if row.axis == self.logic.results.axis and not row.isStray}

    def updateEntropy(self) -> None:
        """Shows or hides the entropy layer as the parameters say."""
        node = self.logic.results.entropyNode
        if node is None:
            return
        parameters = self.logic.parameters
        if parameters.entropyVisible:
            self.entropyLayer.show(node, parameters.entropyOpacity, parameters.entropyThreshold, self.axis)
        else:
            self.entropyLayer.hide(node)

    def hideAll(self) -> None:
        """Takes entropy and patches from the views; the user's own foreground comes back."""
        if self.logic.results.entropyNode is not None:
            self.entropyLayer.hide(self.logic.results.entropyNode)
        self.patchLayers.hide()
        self.logitsLayer.hide()

    def addReviewSegment(self) -> str:
        """Adds a segment with the voxels whose entropy reaches the threshold, as one undo step; returns its identifier.

        Raises:
            SceneError: there is no entropy yet, or none that high.
        """
        logic = self.logic
        entropyNode, volumeNode = logic.results.entropyNode, logic.results.volumeNode
        if entropyNode is None or volumeNode is None or logic.segmentationNode is None:
            raise SceneError(_("There is no uncertainty yet; propagate first."))
        threshold = logic.parameters.reviewThreshold
        box = boxAbove(entropyNode, volumeNode, gridOfVolume(volumeNode), threshold)
        if box.isEmpty:
            raise SceneError(
                _("No voxel has an entropy of {threshold:.2f} bits or more; lower the threshold.").format(
                    threshold=threshold
                )
            )
        writer = logic.writer()
        writer.undoKeeper.saveStateForUndo()
        name = _("Review (entropy from {threshold:.2f})").format(threshold=threshold)
        segmentation = logic.segmentationNode.GetSegmentation()
        segmentId = segmentation.AddEmptySegment("", name, (0.98, 0.55, 0.15))
        segmentation.GetSegment(segmentId).SetColor(0.98, 0.55, 0.15)
        writer.writeUnmasked(logic.segmentationNode, volumeNode, segmentId, box)
        return segmentId

    # Inspection

    def selectionOfCurrentSlice(self):
        """Of the selected segment if it took part in the last run, else of any."""
        index, results = self.currentIndex(), self.logic.results
        if index is None or results.selections is None:
            return None
        return results.selections.find(index, results.labelOf(self.logic.segmentId))

    def updatePatches(self) -> None:
        """Shows the patches of the current slice as the parameters say, and fills the table of levels."""
        parameters = self.logic.parameters
        selection = self.selectionOfCurrentSlice() if parameters.patchesVisible else None
        if selection is None:
            self.patchLayers.hide()
            return
        onlyLevel = None if parameters.patchLevel < 0 else parameters.patchLevel
        self.patchLayers.show(self.logic.results.volumeNode, self.axis, selection, parameters.patchOpacity, onlyLevel)
        parameterNode = self.logic.parameterNode
        table = parameterNode.reference(self.LEVEL_TABLE)
        table = storeTable(self.logic.scene, _("PatchICL levels"), levelTable(selection), table)
        parameterNode.setReference(self.LEVEL_TABLE, table)

    def logitsOfCurrentSlice(self):
        """What the worker answered about the slice that is shown, None if it was not asked."""
        found, selection = self.logic.logits.found, self.selectionOfCurrentSlice()
        if found is None or selection is None:
            return None
        isShown = (found.slice_index, found.label) == (selection.slice_index, selection.label)
        return found if isShown else None

    def updateLogits(self) -> None:
        """Shows the logits of the current slice as the parameters say."""
        parameters, found = self.logic.parameters, self.logitsOfCurrentSlice()
        if found is None or parameters.logitsShown == "nothing":
            self.logitsLayer.hide()
            return
        level = found.levels[self.shownLevel(len(found.levels))]
        values = {"before": level.before, "after": level.after, "change": level.after - level.before}
        # Half as opaque as the outlines: it covers the anatomy.
        opacity = 0.5 * parameters.patchOpacity
        self.logitsLayer.show(self.logic.results.volumeNode, self.axis, found, values[parameters.logitsShown], opacity)

    def inspectionTiles(self) -> list[Tile]:
        """Small pictures of what the chosen level (for all: the last) did on the current slice."""
        inspected = self._inspectedSlice()
        if inspected is None:
            return []
        return levelTiles(inspected, self.shownLevel(len(inspected.selection.levels)))

    def shownLevel(self, count: int) -> int:
        """Index of the level chosen in Inspect, the last where all are."""
        level = self.logic.parameters.patchLevel
        return count - 1 if level < 0 else min(level, count - 1)

    def _inspectedSlice(self) -> InspectedSlice | None:
        selection = self.selectionOfCurrentSlice()
        if selection is None or not selection.levels:
            return None
        volumeNode = self.logic.results.volumeNode
        return InspectedSlice(
            arrayOfVolume(volumeNode),
            self._shownMask(volumeNode, selection.label),
            self.axis,
            selection,
            gridOfVolume(volumeNode),
            self.logitsOfCurrentSlice(),
        )

    def export(self, folder: str | Path) -> list[Path]:
        """Writes report and selections; of the current slice a picture of its patches, and its logits if asked for.

        Raises:
            SceneError: there is no result yet.
        """
        logic = self.logic
        run = logic.results.run
        if run is None:
            raise SceneError(_("There is no result to export yet; propagate first."))
        inspected = self._inspectedSlice()
        picture = selectionPicture(inspected) if inspected is not None else None
        return export(folder, run, logic.results.selections or (), picture, self.logitsOfCurrentSlice())

    def _shownMask(self, volumeNode, label: int) -> Callable[[int], np.ndarray]:
        """What is shown of a label on a slice: the preview, after Apply the segment."""
        logic, axis = self.logic, self.axis
        segment = (logic.results.run or {}).get("segments", {}).get(str(label), {})
        segmentId = segment.get("id", "")
        if logic.preview is not None and logic.preview.reportNode is logic.results.reportNode:
            return lambda index: logic.preview.plane(segmentId, index)
        segmentation = logic.segmentationNode.GetSegmentation() if logic.segmentationNode is not None else None
        if segmentation is not None and segmentation.GetSegment(segmentId) is not None:
            box = readSegment(logic.segmentationNode, segmentId, volumeNode)
        else:
            box = SegmentBox(gridOfVolume(volumeNode).shape, (0, 0, 0), np.zeros((0, 0, 0), bool))
        return lambda index: box.plane(axis, index)
