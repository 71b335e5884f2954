"""A process that dies at its n-th operation on files, played in this one."""

import os
import sys
from collections.abc import Callable
from typing import Any

_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"}
_WRITING = os.O_WRONLY | os.O_RDWR


class Killed(BaseException):
    """The process is dead: no handler of it can do anything any more."""


class Death:
    """Lets the n-th change of a file, and all after it, fail; counts them while `left` is None."""

    def __init__(self) -> None:
        self.live()
        sys.addaudithook(self.hook)

    def live(self) -> None:
        """Be as at the beginning."""
        self.active = False
        self.left: int | None = None
        self.count = 0
        self.kill: Callable[[], None] = self._raise

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.active or not (event in _CHANGES or (event == "open" and _opens_to_write(arguments))):
            return
        if self.left is not None and self.count >= self.left:
            self.kill()
        self.count += 1

    @staticmethod
    def _raise() -> None:
        raise Killed

    def run(self, work: Callable[[], object], after: int | None = None) -> bool:
        """Do the work and die after so many changes of files; returns whether it came to its end."""
        self.active, self.left, self.count = True, after, 0
        try:
            work()
        except Killed:
            return False
        finally:
            self.active = False
        return True


def _opens_to_write(arguments: tuple[Any, ...]) -> bool:
    path, _, flags = arguments
    return isinstance(path, str | os.PathLike) and os.fspath(path) != os.devnull and bool(flags & _WRITING)
