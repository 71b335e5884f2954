"""Several files that appear together when all of them are complete, or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

from PatchICLLib.errors import InputError


class StagedFiles:
    """Files are written to hidden folders beside their targets and moved into place by `commit`.

    Leaving the `with` block without `commit`, or a move that fails, leaves every target as it was. Formats that use
    two files (.mhd with .raw) are moved together, the named one last.
    """

    def __init__(self) -> None:
        self._stages: list[tuple[Path, Path]] = []

    def __enter__(self) -> StagedFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for folder, _ in self._stages:
            shutil.rmtree(folder, ignore_errors=True)

    def path_for(self, target: str | Path) -> Path:
        """Where to write the content of `target` for now: the same name, in a hidden folder beside it.

        Raises:
            InputError: the folder cannot be created.
        """
        target = Path(target)
        try:
            folder = Path(tempfile.mkdtemp(prefix=".patchicl-", dir=target.parent))
        except OSError as error:
            raise InputError(f"The output {target} cannot be written ({error.strerror}).") from error
        self._stages.append((folder, target))
        return folder / target.name

    def commit(self) -> None:
        """Move all staged files into place; if one move fails, undo those already done.

        Raises:
            InputError: a target cannot be replaced, for instance because another program keeps it open.
        """
        done: list[tuple[Path, Path | None]] = []
        try:
            for folder, target in self._stages:
                for staged in sorted(folder.iterdir(), key=lambda file: file.name == target.name):
                    final = target.parent / staged.name
                    kept = None
                    if final.exists():
                        kept = folder / f"{staged.name}.before"
                        os.replace(final, kept)
                    done.append((final, kept))
                    os.replace(staged, final)
        except BaseException as error:
            for final, kept in reversed(done):
                final.unlink(missing_ok=True)
                if kept is not None:
                    os.replace(kept, final)
            if isinstance(error, OSError):
                raise InputError(
                    f"The output {error.filename2 or error.filename} cannot be written ({error.strerror}); nothing was "
                    "changed."
                ) from error
            raise
