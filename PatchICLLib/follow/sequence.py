"""The frames of a sequence: files of a folder in the order of their names, or volumes of one 4D file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PatchICLLib.errors import InputError
from PatchICLLib.images import Volume, read_scalar_image
from PatchICLLib.images.checks import check_intensities, check_several_slices
from PatchICLLib.images.file_kind import check_readable_path
from PatchICLLib.images.frames import Frames, read_frames
from PatchICLLib.images.output_paths import VOLUME_SUFFIXES

_MOST_FRAMES = 10_000


@dataclass(frozen=True, eq=False)
class Sequence:
    """Frames, from 0 on.

    Attributes:
        names: of the frames, all different, for files that are made from them.
        files: of the frames; the same for all of a 4D file.
        whole: the 4D file, read; None where frames are files of their own.
    """

    names: tuple[str, ...]
    files: tuple[Path, ...]
    whole: Frames | None = None

    @classmethod
    def find(cls, path: Path) -> Sequence:
        """The sequence of a folder or a 4D file.

        Raises:
            InputError: there is none, or less than two frames.
        """
        check_readable_path(path, "sequence")
        if path.is_dir():
            files = sorted(
                (one for one in path.iterdir() if _is_frame(one)), key=lambda one: (_natural(one.name), one.name)
            )
            names = [_stem(one.name) for one in files]
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise InputError(f"{path} has two frames named {twice}; give a folder of one kind of files.")
            found = cls(tuple(names), tuple(files))
        else:
            whole = read_frames(path)
            digits = max(3, len(str(len(whole) - 1)))
            names = [f"{_stem(path.name)}_{number:0{digits}d}" for number in range(len(whole))]
            found = cls(tuple(names), (path,) * len(whole), whole)
        if not 2 <= len(found) <= _MOST_FRAMES:
            raise InputError(
                f"{path} has {len(found)} frames, but at least 2 are needed: files that end in "
                f"{', '.join(VOLUME_SUFFIXES)}, or one file of four dimensions."
            )
        return found

    def __len__(self) -> int:
        return len(self.names)

    def volume(self, number: int) -> Volume:
        """A frame, read.

        Raises:
            InputError: it cannot be used.
        """
        if self.whole is None:
            return read_scalar_image(self.files[number])
        volume = self.whole.volume(number)
        check_intensities(volume)
        check_several_slices(volume)
        return volume

    def state(self, number: int) -> list[Any]:
        """Changes when the frame's file does."""
        file = self.files[number].stat()
        return [self.names[number], file.st_size, file.st_mtime_ns]


def _is_frame(path: Path) -> bool:
    name = path.name.lower()
    return name.endswith(VOLUME_SUFFIXES) and not name.startswith(".") and path.is_file()


def _stem(name: str) -> str:
    ending = next((one for one in (".seq.nrrd", *VOLUME_SUFFIXES) if name.lower().endswith(one)), "")
    return name[: len(name) - len(ending)] or "frame"


def _natural(name: str) -> list[tuple[int, str]]:
    """frame2 before frame10."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return [(int(part), "") if part.isascii() and part.isdigit() else (-1, part) for part in parts]
