"""One row a prediction, kept as JSON lines, so that a run that was stopped goes on where it was."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PatchICLLib.outputs import append_lines, read_results

Key = tuple[str, str, str, int]


@dataclass(frozen=True)
class Row:
    """Score of one model on one example.

    Attributes:
        example: key of the example.
        image: key of the slice or picture; rows of several labels may share it.
        dataset, subject, label: of the example.
        category: line of the paper's table.
        class_name: what counts as a class.
        model, identity: what segmented it, and with which weights.
        resolution: side of the network's input in pixels.
        context: number of context pairs, and how many of them come from the target's own case.
        dice: 0-1, on the image's own pixels.
        seconds: of the prediction, with the context's encoding.
    """

    example: str
    image: str
    dataset: str
    subject: str
    label: str
    category: str
    class_name: str
    model: str
    identity: str
    resolution: int
    context: tuple[int, int]
    dice: float
    seconds: float

    @property
    def key(self) -> Key:
        return (self.example, self.model, self.identity, self.resolution)


def append_rows(path: Path, rows: Iterable[Row]) -> None:
    """Add rows to a file of JSON lines, all at once.

    Raises:
        InputError: the file cannot be written.
    """
    append_lines(path, (asdict(row) for row in rows))


def read_rows(paths: Iterable[Path]) -> dict[Key, Row]:
    """Rows of several files; the last one of a key counts. An unfinished last line is left out.

    Raises:
        InputError: another line cannot be read.
    """
    return {row.key: row for path in paths for row in read_results(path, _row)}


def _row(fields: dict[str, Any]) -> Row:
    count, own = fields["context"]
    return Row(**{**fields, "context": (int(count), int(own))})
