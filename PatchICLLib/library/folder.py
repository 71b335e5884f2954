"""The folder of a library: whose turn it is to change it, what the dead have left there, whether it is still unused."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from PatchICLLib.errors import InputError
from PatchICLLib.library.adapted_weights import ADAPTED, UNFINISHED
from PatchICLLib.library.case_files import CASES, case_folder
from PatchICLLib.library.contents import CONTENTS
from PatchICLLib.outputs import recover_folders, remove_empty
from PatchICLLib.outputs.locks import Busy, waiting_for
from PatchICLLib.outputs.stage import PREFIX

_LOCK = ".lock"
_PATIENCE = 60.0  # seconds that others may take to write


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """While the block runs, no other process changes a library.

    Raises:
        InputError: others have been at it for too long, or the folder cannot be written to.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(waiting_for(folder / _LOCK, _PATIENCE))
        except Busy as error:
            raise InputError(
                f"Another process has been writing to the library {folder} for {_PATIENCE:.0f} s; try again when it is "
                "done."
            ) from error
        except OSError as error:
            raise InputError(
                f"The library {folder} cannot be changed ({error.strerror or error}); check its permissions."
            ) from error
        yield


def recover(folder: Path) -> None:
    """Undo or clear away what processes that died have left."""
    inner = [one for one in sorted((folder / CASES).glob("*")) if one.is_dir()]
    kept = folder / ADAPTED, folder / ADAPTED / UNFINISHED
    recover_folders(one / CONTENTS for one in (folder, *kept, *inner) if one.is_dir())
    for one in inner:
        remove_empty(one)


def will_be_new(folder: Path) -> bool:
    """Whether the first case will make a library of a folder; waits for whoever is just making one."""
    if not folder.exists():
        return True
    if not folder.is_dir() or (folder / CONTENTS).exists():
        return False
    if not any(folder.iterdir()):
        return True
    if not (folder / _LOCK).exists():  # the first thing that a library gets
        return False
    with alone(folder):
        recover(folder)
        return is_unused(folder)


def is_unused(folder: Path) -> bool:
    """Whether there is no file in a folder but what a process that has died may have left."""
    return not any(
        path.is_file()
        and path.name != _LOCK
        and not any(part.startswith(PREFIX) for part in path.relative_to(folder).parts)
        for path in folder.rglob("*")
    )


def check_gone(folder: Path, numbers: Sequence[int], removed: Sequence[Path]) -> None:
    """Raises InputError if files of removed cases are still there, which another program keeps open."""
    for number in numbers:
        remove_empty(case_folder(folder, number))
    left = [path for path in removed if path.exists()]
    if left:
        raise InputError(
            f"The library no longer lists case {', '.join(map(str, numbers))}, but {left[0]} could not be removed "
            f"({len(left)} files in all; does another program keep them open?); delete them by hand."
        )
