"""Output folders: made if they are missing, and gone again when nothing came of them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from PatchICLLib.errors import InputError
from PatchICLLib.outputs.places import place_of
from PatchICLLib.outputs.recovery import recover


@contextlib.contextmanager
def output_folder(path: Path, parents: bool = True) -> Iterator[None]:
    """While the block runs, the folder is there; folders made for it go again if it raises and they are empty.

    Args:
        path: of the folder.
        parents: make missing folders above it as well.

    Raises:
        InputError: it cannot be made. Whether files can be written there is for `check_outputs` to say.
    """
    place = place_of(path, "The output folder")
    made: list[Path] = []
    try:
        for folder in reversed([place, *place.parents] if parents else [place]):
            if not folder.is_dir():
                folder.mkdir()
                made.append(folder)
        recover(place)
    except OSError as error:
        _remove(made)
        raise InputError(f"The output folder {path} cannot be made or used ({error.strerror or error}).") from error
    try:
        yield
    except BaseException:
        _remove(made)
        raise


def remove_empty(folder: Path) -> None:
    """Remove a folder if nothing is in it."""
    _remove([folder])


def _remove(folders: list[Path]) -> None:
    with contextlib.suppress(OSError):
        for folder in reversed(folders):
            folder.rmdir()
