"""A library of finished cases beside the scene: how many there are of each segment, and this one added to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import vtk

from PatchICLLib.errors import InputError
from PatchICLLib.images import Grid
from PatchICLLib.library import Filled, Library, Structure, has_default_name
from PatchICLLib.library import ScanIsThereError as ScanIsInLibrary
from PatchICLLib.segmentations import Segment
from PatchICLLib.segmentations.segmentation import layered

from .Errors import LibraryError, ScanIsThereError, SceneError
from .ScanHash import ScanHash
from .SceneIO.SegmentMemory import holdsPropagated
from .SceneIO.Segments import readSegment, segmentIds
from .SceneIO.Volumes import VolumeGrid, arrayOfVolume, gridOfVolume
from .Translation import _, counted

_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class SegmentCases:
    """A segment of the scene and the library.

    Attributes:
        count: finished cases of the same structure.
        others: of these, those of other scans, which a run can learn from.
        isNamed: whether it has a name of its own, by which the structure can be known again.
        isUsed: whether the next run learns from them.
        isFinished: whether a preview was applied to it; else nobody but the user knows.
    """

    segmentId: str
    name: str
    count: int
    others: int
    isNamed: bool
    isUsed: bool
    isFinished: bool


@dataclass(frozen=True)
class LibraryUse:
    """What a run learns from a library.

    Attributes:
        folder: of the library.
        match: identifier of a segment -> label of its structure in the library.
        direction: of the volume in the patient, rows of a 3x3 matrix as ITK has it.
    """

    folder: str
    match: dict[str, int]
    direction: list[list[float]]

    def options(self, labels: Mapping[int, str]) -> dict[str, Any]:
        """Keyword arguments for the worker. Args: labels: of a job, with their segments."""
        match = {label: self.match[segmentId] for label, segmentId in labels.items() if segmentId in self.match}
        return {"library": self.folder, "match": match, "direction": self.direction} if match else {}


class LibraryCases:
    """Args: logic: whose volume and segmentation are meant.

    Attributes:
        folder: of the library, chosen by the user for all scenes; "" where none is. It may be empty, or just chosen
            and missing: then the first case makes the library.
    """

    def __init__(self, logic):
        self.logic = logic
        self.folder = ""
        self._chosen = ""  # the folder that was chosen here, not remembered from another time
        self._declined: set[tuple[str, str]] = set()  # segmentation and segment
        self._opened: tuple[tuple, Library] | None = None
        self._scan = ScanHash()

    def open(self) -> Library:
        """The library as it is now; others may have changed it.

        Raises:
            SceneError: no folder is chosen, or it is gone, or what is in it is no library or a damaged one.
        """
        if not self.folder:
            raise SceneError(_("Choose a folder for the library first."))
        if self.folder != self._chosen and not Path(self.folder).exists():
            raise LibraryError(
                _("The library {folder} is not there; connect its drive, or choose another folder, or none.").format(
                    folder=self.folder
                )
            )
        known = self.folder, _stateOf(Path(self.folder) / "library.json")
        if self._opened is None or self._opened[0] != known:
            try:
                self._opened = known, Library.open(self.folder, may_be_new=True)
            except InputError as error:
                raise LibraryError(str(error)) from error
        return self._opened[1]

    def use(self) -> LibraryUse | None:
        """What a run on the selected nodes would learn from; None where no segment is known in the library.

        Raises:
            SceneError: there is something else in the folder than a library, or a damaged one.
        """
        if not self.folder or self.logic.volumeNode is None:
            return None
        library, structures = self._ofOtherScans(), self._structures()
        found = library.match(list(structures.values()))
        match = {
            segmentId: found[one.label]
            for segmentId, one in structures.items()
            if one.label in found and self._isWanted(segmentId)
        }
        direction = np.reshape(_patientGrid(gridOfVolume(self.logic.volumeNode)).direction, (3, 3))
        return LibraryUse(self.folder, match, direction.tolist()) if match else None

    def countOf(self, segmentId: str) -> int:
        """Earlier cases that a run would use for a segment."""
        try:
            use = self.use()
            known = use is not None and segmentId in use.match
            return len(self._ofOtherScans().cases_with(use.match[segmentId])) if known else 0
        except SceneError:
            return 0  # Propagate says why.

    def told(self, run: Mapping[str, Any] | None) -> str:
        """What a run made of the library, "" where it used none."""
        known = (run or {}).get("library")
        if known is None:
            return ""
        sentences = [
            _("Case {number} is of this very scan and was not asked.").format(number=number)
            for number in run.get("own_cases", ())
        ]
        for label, entry in sorted(run["segments"].items()):
            said, isPainted = known.get(label), bool(run["painted_slices"].get(label))
            if said is None and isPainted:
                continue  # The library does not know it, or found nothing that painting did not say.
            if said is None:
                sentence = _("{name}: nothing here looks as in earlier cases; paint a slice.")
            elif not said["weight"]:
                sentence = _("{name}: the library does not fit and was not listened to.")
            elif not isPainted:
                sentence = counted(
                    len(said["cases"]),
                    _("{name}: from 1 earlier case, nothing is painted."),
                    _("{name}: from {count} earlier cases, nothing is painted."),
                )
                if said.get("doubt"):
                    sentence += " " + _("This may well be wrong: check it, or paint a slice.")
            else:
                sentence = counted(
                    len(said["cases"]),
                    _("{name}: 1 earlier case helped."),
                    _("{name}: {count} earlier cases helped."),
                )
            sentences.append(sentence.format(name=entry["name"], count=0 if said is None else len(said["cases"])))
        return " ".join(sentences)

    def choose(self, folder: str) -> None:
        """Takes a folder, or with "" none.

        Raises:
            SceneError: it holds something else than a library. The folder of before stays.
        """
        before = self.folder, self._chosen
        self.folder = self._chosen = folder
        try:
            if folder:
                self.open()
        except SceneError:
            self.folder, self._chosen = before
            raise

    def want(self, segmentId: str, isWanted: bool) -> None:
        """Whether the library is to be used for a segment of the selected segmentation, as it is unless declined."""
        change = self._declined.discard if isWanted else self._declined.add
        change((self.logic.segmentationNode.GetID(), segmentId))

    def wantAll(self) -> None:
        """Another scene has come."""
        self._declined.clear()

    def _isWanted(self, segmentId: str) -> bool:
        return (self.logic.segmentationNode.GetID(), segmentId) not in self._declined

    def segments(self) -> list[SegmentCases]:
        """The segments of the selected segmentation, in its order."""
        library, others, structures = self.open(), self._ofOtherScans(), self._structures()
        found = library.match(list(structures.values()))
        rows = []
        for segmentId, structure in structures.items():
            count, other = (
                len(one.cases_with(found[structure.label])) if structure.label in found else 0
                for one in (library, others)
            )
            isNamed = not has_default_name(structure)
            isUsed = other > 0 and self._isWanted(segmentId)
            name = self._segment(segmentId).GetName()
            isFinished = holdsPropagated(self._segment(segmentId))
            rows.append(SegmentCases(segmentId, name, count, other, isNamed, isUsed, isFinished))
        return rows

    def addCase(self, chosen: Sequence[str], replace: bool = False) -> int:
        """Adds the selected volume with some of its segments; returns the number of the case.

        Args:
            chosen: identifiers of segments that are complete in the whole volume.
            replace: if the same scan is there already, the new case takes its place.

        Raises:
            ScanIsThereError: it is there, and may not be replaced.
            SceneError: nothing to add, or a folder that cannot be written to.
        """
        logic = self.logic
        library, structures = self.open(), self._structures()
        structures = {segmentId: one for segmentId, one in structures.items() if segmentId in chosen}
        if logic.volumeNode is None or not structures:
            raise SceneError(_("Select a volume and tick the segments that are finished."))
        boxes = {
            one.label: readSegment(logic.segmentationNode, segmentId, logic.volumeNode)
            for segmentId, one in structures.items()
        }
        grid = gridOfVolume(logic.volumeNode)
        labels = layered({label: (box.region, box.voxels) for label, box in boxes.items()}, grid.shape)
        weights = sorted({tag for segmentId in structures if (tag := self._tag(segmentId, "PatchICL.Weights"))})
        filled = Filled("propagated", ", ".join(weights)) if weights else Filled("painted")
        image = arrayOfVolume(logic.volumeNode)
        try:
            added = library.add(image, labels, _patientGrid(grid), list(structures.values()), filled, replace)
        except ScanIsInLibrary as error:
            raise ScanIsThereError(
                _("This scan is case {number} of the library already.").format(number=error.number)
            ) from error
        except InputError as error:
            raise SceneError(str(error)) from error
        return added.number

    def _ofOtherScans(self) -> Library:
        """The library without cases of the selected volume itself, which a run does not ask.

        Raises:
            SceneError: as `open`.
        """
        library = self.open()
        own = self._scan.numbersIn(library, self.logic.volumeNode)
        return Library(library.path, library.contents.without(own)) if own else library

    def _structures(self) -> dict[str, Structure]:
        """By segment; labels are 1 to n in the segmentation's order."""
        node = self.logic.segmentationNode
        return {
            segmentId: self._structure(label, segmentId)
            for label, segmentId in enumerate([] if node is None else segmentIds(node), start=1)
        }

    def _structure(self, label: int, segmentId: str) -> Structure:
        segment = self._segment(segmentId)
        name = segment.GetName()
        if name == _("Structure"):  # as this module calls new segments, in whatever language
            name = ""
        tags = {"TerminologyEntry": self._tag(segmentId, "TerminologyEntry")}
        return Structure.of_segment(Segment(label, name, color=tuple(segment.GetColor()), tags=tags))

    def _segment(self, segmentId: str):
        return self.logic.segmentationNode.GetSegmentation().GetSegment(segmentId)

    def _tag(self, segmentId: str, name: str) -> str:
        value = vtk.mutable("")
        return str(value) if self._segment(segmentId).GetTag(name, value) else ""


def _patientGrid(grid: VolumeGrid) -> Grid:
    """Where the voxels lie in the world, in ITK's conventions."""
    toWorld = _TO_LPS @ grid.ijkToWorld
    spacing = np.linalg.norm(toWorld[:3, :3], axis=0)
    return Grid(
        tuple(grid.shape),
        tuple(float(step) for step in spacing[::-1]),
        tuple(float(value) for value in toWorld[:3, 3]),
        tuple(float(value) for value in (toWorld[:3, :3] / spacing).ravel()),
    )


def _stateOf(path: Path) -> tuple | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino
