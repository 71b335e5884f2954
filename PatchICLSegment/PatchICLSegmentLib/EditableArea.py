"""What other segments say about where a segment is: the Segment Editor's editable area, and completed segments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import vtk

from PatchICLLib.propagation.geometry.evidence import WALL

from .Errors import SceneError
from .Evidence import Exclusion
from .Parameters import Parameters
from .SceneIO.Segments import readSegment, readUnion, segmentIds
from .Translation import _, counted

_MODES = slicer.vtkMRMLSegmentationNode
_INSIDE_ALL = {_MODES.EditAllowedInsideAllSegments: False, _MODES.EditAllowedInsideVisibleSegments: True}
_OUTSIDE_ALL = {_MODES.EditAllowedOutsideAllSegments: False, _MODES.EditAllowedOutsideVisibleSegments: True}
_CARVED_TAG = "PatchICL.CarvedOutOf"
_MOST_NAMES = 2


@dataclass(frozen=True)
class OtherSegments:
    """Identifiers of the segments that say where those of a run are.

    Attributes:
        inside: the run's segments are in these; None: anywhere.
        outside: they are in none of these.
    """

    inside: tuple[str, ...] | None = None
    outside: tuple[str, ...] = ()


@dataclass(frozen=True)
class EditableArea:
    """Where segments may be, as the user has set it.

    Attributes:
        mode: the Segment Editor's *Editable area*, a number of vtkMRMLSegmentationNode.
        maskSegmentId: of *Inside* a single segment.
        completedExclude: segments whose status is *Completed* exclude, too. Not where the Segment Editor allows
            overlap: then it is wanted, and only the editable area, which forbids it nevertheless, excludes.
    """

    mode: int
    maskSegmentId: str = ""
    completedExclude: bool = False

    @classmethod
    def of(cls, editorNode, parameters: Parameters) -> EditableArea:
        allowsOverlap = editorNode.GetOverwriteMode() == editorNode.OverwriteNone
        return cls(
            editorNode.GetMaskMode(),
            editorNode.GetMaskSegmentID() or "",
            parameters.completedExclude and not allowsOverlap,
        )

    def others(self, segmentationNode, run: Iterable[str]) -> OtherSegments:
        """Args: run: identifiers of the segments that are propagated; they compete, and do not exclude each other.

        Raises:
            SceneError: the segment that all are to be inside of is gone.
        """
        segmentation, run = segmentationNode.GetSegmentation(), set(run)
        inside, outside = None, []
        if self.mode == _MODES.EditAllowedInsideSingleSegment:
            if segmentation.GetSegment(self.maskSegmentId) is None:
                raise SceneError(
                    _("The segment of the editable area is gone; choose another area (Editable area, under Masking).")
                )
            inside = (self.maskSegmentId,)
        elif self.mode in _INSIDE_ALL:
            inside = tuple(segmentIds(segmentationNode, onlyVisible=_INSIDE_ALL[self.mode]))
        elif self.mode in _OUTSIDE_ALL:
            outside = segmentIds(segmentationNode, onlyVisible=_OUTSIDE_ALL[self.mode])
        if self.completedExclude:
            outside += [name for name in segmentIds(segmentationNode) if _isCompleted(segmentation.GetSegment(name))]
        kept = run.union(inside or ())
        return OtherSegments(inside, tuple(name for name in dict.fromkeys(outside) if name not in kept))

    def exclusions(self, segmentationNode, volumeNode, labels: Mapping[int, str]) -> list[Exclusion]:
        """Voxels of the volume where labels are not. Args: labels: label value -> identifier of the segment.

        Raises:
            SceneError: the segment that all are to be inside of is gone or empty.
            NoVoxelsError, OtherGridError: voxels of a segment are not those of the volume.
        """
        others, found = self.others(segmentationNode, labels.values()), []
        if others.outside:
            box = readUnion(segmentationNode, others.outside, volumeNode)
            found.append(Exclusion(box.region, box.voxels, isWall=True))
        if others.inside is not None:
            box = readUnion(segmentationNode, others.inside, volumeNode)
            if box.isEmpty:
                raise SceneError(
                    _(
                        "{names}: nothing is in there, so nothing can be filled inside; change the editable area."
                    ).format(names=_listed(segmentationNode, others.inside))
                )
            found += self._beyond(box.filled(), segmentationNode, volumeNode, labels)
        return found

    def facts(self, segmentationNode, labels: Mapping[int, str], evidence, excluded, painted) -> dict[str, Any]:
        """What a run is told of other segments, as plain JSON: their names, voxels that are excluded for some label,
        and painted voxels among those, which stay; empty where nothing is.

        Args:
            labels: label value -> identifier of the segment.
            evidence, excluded: of the run, see `Evidence.composed`; None where the other segments are empty.
            painted: (L, K, J, I) labels.

        Raises:
            SceneError: no voxel is left to fill.
        """
        others = self.others(segmentationNode, labels.values())
        if others.inside is None and not others.outside:
            return {}
        drawn = painted.any(axis=0)
        evidence = np.zeros(drawn.shape, np.uint8) if evidence is None else evidence
        forbidden = evidence >= WALL
        free = [code for code, without in excluded.items() if not set(labels) <= set(without)]
        if (drawn | forbidden & ~np.isin(evidence, free)).all():
            raise SceneError(
                _("The editable area leaves nothing to fill; change it (Editable area, under Masking).")
                if not self.completedExclude
                else _("The editable area and the completed segments leave nothing to fill; change one of them.")
            )
        names = {
            "inside": None if others.inside is None else _described(segmentationNode, others.inside),
            "outside": _described(segmentationNode, others.outside),
        }
        counts = {"voxels": int(forbidden.sum()), "painted_voxels": int((forbidden & drawn).sum())}
        return {"other_segments": {**names, **counts}}

    def _beyond(self, inside: np.ndarray, segmentationNode, volumeNode, labels: Mapping[int, str]) -> list[Exclusion]:
        """What lies beyond the segments that contain the others, whole volumes.

        What Apply wrote inside a segment was mostly taken from it (Modify other segments: Overwrite all), and is no
        less inside.
        """
        whole = (slice(None),) * 3
        beyond, found, others = ~inside, [], []
        carved = self.carved(segmentationNode, labels.values())
        for label, segmentId in labels.items():
            own = readSegment(segmentationNode, segmentId, volumeNode) if segmentId in carved else None
            if own is None or not beyond[own.region][own.voxels].any():
                others.append(label)
                continue
            voxels = beyond.copy()
            voxels[own.region] &= ~own.voxels
            found.append(Exclusion(whole, voxels, (label,), isWall=True))
        if others:
            found.append(Exclusion(whole, beyond, tuple(others) if found else None, isWall=True))
        return found

    def carved(self, segmentationNode, ids: Iterable[str]) -> set[str]:
        """Segments all of whose voxels are, or were before Apply took them, in the single one of this area."""
        if self.mode != _MODES.EditAllowedInsideSingleSegment:
            return set()
        value, found = vtk.mutable(""), set()
        for segmentId in ids:
            segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
            if segment.GetTag(_CARVED_TAG, value) and str(value) == self.maskSegmentId:
                found.add(segmentId)
        return found

    def noteCarved(self, segmentationNode, segmentId: str, isAsProposed: bool, run: Mapping[str, Any] | None) -> None:
        """Notes whether a segment is one of those, now that Apply has written it.

        Args:
            isAsProposed: whether it is what the run proposed, and nothing that the area forbade to change.
            run: its report.
        """
        inside = ((run or {}).get("other_segments") or {}).get("inside") or []
        isSingle = self.mode == _MODES.EditAllowedInsideSingleSegment
        segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
        if isSingle and isAsProposed and [one["id"] for one in inside] == [self.maskSegmentId]:
            segment.SetTag(_CARVED_TAG, self.maskSegmentId)
        else:
            segment.RemoveTag(_CARVED_TAG)

    def told(self, segmentationNode, run: Iterable[str]) -> str:
        """In a few words; "" where other segments say nothing."""
        try:
            others = self.others(segmentationNode, run)
        except SceneError as error:
            return str(error)
        inside, outside = (_listed(segmentationNode, ids or ()) for ids in (others.inside, others.outside))
        if inside and outside:
            return _("Only inside {inside}, not in {outside}.").format(inside=inside, outside=outside)
        if inside:
            return _("Only inside {inside}.").format(inside=inside)
        return _("Not in {outside}.").format(outside=outside) if outside else ""


def _isCompleted(segment) -> bool:
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    return logic.GetSegmentStatus(segment) == logic.Completed


def _described(segmentationNode, ids: Iterable[str]) -> list[dict[str, str]]:
    segmentation = segmentationNode.GetSegmentation()
    return [{"id": name, "name": segmentation.GetSegment(name).GetName()} for name in ids]


def _listed(segmentationNode, ids: Iterable[str]) -> str:
    names = [one["name"] for one in _described(segmentationNode, ids)]
    shown, more = ", ".join(names[:_MOST_NAMES]), len(names) - _MOST_NAMES
    if more < 1:
        return shown
    return counted(more, _("{names} and 1 more"), _("{names} and {count} more")).format(names=shown, count=more)
