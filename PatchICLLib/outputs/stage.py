"""A hidden folder in which files wait until they take their places, and the journal that undoes a half-done commit.

Files of one commit may lie in several folders; each has a stage, and the first stage leads. Old files are kept in the
stages (hard links, or copies), then every stage gets a journal, the leader last, then the files are moved. What makes
the commit count is one rename: the leader's journal becomes "done". A process that dies before leaves a journal, and
whoever next writes to one of the folders puts the old files back; one that dies after leaves only things to clear.

A journal names files of its own folder only, so that a folder that others may write to gives them no power over
another one. Stages are locked as long as their process lives; where a file system knows no locks, none is ever touched
by another process.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from PatchICLLib.outputs.locks import Busy, hold

PREFIX = ".patchicl-"
JOURNAL, DONE, LOCK = "journal.json", "done.json", "lock"
_OLD = "old"
_ATTEMPTS = 100
_CLOCK_STEP = 2_000_000_000  # nanoseconds; the coarsest time of change, of FAT


@dataclass(frozen=True)
class Move:
    """A file that takes its place.

    Attributes:
        staged: where it waits, relative to the stage.
        final: its name beside the stage.
        existed: whether there was such a file before.
        size, changed: of the file that waits, to know it again: bytes, nanoseconds.
    """

    staged: str
    final: str
    existed: bool
    size: int
    changed: int


@dataclass(frozen=True)
class OldFile:
    """A file beside the stage that nothing needs any more once the files have their places; see `Move`."""

    name: str
    size: int
    changed: int


class Stage:
    """A hidden folder beside the places of its files."""

    def __init__(self, folder: Path, lock: int | None) -> None:
        self.folder, self._lock = folder, lock
        self.moves: list[Move] = []
        self.old_data: list[OldFile] = []

    @classmethod
    def make(cls, parent: Path) -> Stage:
        """A new stage in `parent`.

        Raises:
            OSError: the folder cannot be written to.
        """
        for _ in range(_ATTEMPTS):
            folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
            # another process that recovers may take a folder away before it is locked
            with contextlib.suppress(Busy, FileNotFoundError):
                return cls(folder, hold(folder / LOCK, make=True))
        raise OSError(f"no folder of {parent} can be kept")

    def wait_for(self, staged: Path, final: str, new: bool = False) -> None:
        """Say that a file of this stage will be moved to the name `final` beside the stage.

        Raises:
            OSError: it cannot be read; or there is a file of that name, though it must be `new`.
        """
        with staged.open("rb+") as stream:
            os.fsync(stream.fileno())
        state = staged.stat()
        existed = os.path.lexists(self.folder.parent / final)
        if existed and new:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self.folder.parent / final))
        name = staged.relative_to(self.folder).as_posix()
        self.moves.append(Move(name, final, existed, state.st_size, state.st_mtime_ns))

    def will_remove(self, name: str) -> None:
        """Say that a file beside the stage is data of a header that is replaced."""
        state = (self.folder.parent / name).stat()
        self.old_data.append(OldFile(name, state.st_size, state.st_mtime_ns))

    def keep_old(self) -> None:
        """Keep what the moves will replace."""
        old = self.folder / _OLD
        old.mkdir()
        for move in self.moves:
            if move.existed:
                place = self.folder.parent / move.final
                try:
                    os.link(place, old / move.final)
                except OSError:  # a file system without hard links
                    shutil.copy2(place, old / move.final)
                shutil.copymode(place, self.folder / move.staged)

    def write_journal(self, leader: Stage, members: Sequence[Stage]) -> None:
        content = {
            "leader": str(leader.folder),
            "members": [str(member.folder) for member in members],
            "moves": [asdict(move) for move in self.moves],
            "old_data": [asdict(old) for old in self.old_data],
        }
        unfinished = self.folder / (JOURNAL + ".part")
        with unfinished.open("w", encoding="utf-8") as stream:
            stream.write(json.dumps(content))
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(unfinished, self.folder / JOURNAL)

    def move(self) -> None:
        for move in self.moves:
            os.replace(self.folder / move.staged, self.folder.parent / move.final)

    def mark_done(self) -> None:
        os.replace(self.folder / JOURNAL, self.folder / DONE)

    def undo(self) -> None:
        """Put the old files back; may be done again after it was interrupted."""
        for move in self.moves:
            place, kept = self.folder.parent / move.final, self.folder / _OLD / move.final
            moved = not os.path.lexists(self.folder / move.staged)
            if not moved or (os.path.lexists(place) and not _is(place, move)):
                continue  # never moved, put back already, or replaced by somebody since
            if move.existed and os.path.lexists(kept):
                os.replace(kept, place)
            elif not move.existed:
                place.unlink(missing_ok=True)
        (self.folder / JOURNAL).unlink(missing_ok=True)

    def leave(self) -> None:
        """Discard the stage, unless an undo failed: then its journal and the old files stay for a later run."""
        if (self.folder / JOURNAL).exists():
            self.unlock()
        else:
            self.discard()

    def clear(self) -> None:
        """Remove data of headers that were replaced, then the stage itself; what does not go is left to a later run."""
        for old in self.old_data:
            with contextlib.suppress(OSError):
                if _is(self.folder.parent / old.name, old):  # not what somebody has put there since
                    (self.folder.parent / old.name).unlink()
        self.discard()

    def discard(self) -> None:
        """Remove the stage with all that waits in it; its lock last."""
        try:
            for entry in self.folder.iterdir():
                if entry.is_dir():
                    shutil.rmtree(entry, ignore_errors=True)
                elif entry.name != LOCK:
                    entry.unlink()
            (self.folder / LOCK).unlink()
        except OSError:  # somebody keeps a file open: left to a later run
            pass
        finally:
            self.unlock()
        with contextlib.suppress(OSError):
            (self.folder / LOCK).unlink(missing_ok=True)  # where an open file cannot be removed
            self.folder.rmdir()

    def unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def commit(stages: Sequence[Stage]) -> None:
    """Move the files of all stages into place; the first stage leads.

    Raises:
        OSError: a file cannot be moved; the old ones are back.
    """
    leader, *members = stages
    if not members and len(leader.moves) == 1 and not leader.old_data:
        (only,) = leader.moves
        if only.existed:
            shutil.copymode(leader.folder.parent / only.final, leader.folder / only.staged)
        leader.move()  # one rename is a commit by itself
        return
    for stage in stages:
        stage.keep_old()
    try:
        for stage in reversed(stages):
            stage.write_journal(leader, members)
        for stage in stages:
            stage.move()
        leader.mark_done()
    except OSError:
        for stage in reversed(stages):
            stage.undo()
        raise
    for stage in reversed(stages):
        stage.clear()


def _is(place: Path, known: Move | OldFile) -> bool:
    """Whether the file at a place is the one that is known."""
    state = place.stat()
    return state.st_size == known.size and abs(state.st_mtime_ns - known.changed) <= _CLOCK_STEP
