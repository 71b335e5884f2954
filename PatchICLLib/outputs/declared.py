"""What a command will write, known and checked before it computes."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from PatchICLLib.errors import InputError
from PatchICLLib.outputs.companions import DATA_ENDINGS, companions_of, fresh_data_stem, old_data_of
from PatchICLLib.outputs.places import Identity, identity_of, place_of
from PatchICLLib.outputs.recovery import recover
from PatchICLLib.outputs.stage import PREFIX

_LONGEST_NAME = 255  # bytes, on all usual file systems
_MORE_OF_DATA = len("-99.raw.gz") - len(".nhdr")  # of a data file's name over its header's
_SMALL_ONLY = (".mha", ".mhd")  # endings that other programs, ITK among them, know in small letters only
_RESULTS = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".json")


@dataclass(frozen=True)
class Output:
    """A file that will be written.

    Attributes:
        name: in messages: OUTPUT, --report.
        path: as the user gave it.
        endings: of which its name must have one; none: any name.
        recognised: of a file whose name the user did not give, such as a model card beside weights: tells whether
            what is there now was written by us in this form; anything else is not replaced. None: the user named it.
        is_new: nothing may be there yet: of a file beside the one that the user named, which is not always written, so
            that an older one would be taken for it.
    """

    name: str
    path: Path
    endings: tuple[str, ...] = ()
    recognised: Callable[[Path], bool] | None = None
    is_new: bool = False

    def files(self) -> list[Path]:
        """The file and, of formats of two files, its data, whose name does not exist yet."""
        stem = fresh_data_stem(self.path)
        if stem is None:
            return [self.path]
        return [self.path, self.path.with_name(stem + DATA_ENDINGS[self.path.suffix.lower()])]


def check_outputs(
    outputs: Iterable[Output], inputs: Mapping[str, Path | None], data_sets: Mapping[str, Path | None] | None = None
) -> None:
    """Check that all outputs can be written, and replace nothing but what the user named.

    What a run that was killed has left in their folders is undone or cleared away first.

    Args:
        outputs: of the command.
        inputs: what it reads, by name in messages; folders of DICOM files among them. None: not given.
        data_sets: folders whose every file may be read.

    Raises:
        InputError: an unknown ending, a folder that is missing or not writable, an output that is an input, a file
            that an input refers to, another output, a folder, or a file that somebody else wrote or that must be new.
    """
    outputs = list(outputs)
    taken = _taken(inputs)
    readers = [*_readers(inputs, _may_be_dicom), *_readers(data_sets or {}, lambda _: True)]
    parents: dict[Path, Output] = {}
    for output in outputs:
        _check_name(output)
        parents.setdefault(place_of(output.path, output.name).parent, output)
    for folder, output in parents.items():
        with _folder_errors(output, folder):
            recover(folder)
    for output in outputs:
        place = place_of(output.path, output.name)
        _check_place(output, place)
        identity = identity_of(place)
        if identity in taken:
            raise InputError(
                f"{output.name} and {taken[identity]} are the same file {output.path}; give {output.name} another name."
            )
        taken[identity] = output.name
        for data in old_data_of(place):
            if (reader := taken.get(identity_of(place.with_name(data)))) is not None:
                raise InputError(
                    f"The voxels of {output.path} lie in {data}, which is {reader}; give {output.name} another name."
                )
        if place.exists():
            _check_replaced(output, place, readers)
    for folder, output in parents.items():
        with _folder_errors(output, folder):
            _try_to_write(folder)


def check_output_file(path: str | Path, endings: tuple[str, ...] = (), name: str = "The output") -> None:
    """As `check_outputs` does, for one file."""
    check_outputs([Output(name, Path(path), endings)], {})


def check_distinct(outputs: Mapping[str, Path | None], inputs: Mapping[str, Path | None]) -> None:
    """Raises InputError if an output would replace an input or another output; keys name them for the message."""
    taken = _taken(inputs)
    for name, path in outputs.items():
        if path is not None:
            identity = identity_of(place_of(path, name))
            if identity in taken:
                raise InputError(f"{name} and {taken[identity]} are the same file {path}; give {name} another name.")
            taken[identity] = name


def _taken(inputs: Mapping[str, Path | None]) -> dict[Identity, str]:
    """Names of all files that are read, with what they refer to."""
    taken: dict[Identity, str] = {}
    for name, path in inputs.items():
        if path is not None:
            place = place_of(path, name)
            for companion in companions_of(place):
                taken.setdefault(identity_of(place_of(companion, name)), f"a part of {name}")
            taken[identity_of(place)] = name
    return taken


@dataclass(frozen=True)
class _Reader:
    """A folder that is read, what messages call it, and which of its files may be read."""

    folder: Path
    name: str
    may_read: Callable[[Path], bool]


def _readers(inputs: Mapping[str, Path | None], may_read: Callable[[Path], bool]) -> list[_Reader]:
    places = {name: place_of(path, name) for name, path in inputs.items() if path is not None}
    return [_Reader(place, name, may_read) for name, place in places.items() if place.is_dir()]


def _check_replaced(output: Output, place: Path, readers: Iterable[_Reader]) -> None:
    """Refuse to replace a file that is read from a folder, or that is not the user's to name and not ours."""
    if output.is_new:
        raise InputError(
            f"{output.name} would write {output.path}, which exists already; move it away or choose another name."
        )
    for reader in readers:
        if reader.folder in place.parents and output.recognised is None and reader.may_read(place):
            raise InputError(
                f"{output.name} would replace {output.path}, a file of {reader.name}; give {output.name} another name."
            )
    if output.recognised is not None and not output.recognised(place):
        raise InputError(
            f"{output.name} would replace {output.path}, which was not written by such a run; move it away or choose "
            "another name."
        )


