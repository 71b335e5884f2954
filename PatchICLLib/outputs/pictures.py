"""Figures as files."""

from pathlib import Path
from typing import Any

from PatchICLLib.outputs.staged_files import StagedFiles, write_errors

_HEAD = 4096  # bytes; the text chunks of a PNG come before its pixels


def stage_picture(files: StagedFiles, figure: Any, path: Path, **options: Any) -> None:
    """Draw a matplotlib figure as one of several files that appear together; options of ``savefig``."""
    with write_errors(path):
        figure.savefig(files.path_for(path), **options)


def save_picture(figure: Any, path: Path, **options: Any) -> None:
    """Draw a matplotlib figure into a file, completely or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    with StagedFiles() as files:
        stage_picture(files, figure, path, **options)
        files.commit()


def is_drawn(path: Path) -> bool:
    """Whether a file is a PNG that a plot was saved as, rather than a photograph, a screenshot or a scan."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError:
        return False
    return head.startswith(b"\x89PNG") and b"Matplotlib" in head
