"""Several files that appear together when all of them are complete, or not at all."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from PatchICLLib.errors import InputError
from PatchICLLib.outputs.companions import DATA_ENDINGS, fresh_data_stem, old_data_of
from PatchICLLib.outputs.interrupts import interrupt_waits
from PatchICLLib.outputs.places import place_of
from PatchICLLib.outputs.recovery import recover
from PatchICLLib.outputs.stage import Stage, commit
from PatchICLLib.outputs.written import note_written

_ENDING = re.compile(r"\.[a-z0-9]+(\.gz)?$", re.IGNORECASE)


@dataclass(frozen=True)
class _Staged:
    stage: Stage
    path: Path
    place: Path


class StagedFiles:
    """Files are written to hidden folders beside their places and moved there together by `commit`.

    Leaving the `with` block without `commit`, or a move that fails, leaves everything as it was. A process that is
    killed leaves all old files or all new ones once the next run in one of the folders has recovered (see `stage`).
    Symbolic links are followed. Formats of two files (.mhd with .zraw) get data files of names that do not exist, so
    that moving the header replaces both; data of the header replaced go last.
    """

    def __init__(self) -> None:
        self._stages: dict[Path, Stage] = {}
        self._staged: list[_Staged] = []
        self._removed: list[tuple[Stage, Path]] = []
        self._promised: set[str] = set()

    def __enter__(self) -> StagedFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stages:
            with interrupt_waits(), contextlib.ExitStack() as all_of_them:
                for stage in self._stages.values():
                    all_of_them.callback(stage.leave)

    def path_for(self, target: str | Path) -> Path:
        """Where to write the content of `target` for now.

        The name may differ from the target's: its ending is in small letters, which every writer knows, and that of a
        header is such that a writer which names the data file after it finds a name that does not exist.

        Raises:
            InputError: the folder cannot be written to.
        """
        place = place_of(target, "The output")
        try:
            stage = self._stage_in(place.parent)
            folder = stage.folder / str(len(self._staged))
            folder.mkdir()
        except OSError as error:
            raise InputError(f"The output {target} cannot be written ({error.strerror or error}).") from error
        name = _ENDING.sub(lambda ending: ending.group().lower(), place.name)
        stem = fresh_data_stem(place, self._promised)
        if stem is not None:
            ending = place.suffix.lower()
            self._promised.add(stem + DATA_ENDINGS[ending])
            name = stem + ending
        self._staged.append(_Staged(stage, folder / name, place))
        return folder / name

    def remove(self, path: str | Path) -> None:
        """Say that a file goes for good once all staged files have their places.

        Raises:
            InputError: its folder cannot be written to.
        """
        place = place_of(path, "The file")
        try:
            self._removed.append((self._stage_in(place.parent), place))
        except OSError as error:
            raise InputError(f"The file {path} cannot be removed ({error.strerror or error}).") from error

    def _stage_in(self, folder: Path) -> Stage:
        recover(folder)
        if folder not in self._stages:
            with interrupt_waits():  # a stage that nobody knows of would be left
                self._stages[folder] = Stage.make(folder)
        return self._stages[folder]

    def commit(self) -> None:
        """Move all staged files into place; if one move fails, the old files are put back.

        Ctrl-C and SIGTERM meanwhile take effect when it is done.

        Raises:
            InputError: a target cannot be replaced, for instance because another program keeps it open.
        """
        with interrupt_waits():
            try:
                for one in self._staged:
                    for data in sorted(one.path.parent.iterdir()):
                        if data != one.path:
                            one.stage.wait_for(data, data.name, new=True)
                    one.stage.wait_for(one.path, one.place.name)  # a header after its data
                    for name in old_data_of(one.place):
                        one.stage.will_remove(name)
                for stage, place in self._removed:
                    stage.will_remove(place.name)
                if self._stages:
                    commit(list(self._stages.values()))
            except OSError as error:
                which = (
                    error.filename2
                    or error.filename
                    or (self._staged[0].place if self._staged else next(iter(self._stages)))
                )
                raise InputError(
                    f"The output {which} cannot be written ({error.strerror or error}); nothing was changed."
                ) from error
            note_written(one.place for one in self._staged)


def recover_folders(files: Iterable[Path]) -> None:
    """Undo or clear away what runs that were killed have left in the folders of some files.

    Raises:
        InputError: an old file cannot be put back.
    """
    for folder in {place_of(file, "The output").parent for file in files}:
        try:
            recover(folder)
        except OSError as error:
            raise InputError(
                f"An earlier run was killed while it wrote into {folder}, and what it replaced cannot be put back "
                f"({error.strerror or error}); see that the folder is writable."
            ) from error


def incomplete(path: str | Path) -> InputError:
    """What a file is refused with that did not come to be what was to be written."""
    return InputError(
        f"The output {path} could not be written completely (is the disk full?); nothing was changed there."
    )


@contextlib.contextmanager
def write_errors(path: str | Path, *kinds: type[Exception]) -> Iterator[None]:
    """Say in a sentence that a file could not be written; for OSError and what else a writer raises.

    Raises:
        InputError: instead of these.
    """
    caught: tuple[type[Exception], ...] = (OSError, *kinds)
    try:
        yield
    except caught as error:
        raise incomplete(path) from error
