"""The files of a training run: its checkpoints, its log, and where its pictures lie."""

import json
from pathlib import Path
from typing import Any

from PatchICLLib.outputs import StagedFiles, append_lines, drop_unfinished_line, write_errors
from PatchICLLib.training.checkpoint import Checkpoint

CHECKPOINT, LOG, PICTURES = "checkpoint.pt", "log.jsonl", "pictures"


class RunFiles:
    """Writes into the folder of a run; whatever cannot be written is an InputError.

    Args:
        folder: of the run.
        anew: replace checkpoint and log of an earlier run, when the first checkpoint of this one is complete.
    """

    def __init__(self, folder: Path, anew: bool) -> None:
        self.folder = folder
        self._waiting: list[dict[str, Any]] | None = [] if anew else None  # entries until the first checkpoint

    def begin(self) -> None:
        """Drop what a killed run may have left of an entry."""
        drop_unfinished_line(self.folder / LOG)

    def save(self, checkpoint: Checkpoint) -> None:
        """The checkpoint that the run goes on from."""
        path = self.folder / CHECKPOINT
        if self._waiting is None:
            checkpoint.save(path)
            return
        with StagedFiles() as files:
            checkpoint.stage(files, path)
            log = self.folder / LOG
            with write_errors(log):
                text = "".join(json.dumps(entry) + "\n" for entry in self._waiting)
                files.path_for(log).write_text(text, encoding="utf-8")
            files.commit()
        self._waiting = None

    def keep(self, checkpoint: Checkpoint) -> None:
        """A checkpoint that stays, named by its step."""
        checkpoint.save(self.folder / f"checkpoint-{checkpoint.step:06d}.pt")

    def log(self, entry: dict[str, Any]) -> None:
        """Add an entry to the log."""
        if self._waiting is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            append_lines(self.folder / LOG, [entry])
        else:
            self._waiting.append(dict(entry))

    def picture(self, step: int) -> Path:
        """Where the picture of a step belongs, in a folder that is there."""
        folder = self.folder / PICTURES
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"step-{step:06d}.png"
