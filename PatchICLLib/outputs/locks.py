"""Locks that end with their process, however it ends."""

import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_PAUSE = 0.02  # seconds
_BUSY = {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK}


class Busy(Exception):
    """Somebody else holds the lock."""


def hold(path: Path, make: bool = False) -> int | None:
    """Lock a file until the descriptor that is returned is closed.

    Args:
        path: of the file.
        make: create it if it is missing.

    Returns:
        The descriptor, or None where the file system knows no locks.

    Raises:
        Busy: another process, or another holder in this one, has the lock.
        OSError: the file cannot be opened.
    """
    descriptor = os.open(path, os.O_RDWR | (os.O_CREAT if make else 0), 0o666)
    try:
        _lock(descriptor)
    except OSError as error:
        os.close(descriptor)
        if error.errno in _BUSY:
            raise Busy from error
        return None
    return descriptor


@contextlib.contextmanager
def waiting_for(path: Path, seconds: float) -> Iterator[None]:
    """While the block runs, this process alone holds a lock; where the file system knows none, it holds nothing.

    Args:
        path: of the lock's file, which is made if it is missing and stays.
        seconds: how long to wait for others.

    Raises:
        Busy: others have had it for so long.
        OSError: the file cannot be opened.
    """
    descriptor = _wait(path, time.monotonic() + seconds)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _wait(path: Path, until: float) -> int | None:
    while True:
        try:
            return hold(path, make=True)
        except Busy:
            if time.monotonic() >= until:
                raise
            time.sleep(_PAUSE)
