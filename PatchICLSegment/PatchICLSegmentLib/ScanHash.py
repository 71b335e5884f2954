"""By which a library knows a volume again."""

from __future__ import annotations

from PatchICLLib.library import Library
from PatchICLLib.library.cases import scan_hash

from .Errors import SceneError
from .SceneIO.Volumes import arrayOfVolume


class ScanHash:
    """Of the volume that was asked about last, computed anew only where VTK says that its voxels were changed."""

    def __init__(self):
        self._known: tuple = (None, "")

    def numbersIn(self, library: Library, volumeNode) -> list[int]:
        """Of the cases that are of this very volume."""
        try:
            array = None if volumeNode is None else arrayOfVolume(volumeNode)
        except SceneError:
            return []  # a volume that cannot be used is no case
        alike = [] if array is None else [case for case in library.cases if case.scan_shape == array.shape]
        if not alike:
            return []
        image = volumeNode.GetImageData()
        state = volumeNode.GetID(), image.GetMTime(), image.GetPointData().GetScalars().GetMTime()
        if self._known[0] != state:
            self._known = state, scan_hash(array)
        return [case.number for case in alike if case.scan == self._known[1]]
