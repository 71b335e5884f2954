"""Errors that the panel shows as they are: one sentence, what is wrong and what to do."""


class SceneError(Exception):
    """Something in the scene that the user can mend: a missing node, a volume that cannot be used, no painting."""


class HardenTransformError(SceneError):
    """The volume is warped by a non-linear transform, which has to be hardened before slices are regular again."""


class OtherGridError(SceneError):
    """The voxels of a segmentation are not voxels of the volume: reading them would lose what was painted."""


class NoVoxelsError(SceneError):
    """A segmentation is made of contours or surfaces; there are no voxels to learn from or to write into."""


class LibraryError(SceneError):
    """The library of finished cases is gone or damaged, or something else is in its folder."""


class ScanIsThereError(SceneError):
    """The scan is in the library already; its case can be replaced."""


class OverlapError(SceneError):
    """Segments overlap where they are painted, but writing one would take voxels from the other."""
