"""PatchICL: in-context segmentation of medical images, coarse to fine, looking only at the most informative patches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PatchICLLib.version import __version__

if TYPE_CHECKING:
    from PatchICLLib.propagation import CancelToken, Progress, PropagationResult, Propagator
    from PatchICLLib.segmenter import InContextSegmenter

__all__ = ["CancelToken", "InContextSegmenter", "Progress", "PropagationResult", "Propagator", "__version__"]


def __getattr__(name: str) -> Any:
    # on demand: a Slicer panel must open, and `patchicl --help` answer, without torch
    if name == "InContextSegmenter":
        from PatchICLLib.segmenter import InContextSegmenter

        return InContextSegmenter
    if name in __all__:
        from PatchICLLib import propagation

        return getattr(propagation, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
