"""From painted slices to a full segmentation: volumes in; labels, probability, entropy and selections out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PatchICLLib.propagation.cancel import CancelToken
    from PatchICLLib.propagation.options import PropagationOptions
    from PatchICLLib.propagation.progress import Progress
    from PatchICLLib.propagation.propagator import Propagator
    from PatchICLLib.propagation.result.propagation_result import PropagationResult, SliceSelections

__all__ = ["CancelToken", "Progress", "PropagationOptions", "PropagationResult", "Propagator", "SliceSelections"]

_HOMES = {
    "CancelToken": "cancel",
    "Progress": "progress",
    "PropagationOptions": "options",
    "PropagationResult": "result.propagation_result",
    "Propagator": "propagator",
    "SliceSelections": "result.propagation_result",
}


def __getattr__(name: str) -> Any:
    # on demand, because the engine imports torch and a panel must open without it
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
