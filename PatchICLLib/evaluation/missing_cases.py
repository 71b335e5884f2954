"""Cases that an evaluation cannot read: it goes on without them, tells of them, and keeps them beside its results."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from PatchICLLib.errors import InputError
from PatchICLLib.outputs import write_json

MISSING_FILE = "missing_cases.json"
_SHOWN = 5


def keep_missing(output: Path, tried: Iterable[str], missing: Mapping[str, str]) -> dict[str, str]:
    """Write down which cases are missing, and why.

    Args:
        output: folder of the results.
        tried: names of all cases of this run.
        missing: names of those that cannot be read, with the reason.

    Returns:
        All that are missing from the results in the folder, those of earlier runs over other cases included.
    """
    retried = set(tried)
    known = {name: reason for name, reason in read_missing(output).items() if name not in retried}
    known.update(missing)
    if known or (output / MISSING_FILE).exists():
        write_json(dict(sorted(known.items())), output / MISSING_FILE)
    return known


def read_missing(output: Path) -> dict[str, str]:
    """What `keep_missing` wrote into a folder; empty if nothing.

    Raises:
        InputError: the file is damaged.
    """
    path = output / MISSING_FILE
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): str(reason) for name, reason in content.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is damaged: delete it, and run the evaluation again.") from error


def missing_lines(missing: Mapping[str, str]) -> list[str]:
    """What is told of them below a table."""
    if not missing:
        return []
    count = len(missing)
    lines = [f"{count} case{'s are' if count > 1 else ' is'} missing, because {'they' if count > 1 else 'it'} "
             "cannot be read:"]  # fmt: skip
    lines += [f"  {name}: {reason}" for name, reason in list(missing.items())[:_SHOWN]]
    return lines if count <= _SHOWN else [*lines, f"  and {count - _SHOWN} more (see {MISSING_FILE})"]
