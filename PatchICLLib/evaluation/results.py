"""One row a prediction, kept as JSON lines, so that a run that was stopped goes on where it was."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PatchICLLib.outputs import append_lines, read_results

Key = tuple[str, str, int, int, int, str, str, str]


@dataclass(frozen=True)
class Row:
    """Scores of one method on one structure with one painting.

    Attributes:
        source, case, label, structure: what was segmented; `structure` is the label's name.
        axis: array axis across the slices.
        k, placement: how many slices were painted, and where ("span" or "inset").
        method, identity: what segmented it, and with which weights.
        painted_slices: their indices.
        slice_count: slices of the structure from its first to its last.
        dice, surface_dice, hausdorff95, no_edit_share: on all judged slices (see `metrics`).
        dice_within: Dice on the judged slices between the structure's first and last one only.
        dice_changed: Dice on the judged slices whose reference is no copy of the nearest painted slice's.
        seconds_per_slice: seconds of the prediction over the slices within the structure that had to be predicted.
        slices: (distance in mm to the nearest painted slice, 2D Dice) of each slice that counts.
        probability_bins, entropy_bins: see `calibration`; None if the method gives none.
    """

    source: str
    case: str
    label: int
    structure: str
    axis: int
    k: int
    placement: str
    method: str
    identity: str
    painted_slices: tuple[int, ...]
    slice_count: int
    dice: float
    dice_within: float
    dice_changed: float
    surface_dice: float
    hausdorff95: float
    no_edit_share: float
    seconds_per_slice: float
    slices: tuple[tuple[float, float], ...]
    probability_bins: list[list[float]] | None = None
    entropy_bins: list[list[float]] | None = None

    @property
    def key(self) -> Key:
        return (self.source, self.case, self.label, self.axis, self.k, self.placement, self.method, self.identity)

    @property
    def structure_key(self) -> tuple[str, str, int]:
        return (self.source, self.case, self.label)


def append_row(path: Path, row: Row) -> None:
    """Add a row to a file of JSON lines.

    Raises:
        InputError: the file cannot be written.
    """
    append_lines(path, [asdict(row)])


def read_rows(paths: Iterable[Path]) -> list[Row]:
    """Rows of several files, each key once (the last one counts), in the order of the keys.

    Raises:
        InputError: a line other than an unfinished last one cannot be read.
    """
    rows = {row.key: row for path in paths for row in read_results(path, _row)}
    return [rows[key] for key in sorted(rows)]


def _row(fields: dict[str, Any]) -> Row:
    fields["painted_slices"] = tuple(fields["painted_slices"])
    fields["slices"] = tuple((float(distance), float(score)) for distance, score in fields["slices"])
    return Row(**fields)
