"""The tutorial as a script: what a user does with mouse and buttons, with a check after every step.

Runs in the tests without Slicer and, by `PatchICLSegmentTest`, inside Slicer. What differs is passed in.
"""

import tempfile
import time
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import slicer
import slicer.util

from .Logic import State
from .SampleJob import COLOR, THALAMI, loadSample, slicesToPaint
from .SceneIO.Nodes import nodesOfClass
from .SceneIO.SliceViews import jumpToSlice, viewForAxis
from .SceneIO.Volumes import gridOfVolume

AXIS = 0
BRUSH_RADIUS_MM = 1.5
LONGEST_RUN_SECONDS = 300


class Surroundings(Protocol):
    """The application in which the story takes place."""

    def processEvents(self) -> None: ...

    def show(self, text: str) -> None:
        """Tells a spectator what happens next."""

    def drag(self, sliceNode, start, end, radius: float, sphere: bool) -> None:
        """Paints with the left mouse button from one point to another, in world RAS; brush radius in mm."""

    def reload(self, path: str) -> None:
        """Saves the scene to a file, closes it, and loads it again."""


class Story:
    """Usage: Story(panel, surroundings).run(). Raises AssertionError with the step that went wrong.

    What is painted is what the brush leaves: it is wider than its strokes, and as a sphere it reaches into neighboring
    slices. So after every stroke the painted slices are those that the panel lists.

    Args:
        sphere: paint with a sphere instead of a disk.
    """

    def __init__(self, panel: Any, surroundings: Surroundings, sphere: bool = False):
        self.ui, self.logic, self.installer = panel.ui, panel.logic, panel.install.installer
        self.surroundings = surroundings
        self.sphere = sphere

    def run(self) -> None:
        self.loadSample()
        self.paintThreeSlices()
        self.lookAtPanel()
        self.propagate()
        self.lookAtEntropy()
        self.goToNextSlice()
        self.correct()
        self.applyAndUndo()
        self.saveAndReload()

    def loadSample(self) -> None:
        self._tell("Load the sample and choose it")
        self.volume, labels = loadSample(self.logic.scene)
        self.reference = labels == THALAMI
        self.ui.volumeSelector.setCurrentNode(self.volume)
        self._settle()
        self._check(self.logic.volumeNode is self.volume, "the volume is selected")
        self._check(self.logic.segmentationNode is not None, "a segmentation was created")
        segment = self.logic.segmentationNode.GetSegmentation().GetSegment(self.logic.segmentId)
        segment.SetName("Thalami")
        segment.SetColor(*COLOR)

    def paintThreeSlices(self) -> None:
        self._tell("Paint three slices")
        wanted = slicesToPaint(self.reference)
        for index in wanted:
            self.paintSlice(index)
        self.painted = self.rows()
        reach = 1 + int(BRUSH_RADIUS_MM / gridOfVolume(self.volume).spacing[AXIS]) if self.sphere else 0
        around = {index + shift for index in wanted for shift in range(-reach, reach + 1)}
        self._check(
            set(wanted) <= set(self.painted) <= around, f"slices {wanted} are painted, found {list(self.painted)}"
        )

    def rows(self) -> dict[int, bool]:
        """The painted slices that the panel lists: index -> whether something is drawn there."""
        return {row.index: not row.declaredEmpty for row in self.logic.painting.slices()}

    def paintSlice(self, index: int, axis: int = AXIS) -> None:
        self.brush("Paint", self.reference, index, axis)

    def brush(self, effect: str, mask: np.ndarray, index: int, axis: int, radius: float = BRUSH_RADIUS_MM) -> None:
        """Covers what a mask has on a slice with strokes in the view that shows slices of the axis."""
        self.ui.segmentEditor.setActiveEffectByName(effect)
        jumpToSlice(self.logic.scene, self.volume, axis, index)
        self._settle()
        view = viewForAxis(self.logic.scene, self.volume, axis)
        grid = gridOfVolume(self.volume)
        for ends in strokes(mask.take(index, axis), max(1, round(radius))):
            places = [np.insert(place, axis, index)[::-1] for place in ends]
            first, last = ((grid.ijkToWorld @ [*place, 1])[:3] for place in places)
            self.surroundings.drag(view, first, last, radius, self.sphere)
        self._settle()

    def lookAtPanel(self) -> None:
        self._tell("Look for what is pressed again and again")
        for name in ("paintedStrip", "propagateButton", "nextSliceButton", "applyButton", "discardButton"):
            widget = getattr(self.ui, name)
            seen = widget.visibleRegion().boundingRect()
            self._check((seen.width(), seen.height()) == (widget.width, widget.height), f"{name} is in sight, whole")
        self._check(self.ui.paintedTable.rowCount == len(self.painted), "the table shows the painted slices")
        self._check(self.ui.paintedStrip.count == len(self.painted), "there are small pictures of the painted slices")

    def propagate(self) -> None:
        self.runToPreview()
        proposal = self.logic.preview.masks()[self.logic.segmentId]
        drawn = [index for index, isDrawn in self.painted.items() if isDrawn]
        between = set(range(min(drawn), max(drawn) + 1)) - (self.painted.keys() - set(drawn))
        self._check((proposal.areas(AXIS)[sorted(between)] > 0).all(), "all slices between are filled")

    def runToPreview(self) -> None:
        self._tell("Propagate")
        self._check(self.installer.isReady(), f"the packages are installed. {self.installer.explanation()}")
        self.drawn = self.voxels()
        self.stray = {row.index for row in self.logic.painting.slices() if row.isStray}
        self._check(self.ui.propagateButton.enabled, "Propagate can be pressed")
        self.ui.propagateButton.click()
        self._check(self.logic.state.isBusy, f"it runs ({self.ui.statusLabel.text})")
        self._waitWhileBusy()
        self._check(self.logic.state is State.PREVIEW, f"a preview is there ({self.ui.statusLabel.text})")
        self._check((self.voxels() == self.drawn).all(), "the segment is untouched until Apply")

    def lookAtEntropy(self) -> None:
        self._tell("Look at the entropy")
        entropy = self.logic.results.entropyNode
        views = nodesOfClass(self.logic.scene, "vtkMRMLSliceCompositeNode")
        shown = {layers.GetForegroundVolumeID() for layers in views}
        self._check(shown == {entropy.GetID()}, "the entropy is the foreground of all views")
        self._check(self.ui.reviewTable.rowCount > 0, "slices to review are listed")
        self.ui.plotButton.click()

    def goToNextSlice(self) -> None:
        self._tell("Go to the next slice to paint")
        self.ui.nextSliceButton.click()
        self._settle()
        self.suggested = self.logic.views.nextSlice()
        self._check(self.logic.views.currentIndex() == self.suggested, "the view shows the suggested slice")
        self._check(self.suggested not in self.painted, "it is not painted yet")

    def correct(self) -> None:
        if self.reference[self.suggested].any():
            self._tell("Paint it and propagate again")
            self.paintSlice(self.suggested)
        else:
            self._tell("Say that the structure is not there and propagate again")
            self.ui.notOnSliceButton.click()
            self._settle()
        self.painted = self.rows()
        isDrawn = bool(self.reference[self.suggested].any())
        self._check(self.painted.get(self.suggested) is isDrawn, "the slice counts as painted")
        self.propagate()

    def applyAndUndo(self) -> None:
        self._tell("Apply, undo, redo")
        proposal = self.logic.preview.masks()[self.logic.segmentId].filled()
        self.ui.applyButton.click()
        self._settle()
        result = self.voxels()
        self._check((result == proposal).all(), "the preview is in the segment")
        kept = [index for index in self.painted if index not in self.stray]
        self._check((result[kept] == self.drawn[kept]).all(), "painted slices are as they were drawn")
        self._check(not (self.drawn & ~result).any(), "what was drawn by accident is still there")
        overlap = 2 * (result & self.reference).sum() / (result.sum() + self.reference.sum())
        self._check(overlap > 0.6, f"the result agrees with the reference (Dice {overlap:.2f})")
        self.ui.segmentEditor.undo()
        self._settle()
        self._check((self.voxels() == self.drawn).all(), "one undo brings the drawing back")
        self.ui.segmentEditor.redo()
        self._settle()
        self.result = self.voxels()
        self.appliedRows = self.rows()
        lost = self.painted.keys() - self.stray - self.appliedRows.keys()
        self._check(not lost, f"painted slices count as painted, lost {sorted(lost)}")
        self._check((self.result == result).all(), "redo brings the result back")

    def saveAndReload(self) -> None:
        self._tell("Save and reload, with Paint in the hand")
        self.ui.segmentEditor.setActiveEffectByName("Paint")
        with tempfile.TemporaryDirectory() as folder:
            self.surroundings.reload(str(Path(folder) / "patchicl_story.mrb"))
        self._settle()
        self._check(self.logic.volumeNode is not None, "the volume is selected again")
        self.volume = self.logic.volumeNode
        self._checkWidgets()
        self._check((self.voxels() == self.result).all(), "the result was saved")
        self._check(self.rows() == self.appliedRows, "the painted slices are remembered")
        self._check(self.logic.results.run["weights"]["sha256"] != "", "the result says which weights made it")
        self._tell("Draw one more slice afresh")
        filled = np.flatnonzero(self.reference.any(axis=(1, 2))).tolist()
        index = next(index for index in filled if index not in self.appliedRows)
        jumpToSlice(self.logic.scene, self.volume, AXIS, index)
        self._settle()
        self.ui.drawAfreshButton.click()
        self.paintSlice(index)
        self._check(index in self.rows(), "the editor paints in the loaded scene")

    def _checkWidgets(self) -> None:
        """What a user sees, whatever the logic works on."""
        ui, volumeNode, segmentationNode = self.ui, self.logic.volumeNode, self.logic.segmentationNode
        for name, shown, node in (
            ("the volume selector", ui.volumeSelector.currentNode(), volumeNode),
            ("the segmentation selector", ui.segmentationSelector.currentNode(), segmentationNode),
            ("the editor's volume", ui.segmentEditor.sourceVolumeNode(), volumeNode),
            ("the editor's segmentation", ui.segmentEditor.segmentationNode(), segmentationNode),
        ):
            self._check(shown is not None and shown.GetID() == node.GetID(), f"{name} shows {node.GetName()}")
        self._check(ui.segmentEditor.currentSegmentID() == self.logic.segmentId, "the editor shows the segment")
        self._check(ui.paintedTable.rowCount == len(self.appliedRows), "the table lists the painted slices")

    def voxels(self) -> np.ndarray:
        return (
            slicer.util.arrayFromSegmentBinaryLabelmap(self.logic.segmentationNode, self.logic.segmentId, self.volume)
            > 0
        )

    def _waitWhileBusy(self) -> None:
        end = time.monotonic() + LONGEST_RUN_SECONDS
        while self.logic.state.isBusy and time.monotonic() < end:
            self.surroundings.processEvents()
            time.sleep(0.01)
        self._settle()

    def _settle(self) -> None:
        """Lets the panel's timers run for a while, however long what they call takes."""
        for _step in range(40):
            self.surroundings.processEvents()
            time.sleep(0.01)

    def _tell(self, text: str) -> None:
        self.step = text
        self.surroundings.show(text)

    def _check(self, isTrue, what: str) -> None:
        if not isTrue:
            raise AssertionError(f"{self.step}: expected that {what}")


def strokes(mask: np.ndarray, step: int = 2) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Brush strokes along the rows that cover a 2D mask: ((row, first column), (row, last column))."""
    found = []
    for row in np.flatnonzero(mask.any(axis=1))[::step]:
        changes = np.diff(np.concatenate([[0], mask[row].astype(np.int8), [0]]))
        starts, ends = np.flatnonzero(changes == 1), np.flatnonzero(changes == -1) - 1
        found += [((int(row), int(first)), (int(row), int(last))) for first, last in zip(starts, ends, strict=True)]
    return found
