"""PatchICL: in-context segmentation of medical images, coarse to fine, looking only at the most informative patches."""

# No import of the standard library: __main__ must be able to drop the working folder from the path before any.
from PatchICLLib.version import __version__

TYPE_CHECKING = False  # as in typing
if TYPE_CHECKING:
    from typing import Any

    from PatchICLLib.propagation import CancelToken, Progress, PropagationResult, Propagator
    from PatchICLLib.segmenter import InContextSegmenter

__all__ = ["CancelToken", "InContextSegmenter", "Progress", "PropagationResult", "Propagator", "__version__"]


def __getattr__(name: str) -> "Any":
    # on demand: a Slicer panel must open, and `patchicl --help` answer, without torch
    if name == "InContextSegmenter":
        from PatchICLLib.segmenter import InContextSegmenter

        return InContextSegmenter
    if name in __all__:
        from PatchICLLib import propagation

        return getattr(propagation, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
