"""JSON as files: whole ones that appear when they are complete, and lines that are added one at a time."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from PatchICLLib.errors import InputError
from PatchICLLib.outputs.staged_files import StagedFiles, write_errors
from PatchICLLib.outputs.written import note_written

Row = TypeVar("Row")


def stage_json(files: StagedFiles, content: Any, path: str | Path, indent: int | None = 2) -> None:
    """Write plain data as one of several files that appear together."""
    text = json.dumps(content, indent=indent, allow_nan=False) + "\n"
    with write_errors(path):
        files.path_for(path).write_text(text, encoding="utf-8")


def write_json(content: Any, path: str | Path, indent: int | None = 2) -> None:
    """Write plain data as JSON, completely or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    with StagedFiles() as files:
        stage_json(files, content, path, indent)
        files.commit()


def append_lines(path: Path, entries: Iterable[Any]) -> None:
    """Add entries to a file of JSON lines, all at once.

    Raises:
        InputError: the file cannot be written.
    """
    text = "".join(json.dumps(entry) + "\n" for entry in entries)
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
        note_written([path])
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}); what it holds is kept.") from error


def drop_unfinished_line(path: Path) -> None:
    """Drop what a killed run may have left after the last line break, so that the next entry gets its own line.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        content = path.read_bytes()
        if not content.endswith(b"\n"):
            os.truncate(path, content.rfind(b"\n") + 1)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}); what it holds is kept.") from error


def complete_lines(path: Path) -> list[str]:
    """The lines of a file of JSON lines without an unfinished last one.

    Raises:
        InputError: it cannot be read, or is no UTF-8 text.
    """
    try:
        return path.read_bytes().decode("utf-8").split("\n")[:-1]
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text in UTF-8 (byte {error.start}); move the file away.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error


def read_results(path: Path, row_of: Callable[[Any], Row]) -> Iterator[Row]:
    """The rows of a file of JSON lines without an unfinished last one; ``row_of`` makes them of plain data.

    Raises:
        InputError: it cannot be read, or a line is no such row: a ValueError, TypeError or KeyError of ``row_of``.
    """
    for number, line in enumerate(complete_lines(path), start=1):
        try:
            row = row_of(json.loads(line))
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(
                f"Line {number} of {path} holds no result of this version ({error}): move the file away."
            ) from error
        yield row
