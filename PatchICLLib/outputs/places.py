"""Where a path leads, once links, case and what cannot be reached are taken into account."""

import os
import unicodedata
from pathlib import Path

from PatchICLLib.errors import InputError

Identity = tuple[int, int] | str


def place_of(path: str | Path, name: str) -> Path:
    """The file that `path` leads to, symbolic links followed, which need not exist.

    Args:
        path: as the user gave it.
        name: what messages call it, such as OUTPUT.

    Raises:
        InputError: links that go in circles, a name that is too long or impossible, a folder that may not be entered.
    """
    try:
        place = os.path.realpath(path)
        os.stat(place, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        shown = ascii(str(path))[1:-1] if isinstance(error, ValueError) else _shortened(str(path))
        raise InputError(f"{name} {shown} cannot be reached ({reason}); check the name and the folder.") from error
    if os.path.islink(place):
        raise InputError(f"{name} {path} is a symbolic link that leads back to itself; remove it or name a file.")
    return Path(place)


def identity_of(place: Path) -> Identity:
    """Equal for two places that are, or on a file system that ignores case would be, the same file."""
    try:
        state = os.stat(place)
    except OSError:
        return unicodedata.normalize("NFC", str(place)).casefold()
    return state.st_dev, state.st_ino


def _shortened(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:60]}...{text[-40:]}"
