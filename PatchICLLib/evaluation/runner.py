"""Runs methods over structures, k and placements; goes on where an earlier run stopped."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from PatchICLLib.datasets.cases import (
    Case,
    Structure,
    choose_per_source,
    label_names,
    stable_hash,
    structures_of,
)
from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.calibration import Bins, neighbourhood
from PatchICLLib.evaluation.methods import Method, Painting, PredictedStructure, Spacing
from PatchICLLib.evaluation.metrics import dice, slice_scores, surface_scores
from PatchICLLib.evaluation.protocol import (
    Placement,
    copied_slices,
    judged_slices,
    paint,
    painted_positions,
    through_plane_axis,
)
from PatchICLLib.evaluation.results import Key, Row, append_row, read_rows
from PatchICLLib.evaluation.with_library import LibraryMethod
from PatchICLLib.outputs import drop_unfinished_line, output_folder, set_aside

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Shard:
    """Part `index` (from 1) of `count` parts of all structures."""

    index: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise InputError(f"A shard must be i/n with i from 1 to n, but it is {self.index}/{self.count}.")

    def holds(self, case: Case, structure: Structure) -> bool:
        return stable_hash(case, structure) % self.count == self.index - 1

    @property
    def file_name(self) -> str:
        return "results.jsonl" if self.count == 1 else f"results-{self.index}-of-{self.count}.jsonl"


@dataclass(frozen=True)
class Settings:
    """What is painted and judged.

    Attributes:
        ks, placements: numbers of painted slices, and where they lie; 0 for methods with a library.
        axis: array axis across the slices; None: that with the largest spacing of each case.
        max_structures: at most so many of each source; None: all.
        shard: the part of the structures that this run does.
    """

    ks: tuple[int, ...] = (1, 2, 3, 5)
    placements: tuple[Placement, ...] = ("span", "inset")
    axis: int | None = None
    max_structures: int | None = None
    shard: Shard = Shard()

    def placements_of(self, k: int) -> tuple[Placement, ...]:
        """Where k slices may lie: nowhere, if there are none, which is said once."""
        return self.placements if k else self.placements[:1]


def evaluate_propagation(
    cases: Sequence[Case],
    methods: Sequence[Method],
    settings: Settings,
    output: Path,
    resume: bool = True,
    progress: Progress | None = None,
    missing: dict[str, str] | None = None,
) -> list[Row]:
    """Predict and score; rows are appended to a JSON-lines file in `output` as they come.

    Args:
        resume: keep rows of earlier runs and do what is missing; otherwise this shard's earlier rows are replaced, when
            all new ones are there.
        progress: called with predictions done, predictions in all, and what comes next.
        missing: receives the name of each case that cannot be read, with the reason.

    Returns:
        All rows that this shard's file holds for the cases, methods and settings given.
    """
    path = output / settings.shard.file_name
    earlier = {row.key for row in read_rows([path])} if path.is_file() else set()
    with output_folder(output), set_aside([] if resume else [path]):
        drop_unfinished_line(path)
        return _evaluate(cases, methods, settings, path, earlier if resume else set(), progress, missing)


def _evaluate(
    cases: Sequence[Case],
    methods: Sequence[Method],
    settings: Settings,
    path: Path,
    finished: set[Key],
    progress: Progress | None,
    missing: dict[str, str] | None,
) -> list[Row]:
    by_case = structures_by_case(cases, settings, missing)
    keys = {
        (case, structure): list(_keys(case, structure, axis, methods, settings))
        for case, (axis, structures) in by_case.items()
        for structure in structures
    }
    wanted = {key for several in keys.values() for key in several}
    done, total = len(wanted & finished), len(wanted)
    for case, (axis, structures) in by_case.items():
        if all(key in finished for structure in structures for key in keys[case, structure]):
            continue
        image, labels = case.read()
        spacing = (image.spacing[0], image.spacing[1], image.spacing[2])
        for structure in structures:
            reference = labels == structure.label
            for k in settings.ks:
                for placement in settings.placements_of(k):
                    able, slices = _able(methods, k), _painted_slices(structure, k, placement)
                    if k and not paint(reference, axis, slices).any():
                        total -= len(able)  # a structure with holes: nothing to learn from there
                        continue
                    for method in able:
                        key = _key(case, structure, axis, k, placement, method)
                        if key in finished:
                            continue
                        if progress is not None:
                            progress(done, total, f"{case.name}, {structure.name}: {method.name}, {placement} {k}")
                        row = score_painted(
                            case, structure, image.array, reference, spacing, axis, k, placement, slices, method
                        )
                        append_row(path, row)
                        done += 1
    if progress is not None:
        progress(done, total, "done")
    return [row for row in read_rows([path]) if row.key in wanted] if path.is_file() else []


def structures_by_case(
    cases: Sequence[Case], settings: Settings, missing: dict[str, str] | None = None
) -> dict[Case, tuple[int, list[Structure]]]:
    """Slicing axis and judged structures of each case that has any in this shard.

    Args:
        missing: receives the name of each case that cannot be read, with the reason; None: that is an error.

    Raises:
        InputError: no case has a structure with enough slices, or one cannot be read.
    """
    axes: dict[Case, int] = {}
    found: list[tuple[Case, Structure]] = []
    for case in cases:
        try:
            image, labels = case.read()
        except InputError as error:
            if missing is None:
                raise
            missing[case.full_name] = str(error)
            continue
        spacing = (image.spacing[0], image.spacing[1], image.spacing[2])
        axes[case] = through_plane_axis(spacing) if settings.axis is None else settings.axis
        found += [(case, structure) for structure in structures_of(labels, axes[case], label_names(case))]
    if missing and not axes:
        raise InputError(f"None of the {len(cases)} cases can be read: {next(iter(missing.values()))}")
    if not found:
        raise InputError("No structure has 8 slices along the slicing axis: choose other cases or another axis.")
    grouped: dict[Case, tuple[int, list[Structure]]] = {}
    for case, structure in choose_per_source(found, settings.max_structures):
        if settings.shard.holds(case, structure):
            grouped.setdefault(case, (axes[case], []))[1].append(structure)
    return grouped


def score_painted(
    case: Case,
    structure: Structure,
    image: np.ndarray,
    reference: np.ndarray,
    spacing: Spacing,
    axis: int,
    k: int,
    placement: str,
    slices: tuple[int, ...],
    method: Method,
) -> Row:
    """Paint, predict and score one structure; `image` and `reference` (bool) are (K, J, I)."""
    painted = paint(reference, axis, slices)
    if isinstance(method, LibraryMethod):
        method = method.on(case, structure)
    predicted = method.predict(Painting(image, painted, slices, spacing, axis))

    order = (axis, *(other for other in range(3) if other != axis))
    sliced_reference, sliced_labels = reference.transpose(order), predicted.labels.transpose(order)
    sliced_spacing = (spacing[order[0]], spacing[order[1]], spacing[order[2]])
    judged = judged_slices(reference.shape[axis], slices)
    within = judged.copy()
    within[: structure.first] = within[structure.last + 1 :] = False
    by_slice = slice_scores(sliced_reference, sliced_labels, judged)
    surface = surface_scores(sliced_reference, sliced_labels, judged, sliced_spacing)
    scored = zip(by_slice.indices, by_slice.dice, strict=True) if slices else ()  # else there are no distances
    nearest = [(min(abs(int(index) - z) for z in slices) * sliced_spacing[0], score) for index, score in scored]
    probability_bins, entropy_bins = _bins(predicted, reference, judged, order)
    return Row(
        source=case.source,
        case=case.name,
        label=structure.label,
        structure=structure.name,
        axis=axis,
        k=k,
        placement=placement,
        method=method.name,
        identity=method.identity,
        painted_slices=slices,
        slice_count=structure.last - structure.first + 1,
        dice=dice(sliced_reference, sliced_labels, judged),
        dice_within=dice(sliced_reference, sliced_labels, within),
        dice_changed=dice(sliced_reference, sliced_labels, judged & ~copied_slices(sliced_reference, slices)),
        surface_dice=surface.surface_dice,
        hausdorff95=surface.hausdorff95,
        no_edit_share=by_slice.no_edit_share,
        seconds_per_slice=predicted.seconds / max(1, int(within.sum())),
        slices=tuple((round(float(d), 3), round(float(s), 4)) for d, s in nearest),
        probability_bins=probability_bins,
        entropy_bins=entropy_bins,
    )


def _bins(
    predicted: PredictedStructure, reference: np.ndarray, judged: np.ndarray, order: tuple[int, ...]
) -> tuple[list[list[float]] | None, list[list[float]] | None]:
    window = neighbourhood(reference.transpose(order))
    chosen = judged[window[0]]

    def voxels(volume: np.ndarray) -> np.ndarray:
        return volume.transpose(order)[window][chosen].ravel()

    truth = voxels(reference)
    probability = entropy = None
    if predicted.probability is not None:
        probability = Bins.of(voxels(predicted.probability), truth).to_json()
    if predicted.entropy is not None:
        entropy = Bins.of(voxels(predicted.entropy), voxels(predicted.labels) != truth).to_json()
    return probability, entropy


def _key(case: Case, structure: Structure, axis: int, k: int, placement: str, method: Method) -> Key:
    return (case.source, case.name, structure.label, axis, k, placement, method.name, method.identity)


def _keys(case: Case, structure: Structure, axis: int, methods: Sequence[Method], settings: Settings) -> Iterable[Key]:
    for k in settings.ks:
        for placement in settings.placements_of(k):
            for method in _able(methods, k):
                yield _key(case, structure, axis, k, placement, method)


def _able(methods: Sequence[Method], k: int) -> list[Method]:
    """The methods that can do something with k painted slices."""
    return [method for method in methods if k or isinstance(method, LibraryMethod)]


def _painted_slices(structure: Structure, k: int, placement: Placement) -> tuple[int, ...]:
    return painted_positions(structure.first, structure.last, k, placement) if k else ()
