"""What the module is doing."""

from enum import Enum


class State(Enum):
    """KEEPING: a run was stopped and its slices are the preview; the worker still hands over what belongs to it."""

    IDLE = "idle"
    PREPARING = "preparing"
    RUNNING = "running"
    KEEPING = "keeping"
    PREVIEW = "preview"

    @property
    def isBusy(self) -> bool:
        return self in (State.PREPARING, State.RUNNING)

    @property
    def hasPreview(self) -> bool:
        return self in (State.KEEPING, State.PREVIEW)
