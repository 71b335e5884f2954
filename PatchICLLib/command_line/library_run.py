"""Adds to, shows, and takes from libraries, and tells of it."""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from PatchICLLib.command_line.console import plain_console
from PatchICLLib.command_line.options import names_from_text
from PatchICLLib.errors import InputError
from PatchICLLib.images import read_scalar_image
from PatchICLLib.images.label_values import numbered
from PatchICLLib.library import Filled, Library, Structure, has_default_name
from PatchICLLib.library.contents import contents_json
from PatchICLLib.outputs import Output, check_outputs, write_json
from PatchICLLib.segmentations import Segmentation
from PatchICLLib.segmentations.files import read_segmentation


def run_add(folder: Path, image: Path, labels: Path, names: str | None, date: str | None, replace: bool) -> None:
    """Add a case from files.

    Raises:
        InputError: bad input; nothing was changed.
    """
    given = {} if names is None else names_from_text(names, "--names")
    if date is not None:
        _check_date(date)
    check_outputs([_output(folder)], {"IMAGE": image, "LABELS": labels})
    library = Library.open(folder, may_be_new=True)
    scan = read_scalar_image(image)
    segmentation = read_segmentation(labels, like=scan)
    structures, left_out = structures_of(segmentation, given, labels)
    added = library.add(
        scan.array, segmentation.array, scan.grid, structures, Filled("imported", None, date), replace
    )  # fmt: skip
    case = library.entry(added.number)
    size = " x ".join(str(count) for count in reversed(case.shape))
    _tell(f"Added case {case.number} to {folder}: {_names(added.structures)} ({size} voxels of the scan)")
    for number in added.replaced:
        _tell(f"  in place of case {number}, the same scan")
    _tell_weights(added.removed_weights)
    if left_out:
        _tell(f"  without a name of their own, and so left out: {', '.join(left_out)}", style="yellow")


def structures_of(
    segmentation: Segmentation, names: dict[int, str], path: Path
) -> tuple[list[Structure], list[str]]:  # fmt: skip
    """The structures of a segmentation that have a name, and how messages call the others.

    Args:
        segmentation: of a file.
        names: by label, before those of the file.
        path: of the file, for messages.

    Raises:
        InputError: a label that is named does not occur, or none has a name.
    """
    values = [int(value) for value in numbered(segmentation.array)[0] if value]
    missing = [label for label in names if label not in values]
    if missing:
        known = ", ".join(map(str, values)) or "none"
        raise InputError(f"--names has label {missing[0]}, but {path} has no such voxels; its labels are {known}.")
    segments = {segment.label: Structure.of_segment(segment) for segment in segmentation.segments}
    found, left_out = [], []
    for label in values:
        segment = segments.get(label)
        if label in names:
            # codes said what the file's name said; another name may mean something else
            found.append(Structure(label, names[label], None, None if segment is None else segment.color))
        elif segment is not None and not has_default_name(segment):
            found.append(segment)
        else:
            left_out.append(segmentation.called(label))
    if not found:
        example = ",".join(f"{label}=..." for label in values[:3]) or "1=..."
        raise InputError(
            f"No structure of {path} has a name of its own, by which it could be known again in the next patient: say "
            f"what its labels are with --names {example}."
        )
    return found, left_out


def run_list(folder: Path, json_file: Path | None) -> None:
    """Show what a library holds."""
    if json_file is not None:
        check_outputs([Output("--json", json_file, (".json",))], {"LIBRARY": folder})
    library = Library.open(folder)
    names = {one.label: one.name for one in library.structures}
    cases = Table("case", "structures", "voxels kept", "filled", box=None)
    for case in library.cases:
        filled = " ".join(part for part in (case.filled.how, case.filled.weights, case.filled.date) if part)
        size = " x ".join(str(count) for count in reversed(case.shape))
        cases.add_row(str(case.number), ", ".join(names[label] for label in case.structures), size, filled)
    console = plain_console()
    console.print(cases)
    for one in library.structures:
        count = len(library.cases_with(one.label))
        codes = "" if one.terminology is None else f" ({one.terminology.kind})"
        _tell(f"{one.name}{codes}: {count} {'case' if count == 1 else 'cases'}")
    if not library.cases:
        _tell("no cases")
    if json_file is not None:
        write_json(contents_json(library.contents), json_file)


def run_remove(folder: Path, numbers: Sequence[int]) -> None:
    """Remove cases, one after the other.

    Raises:
        InputError: one of them is not there; none was removed then.
    """
    library = Library.open(folder)
    for number in numbers:
        library.entry(number)
    for number in dict.fromkeys(numbers):
        weights = library.remove(number)
        _tell(f"Removed case {number} from {folder}")
        _tell_weights(weights)


def run_merge(folder: Path, other: Path) -> None:
    """Add the cases of another library."""
    source = Library.open(other)
    check_outputs([_output(folder)], {})
    library = Library.open(folder, may_be_new=True)
    merged = library.merge(source)
    numbers = ", ".join(map(str, merged.added))
    _tell(f"Added {len(merged.added)} cases to {folder}{': ' if numbers else ''}{numbers}")
    if merged.already_there:
        known = ", ".join(map(str, merged.already_there))
        _tell(f"  left out, for their scans are there already: {known} of {other}")


def _output(folder: Path) -> Output:
    """What will be written, as far as it is the user's to name."""
    if folder.is_dir():
        return Output("LIBRARY", folder / "library.json", recognised=lambda _: True)  # the library itself looks
    return Output("LIBRARY", folder)


def _check_date(text: str) -> None:
    try:
        plain = datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        plain = False
    if not plain:
        raise InputError(f"--date must be a day such as 2026-11-26, but it is {text[:40]}.")


def _names(structures: Sequence[Structure]) -> str:
    return ", ".join(one.name for one in structures)


def _tell_weights(weights: Sequence[Path]) -> None:
    for path in weights:
        if path.suffix == ".safetensors":
            _tell(f"  removed the weights {path}, which were adapted with it")


def _tell(text: str, **style: Any) -> None:
    plain_console().print(text, soft_wrap=True, **style)
