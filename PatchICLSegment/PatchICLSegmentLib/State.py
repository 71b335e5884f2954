"""What the module is doing."""

from enum import Enum


class State(Enum):
    """KEEPING: a run was stopped and its slices are the preview; the worker still hands over what belongs to it.
    UNFINISHED: there is the preview of a run that ended with the application or the module, not by itself.
    """

    IDLE = "idle"
    PREPARING = "preparing"
    RUNNING = "running"
    KEEPING = "keeping"
    PREVIEW = "preview"
    UNFINISHED = "unfinished"

    @property
    def isBusy(self) -> bool:
        return self in (State.PREPARING, State.RUNNING)

    @property
    def hasPreview(self) -> bool:
        return self in (State.KEEPING, State.PREVIEW, State.UNFINISHED)
