"""The story of planes: one axial, one coronal and one sagittal slice, and a correction in the coronal view."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from .SceneIO.Segments import sliceRegion
from .SceneIO.SliceViews import jumpToSlice
from .SceneIO.Volumes import AXIS_NAMES
from .Story import Story, Surroundings

CORONAL = 1  # array axis of the sample's coronal slices
FINE_BRUSH_MM = 0.5
BESIDE = 5  # slices from the painted coronal slice to the corrected one


class PlanesStory(Story):
    """Usage: PlanesStory(panel, surroundings).run(), with three slice views in sight. Raises AssertionError with the
    step that went wrong.

    Args:
        leastDice: of the result and the reference.
    """

    def __init__(self, panel: Any, surroundings: Surroundings, leastDice: float = 0.6):
        Story.__init__(self, panel, surroundings)
        self.leastDice = leastDice

    def run(self) -> None:
        self.loadSample()
        self.paintThreePlanes()
        self.lookAtPanel()
        self.declareInTheCoronalView()
        self.propagateAndApply()
        self.correctInTheCoronalView()
        self.propagateAndApply()
        self.undoAndRedo()
        self.saveAndReload()

    def planes(self) -> dict[tuple[int, int], bool]:
        """Axis and index of the painted slices that the panel lists -> whether all of it counts as painted."""
        return {row.plane: row.isWhole for row in self.logic.painting.slices()}

    def paintThreePlanes(self) -> None:
        self._tell("Paint one slice in each view")
        areas = [self.reference.sum(axis=tuple({0, 1, 2} - {axis})) for axis in range(3)]
        self.wanted = {axis: int(area.argmax()) for axis, area in enumerate(areas)}
        for axis, index in self.wanted.items():
            self.paintSlice(index, axis)
        self.painted = self.planes()
        self._check(
            self.painted == dict.fromkeys(self.wanted.items(), True), f"these are painted, found {self.painted}"
        )
        names = {self.ui.paintedTable.item(row, 1).text() for row in range(self.ui.paintedTable.rowCount)}
        expected = {f"{AXIS_NAMES[axis]}={index}" for axis, index in self.wanted.items()}
        self._check(names == expected, f"the table names them with their axes, found {names}")

    def declareInTheCoronalView(self) -> None:
        self._tell("Say that the structure is not on a coronal slice")
        last = int(np.flatnonzero(self.reference.any(axis=(0, 2)))[-1])
        jumpToSlice(self.logic.scene, self.volume, CORONAL, last + 4)
        self._settle()
        self.ui.notOnSliceButton.click()
        self._settle()
        self.painted[CORONAL, last + 4] = True
        self._check(self.planes() == self.painted, f"it is declared in the coronal view, found {self.planes()}")

    def propagateAndApply(self) -> None:
        rows = self.logic.painting.slices()
        self.runToPreview()
        self.proposal = self.logic.preview.masks()[self.logic.segmentId].filled()
        self._tell("Apply")
        self.ui.applyButton.click()
        self._settle()
        self.result = self.voxels()
        self._check((self.result == self.proposal).all(), "the preview is in the segment")
        for row in rows:
            kept = (self.result[row.region] == self.drawn[row.region]).all()
            self._check(kept, f"what counts as painted on {row.plane} is as it was left")
        self._check(self.planes() == self.painted, f"the same slices count as painted, found {self.planes()}")
        overlap = 2 * (self.result & self.reference).sum() / (self.result.sum() + self.reference.sum())
        self._check(overlap > self.leastDice, f"the result agrees with the reference (Dice {overlap:.2f})")

    def correctInTheCoronalView(self) -> None:
        self._tell("Correct one side of another coronal slice")
        index = self.wanted[CORONAL] + BESIDE
        side = np.zeros_like(self.reference)
        side[:, :, : self.reference.shape[2] // 2] = True
        self.brush("Paint", side & self.reference & ~self.result, index, CORONAL, FINE_BRUSH_MM)
        self.brush("Erase", side & ~self.reference & self.voxels(), index, CORONAL, FINE_BRUSH_MM)
        touched = self.voxels() ^ self.result
        self._check(touched.any(), "something was corrected")
        elsewhere = touched.copy()
        elsewhere[sliceRegion(touched.shape, CORONAL, index)] = False
        self._check(not elsewhere.any(), "the strokes stay within their slice")
        self.painted[CORONAL, index] = False
        found = self.planes()
        self._check(found == self.painted, f"the coronal slice counts where it was touched, no other, found {found}")
        self.corrected = self.voxels()

    def undoAndRedo(self) -> None:
        self._tell("Undo, redo")
        self.ui.segmentEditor.undo()
        self._settle()
        self._check((self.voxels() == self.corrected).all(), "one undo brings the correction back")
        self._check(self.planes() == self.painted, "it still counts")
        self.ui.segmentEditor.redo()
        self._settle()
        self._check((self.voxels() == self.result).all(), "redo brings the result back")

    def saveAndReload(self) -> None:
        self._tell("Save and reload")
        with tempfile.TemporaryDirectory() as folder:
            self.surroundings.reload(str(Path(folder) / "patchicl_planes.mrb"))
        self._settle()
        self.volume = self.logic.volumeNode
        self._check((self.voxels() == self.result).all(), "the result was saved")
        self._check(self.planes() == self.painted, "the slices of all axes are remembered")
