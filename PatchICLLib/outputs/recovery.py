"""What becomes of stages whose processes died: their files go back, or away, as the journal says; see `stage`."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from PatchICLLib.outputs.locks import Busy, hold
from PatchICLLib.outputs.stage import DONE, JOURNAL, LOCK, PREFIX, Move, OldFile, Stage


def recover(parent: Path) -> None:
    """Undo, or clear away, what processes that died have left in a folder.

    Raises:
        OSError: an old file cannot be put back.
    """
    for folder in sorted(parent.glob(PREFIX + "*")):
        if folder.is_dir() and not folder.is_symlink():
            _recover(folder)


def _recover(folder: Path) -> None:
    stage = _abandoned(folder)
    if stage is None:
        return
    try:
        journal = _read(folder)
        if journal is None:
            stage.discard()
            return
        leader = Path(journal["leader"])
        if leader != folder:
            stage.unlock()
            if leader.name.startswith(PREFIX) and _journal_of(leader) is not None:
                _recover(leader)
            elif (stage := _abandoned(folder)) is not None:
                stage.discard()  # the commit never began
            return
        done = (folder / DONE).exists()
        for name in journal["members"]:
            _finish(Path(name), folder, done)
        _end(stage, journal, done)
    finally:
        if stage is not None:
            stage.unlock()


def _finish(folder: Path, leader: Path, done: bool) -> None:
    """Undo or clear a stage that follows `leader`."""
    journal = _read(folder) if folder.name.startswith(PREFIX) else None
    if journal is None or Path(journal["leader"]) != leader:
        return
    stage = _abandoned(folder)
    if stage is None:
        raise OSError(f"{folder} is in use")
    try:
        _end(stage, journal, done)
    finally:
        stage.unlock()


def _end(stage: Stage, journal: dict[str, Any], done: bool) -> None:
    stage.moves = [Move(**{**move, "final": _plain(move["final"])}) for move in journal["moves"]]
    old_data = [OldFile(**{**old, "name": _plain(old["name"])}) for old in journal["old_data"]]
    stage.old_data = old_data if done else []
    if not done:
        stage.undo()
    stage.clear()


def _abandoned(folder: Path) -> Stage | None:
    """A stage whose process is gone, locked; None if it lives, or cannot be told."""
    try:
        lock = hold(folder / LOCK)
    except FileNotFoundError:
        with contextlib.suppress(OSError):
            folder.rmdir()  # made, but died before it was locked; one with content is not ours
        return None
    except (Busy, OSError):
        return None
    return None if lock is None else Stage(folder, lock)


def _journal_of(folder: Path) -> Path | None:
    return next((folder / name for name in (DONE, JOURNAL) if (folder / name).is_file()), None)


def _read(folder: Path) -> dict[str, Any] | None:
    """The journal of a stage; None if it has none, or one that is not ours."""
    path = _journal_of(folder)
    if path is None:
        return None
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not {"leader", "members", "moves", "old_data"} <= content.keys():
            raise ValueError
    except (ValueError, AttributeError) as error:
        raise OSError(f"{path} is damaged: move its folder away") from error
    return content


def _plain(name: str) -> str:
    if name in ("", ".", "..") or Path(name).name != name:
        raise OSError(f"a journal names {name}, which is in no folder of its own")
    return name
