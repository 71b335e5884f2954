"""What the module is doing."""

from enum import Enum


class State(Enum):
    IDLE = "idle"
    PREPARING = "preparing"
    RUNNING = "running"
    CANCELLING = "cancelling"
    PREVIEW = "preview"

    @property
    def isBusy(self) -> bool:
        return self in (State.PREPARING, State.RUNNING, State.CANCELLING)
