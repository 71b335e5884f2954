"""What planes of several axes are worth: the same structures, painted on slices of one axis and of several.

Of a structure painted on "3+1", three slices along the slicing axis are painted (span or inset), and the middle one of
the structure along the next axis. All variants are judged on the same voxels: those on no painted plane of any of them.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from PatchICLLib.allowed_values import from_plain
from PatchICLLib.datasets.cases import Case, Structure
from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.bootstrap import mean_over_groups
from PatchICLLib.evaluation.methods import NetworkMethod, Spacing, propagated
from PatchICLLib.evaluation.metrics import dice
from PatchICLLib.evaluation.protocol import Placement, paint, painted_positions
from PatchICLLib.evaluation.runner import Progress, Settings, structures_by_case
from PatchICLLib.outputs import append_lines, drop_unfinished_line, output_folder, read_results, set_aside

WORSE = 0.02
Plane = tuple[int, int]  # axis and index
Key = tuple[str, str, int, int, str, str, str, str]


@dataclass(frozen=True)
class PlaneCounts:
    """How many planes are painted: along the slicing axis, along the next one, and along the third."""

    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.counts) <= 3 or min(self.counts) < 1:
            raise InputError(f"Planes are counted along one to three axes, from 1 on, such as 3+1, but not as {self}.")

    def __str__(self) -> str:
        return "+".join(map(str, self.counts))

    def planes(self, reference: np.ndarray, axis: int, placement: Placement) -> list[Plane]:
        """Where they lie on a structure, (K, J, I) bool; on further axes in the middle of equal parts.

        Raises:
            InputError: the structure has fewer slices.
        """
        found = []
        for step, count in enumerate(self.counts):
            own = (axis + step) % 3
            extent = np.flatnonzero(reference.any(tuple(other for other in range(3) if other != own)))
            where: Placement = "inset" if step else placement
            found += [(own, z) for z in painted_positions(int(extent[0]), int(extent[-1]), count, where)]
        return found


@dataclass(frozen=True)
class PlanesRow:
    """One variant on one structure.

    Attributes:
        source, case, label, structure, axis, placement: what was painted, and across which axis.
        painted: how many planes, such as "3+1".
        among: all variants that were compared, which decide on the judged voxels.
        identity: of the weights.
        planes: axis and index of each painted plane.
        dice: on the judged voxels.
        seconds, processor_seconds: of the prediction, by the clock and of all processor cores.
    """

    source: str
    case: str
    label: int
    structure: str
    axis: int
    placement: str
    painted: str
    among: str
    identity: str
    planes: tuple[tuple[int, int], ...]
    dice: float
    seconds: float
    processor_seconds: float

    @property
    def key(self) -> Key:
        where = self.source, self.case, self.label, self.axis
        return (*where, self.placement, self.painted, self.among, self.identity)


def evaluate_planes(
    cases: Sequence[Case],
    method: NetworkMethod,
    variants: Sequence[PlaneCounts],
    settings: Settings,
    output: Path,
    resume: bool = True,
    progress: Progress | None = None,
    missing: dict[str, str] | None = None,
) -> list[PlanesRow]:
    """Predict and score every variant; rows are appended to a JSON-lines file in `output` as they come.

    Args:
        resume: do only what is missing there.
        progress, missing: as of ``evaluate_propagation``.

    Returns:
        All rows in `output` for these variants and weights, those of other shards included.
    """
    path = output / settings.shard.file_name.replace("results", "planes")
    finished = {row.key for row in _read(path)} if resume else set()
    with output_folder(output), set_aside([] if resume else [path]):
        drop_unfinished_line(path)
        by_case = structures_by_case(cases, settings, missing)
        jobs = [
            (case, axis, structure, placement)
            for case, (axis, structures) in by_case.items()
            for structure in structures
            for placement in settings.placements
        ]
        for number, (case, axis, structure, placement) in enumerate(jobs):
            if progress is not None:
                progress(number, len(jobs), f"{case.name}, {structure.name}")
            for row in _rows(case, axis, structure, placement, method, variants, finished):
                append_lines(path, [asdict(row)])
        if progress is not None:
            progress(len(jobs), len(jobs), "done")
    rows = [row for file in sorted(output.glob("planes*.jsonl")) for row in _read(file)]
    return [row for row in rows if (row.among, row.identity) == (_among(variants), method.identity)]


def _rows(
    case: Case,
    axis: int,
    structure: Structure,
    placement: Placement,
    method: NetworkMethod,
    variants: Sequence[PlaneCounts],
    finished: set[Key],
) -> Iterator[PlanesRow]:
    where = case.source, case.name, structure.label, structure.name, axis, placement
    keys = {v: (*where[:3], axis, placement, str(v), _among(variants), method.identity) for v in variants}
    if all(key in finished for key in keys.values()):
        return
    image, labels = case.read()
    reference = labels == structure.label
    spacing = (image.spacing[0], image.spacing[1], image.spacing[2])
    try:
        planes = {variant: variant.planes(reference, axis, placement) for variant in variants}
    except InputError:
        return  # too short along one of the axes
    if not all(painted_on(reference, chosen).any() for chosen in planes.values()):
        return  # a structure with holes: nothing to learn from there
    judged = np.ones(reference.shape, bool)
    for own, index in {plane for chosen in planes.values() for plane in chosen}:
        np.moveaxis(judged, own, 0)[index] = False
    for variant, chosen in planes.items():
        if keys[variant] in finished:
            continue
        score, seconds, processor_seconds = score_planes(method, image.array, reference, spacing, chosen, judged)
        yield PlanesRow(
            *where, str(variant), _among(variants), method.identity, tuple(chosen), score, seconds, processor_seconds
        )


def score_planes(
    method: NetworkMethod,
    image: np.ndarray,
    reference: np.ndarray,
    spacing: Spacing,
    planes: Sequence[Plane],
    judged: np.ndarray,
) -> tuple[float, float, float]:
    """Dice on the judged voxels, (K, J, I) bool, with seconds by the clock and of the processor."""
    painted = painted_on(reference, planes)
    before = time.process_time()
    predicted = propagated(
        method.propagator, image, painted, spacing, painted_slices=list(planes), labels=[1], prior=method.prior
    )
    return dice(reference, predicted.labels, judged), predicted.seconds, time.process_time() - before


def painted_on(reference: np.ndarray, planes: Iterable[Plane]) -> np.ndarray:
    """Copy the reference (K, J, I) bool on planes into an empty painting, uint8 of 0 and 1."""
    painted = np.zeros(reference.shape, np.uint8)
    for axis, index in planes:
        painted |= paint(reference, axis, (index,))
    return painted


def summarise_planes(rows: Sequence[PlanesRow], variants: Sequence[PlaneCounts]) -> dict[str, Any]:
    """Every variant against the first one, over the structures that all have finished.

    Returns:
        {"placement": {"structures": count, "left_out": count, "variants": {variant: {"dice", "gain": {mean, low, high}
        over sources, "worse": structures worse by more than .02, "seconds", "processor_seconds": times the first's}}}}
    """
    by_placement: dict[str, dict[tuple[str, str, int], dict[str, PlanesRow]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        by_placement[row.placement][row.source, row.case, row.label][row.painted] = row
    names = list(map(str, variants))
    summary = {}
    for placement, structures in sorted(by_placement.items()):
        complete = [found for found in structures.values() if len(found) == len(names)]
        summary[placement] = {
            "structures": len(complete),
            "left_out": len(structures) - len(complete),
            "variants": {name: _compared(complete, names[0], name) for name in names} if complete else {},
        }
    return summary


def _compared(structures: Sequence[dict[str, PlanesRow]], first: str, name: str) -> dict[str, Any]:
    def estimate(value: Callable[[dict[str, PlanesRow]], float]) -> dict[str, float]:
        by_source: dict[str, list[float]] = defaultdict(list)
        for found in structures:
            by_source[found[first].source].append(value(found))
        return mean_over_groups(by_source).to_json()

    gains = [found[name].dice - found[first].dice for found in structures]
    return {
        "dice": estimate(lambda found: found[name].dice),
        "gain": estimate(lambda found: found[name].dice - found[first].dice),
        "worse": sum(gain < -WORSE for gain in gains),
        **{
            time: sum(getattr(found[name], time) for found in structures)
            / sum(getattr(found[first], time) for found in structures)
            for time in ("seconds", "processor_seconds")
        },
    }


def _among(variants: Sequence[PlaneCounts]) -> str:
    return ",".join(sorted(map(str, variants)))


def _read(path: Path) -> list[PlanesRow]:
    """Rows of a file, each key once.

    Raises:
        InputError: a line other than an unfinished last one cannot be read.
    """
    found = read_results(path, partial(from_plain, PlanesRow)) if path.is_file() else ()
    rows = {row.key: row for row in found}
    return [rows[key] for key in sorted(rows)]
