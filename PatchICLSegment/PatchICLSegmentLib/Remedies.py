"""What can be done at the press of a button about what keeps the user from propagating."""

from collections.abc import Callable
from dataclasses import dataclass

from .Errors import HardenTransformError, LibraryError, NoVoxelsError, OtherGridError, OverlapError, SceneError
from .SceneIO.GridCopy import copyOnGrid
from .SceneIO.Lattice import volumesOf
from .SceneIO.Volumes import isImage
from .Translation import _


@dataclass(frozen=True)
class Problem:
    """Attributes: sentence: what is wrong and what to do; remedy: text of the button that calls `mend`, "" if none."""

    sentence: str
    remedy: str = ""
    mend: Callable[[], None] | None = None


class Remedies:
    """Args: logic: whose volume and segmentation are looked at, and replaced by the remedies."""

    def __init__(self, logic):
        self.logic = logic

    def problem(self) -> Problem | None:
        """What is wrong with the selected volume and segment, None where nothing is."""
        try:
            painting = self.logic.currentPainting()
        except SceneError as error:
            return self.of(error)
        return None if painting is None or painting.problem is None else self.of(painting.problem)

    def of(self, error: SceneError) -> Problem:
        """The same, of what `startPropagation` or any other action of the logic raised."""
        logic = self.logic
        if isinstance(error, HardenTransformError):
            return Problem(str(error), _("Harden the transform"), self._harden)
        if isinstance(error, OtherGridError):
            others = volumesOf(logic.scene, logic.segmentationNode, isImage)
            if others:
                name = others[0].GetName()
                advice = _("It was painted on {volume}; select that to go on.").format(volume=name)
                remedy = _("Select {volume}").format(volume=name)
                return Problem(_both(error, advice), remedy, lambda: logic.select(others[0], logic.segmentationNode))
            advice = _(
                "In a copy with the voxels of the volume, outlines move by up to half a voxel, and what lies beyond "
                "the volume is left out; the original stays as it is."
            )
            return Problem(_both(error, advice), _("Make a copy"), self._copy)
        if isinstance(error, NoVoxelsError):
            advice = _(
                "In a copy as voxels of the volume, outlines are as fine as its voxels and every slice counts as "
                "painted; the original stays as it is."
            )
            return Problem(_both(error, advice), _("Make a copy as voxels"), self._copy)
        if isinstance(error, OverlapError):
            return Problem(str(error), _("Allow overlap"), self._allowOverlap)
        if isinstance(error, LibraryError):
            return Problem(str(error), _("Go on without it"), self._closeLibrary)
        return Problem(str(error))

    def _allowOverlap(self) -> None:
        editorNode = self.logic.editorNode
        editorNode.SetOverwriteMode(editorNode.OverwriteNone)

    def _closeLibrary(self) -> None:
        """Until it is chosen again, or Slicer starts again."""
        self.logic.library.choose("")
        self.logic.paintingChanged.emit()

    def _harden(self) -> None:
        self.logic.volumeNode.HardenTransform()
        self.logic.paintingChanged.emit()

    def _copy(self) -> None:
        """Works on a copy of the segmentation from now on; the original is hidden."""
        logic = self.logic
        original, segmentId = logic.segmentationNode, logic.segmentId
        copy = copyOnGrid(logic.scene, original, logic.volumeNode)
        if original.GetDisplayNode() is not None:
            original.GetDisplayNode().SetVisibility(False)
        logic.select(logic.volumeNode, copy, segmentId)


def _both(error: SceneError, advice: str) -> str:
    return _("{problem} {advice}").format(problem=str(error), advice=advice)
