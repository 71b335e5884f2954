"""Results of an earlier run stay until those of a new one are complete."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path


@contextlib.contextmanager
def set_aside(files: Sequence[Path]) -> Iterator[None]:
    """While the block runs, files bear another name ("results.jsonl.before").

    When it ends well they are removed. When it raises, each is put back unless a new one has taken its place by then;
    those stay beside.
    """
    moved: list[tuple[Path, Path]] = []
    try:
        for file in files:
            if file.exists():
                aside = _free(file.with_name(f"{file.name}.before"))
                os.replace(file, aside)
                moved.append((file, aside))
        yield
    except BaseException:
        for file, aside in moved:
            if not file.exists():
                os.replace(aside, file)
        raise
    for _, aside in moved:
        aside.unlink()


def _free(path: Path) -> Path:
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free