def _check_name(output: Output) -> None:
    path, endings = output.path, output.endings
    lower = path.name.lower()
    if endings and not lower.endswith(endings):
        raise InputError(f"The output {path} has an unknown ending; use one of {', '.join(endings)}.")
    given = next((path.name[-len(ending) :] for ending in endings if lower.endswith(ending)), "")
    if given != given.lower() and (given != given.upper() or given.lower() in _SMALL_ONLY):
        raise InputError(
            f"The output {path} ends in {given}, which other programs do not read; write {given.lower()} instead."
        )
    longest = len(path.name.encode("utf-8", "surrogatepass"))
    if path.suffix.lower() in DATA_ENDINGS:
        longest += _MORE_OF_DATA
    if longest > _LONGEST_NAME:
        raise InputError(
            f"The output's name {path.name[:40]}... is too long ({longest} bytes, of {_LONGEST_NAME} that a file's "
            "name may have); choose a shorter one."
        )


def _check_place(output: Output, place: Path) -> None:
    if place.is_dir():
        raise InputError(f"The output {output.path} is a folder; give the name of a file.")
    if (
        place.suffix.lower() in DATA_ENDINGS
        and output.path.is_symlink()
        and os.path.dirname(place) != os.path.realpath(output.path.parent)
    ):
        raise InputError(
            f"The output {output.path} is a link into another folder, through which its data would not be found; name "
            f"{place} instead."
        )
    if not place.parent.is_dir():
        raise InputError(f"The folder {place.parent} of the output {output.path.name} does not exist; create it first.")
    if place.exists() and not place.is_file():
        raise InputError(f"The output {output.path} is no regular file; give another name.")
    if place.exists() and not os.access(place, os.W_OK):
        raise InputError(f"The output {output.path} is write-protected; choose another name or change its permissions.")


@contextlib.contextmanager
def _folder_errors(output: Output, folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"The folder {folder} of the output {output.path.name} is not writable ({error.strerror or error}); choose "
            "another folder or change its permissions."
        ) from error


def _try_to_write(folder: Path) -> None:
    """Create something and remove it again: permissions alone do not tell (read-only mounts, quotas)."""
    before = folder.stat()
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=folder):
        pass
    with contextlib.suppress(OSError):  # a folder of somebody else
        os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))


def _may_be_dicom(file: Path) -> bool:
    """Whether a file of a folder may be one of its DICOM files; what we write there is not."""
    if not file.name.lower().endswith(_RESULTS):
        return True
    with file.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"
