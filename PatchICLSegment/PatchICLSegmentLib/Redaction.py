"""Takes out of a text what says whose computer, files or images it is about."""

import os
import platform
import re
from pathlib import Path

# Folders whose contents are the same on every computer; of a path only what follows is told.
_KNOWN_FOLDERS = r"site-packages|python3\.\d+|PatchICLLib|PatchICLSegmentLib|qt-scripted-modules"
_INSTALLED = re.compile(rf"[\\/]((?:{_KNOWN_FOLDERS})[\\/][\w.\\/-]+)")
_QUOTED_PATH = re.compile(r"""(["'])((?:(?!\1)[^\n])*[\\/](?:(?!\1)[^\n])*)\1""")
# To the end of what may belong to it: names of folders may hold blanks.
_PATH = re.compile(r"""(?<![\w>])(?:~|[A-Za-z]:)?[\\/](?=\S)[^\n"']*?(?=: |[,;)] |[,;.)]*$|["'])""", re.MULTILINE)
_RELATIVE_PATH = re.compile(r"""[^\s"'<>]*[^\s"'<>/\\][\\/][^\s"']+""")
_FRACTION = re.compile(r"\d+/\d+")
_NUMBER = r"[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\.\d+|nan|inf)"
_NUMBERS = re.compile(rf"{_NUMBER}(?:[\s,\[\]()]+{_NUMBER}){{6,}}", re.IGNORECASE)
_ONLY_NUMBERS = re.compile(rf"^[\s\[\](),.]*{_NUMBER}(?:[\s,\[\]().]+(?:{_NUMBER})?)*$", re.IGNORECASE | re.MULTILINE)


def redacted(text: str) -> str:
    """The text without user, computer, home folder, paths and voxel values.

    Of what was installed the path from the package on stays: a traceback says where it was.
    """
    home = str(Path.home())
    for separators in (home, home.replace("\\", "/"), home.replace("\\", "\\\\")):
        if len(separators) > 1:
            text = text.replace(separators, "~")
    text = _QUOTED_PATH.sub(lambda found: f"{found[1]}{_place(found[2])}{found[1]}", text)
    text = _PATH.sub(lambda found: _place(found[0]), text)
    text = _RELATIVE_PATH.sub(lambda found: found[0] if _FRACTION.fullmatch(found[0]) else _place(found[0]), text)
    for word in _wordsOfTheComputer():
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", "<name>", text, flags=re.IGNORECASE)
    return _ONLY_NUMBERS.sub("<numbers>", _NUMBERS.sub("<numbers>", text))


def _place(path: str) -> str:
    found = _INSTALLED.search(path)
    return f"…/{found[1]}" if found is not None else "<path>"


def _wordsOfTheComputer() -> list[str]:
    """Names of the user and of the computer."""
    host = platform.node()
    words = {Path.home().name, host, host.split(".")[0]}
    words |= {os.environ.get(name, "") for name in ("USER", "USERNAME", "LOGNAME", "COMPUTERNAME", "HOSTNAME")}
    return sorted(words - {""}, key=len, reverse=True)
