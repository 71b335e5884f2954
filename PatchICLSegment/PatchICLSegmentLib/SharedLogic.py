"""The one logic object of a scene, and so of the application: made by whoever is opened first.

Panel, Segment Editor effect and scripts work with the same object, so that there is one run, one preview, one worker.
"""

from collections.abc import Callable
from typing import Any

from .Logic import PatchICLSegmentLogic

_logics: dict[Any, PatchICLSegmentLogic] = {}


def sharedLogic(scene, makeLogic: Callable[[Any], PatchICLSegmentLogic] = PatchICLSegmentLogic) -> PatchICLSegmentLogic:
    """The logic of a scene, until it is shut down."""
    if scene not in _logics:
        logic = _logics[scene] = makeLogic(scene)
        logic.ended.connect(lambda: _logics.pop(scene, None))
    return _logics[scene]
