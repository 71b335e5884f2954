"""Dice of structures that were left out, from a few painted slices, with the rest of the library and without it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.metrics import dice
from PatchICLLib.evaluation.protocol import judged_slices, paint, painted_positions, through_plane_axis
from PatchICLLib.library import CaseEntry, FinishedCase, Library
from PatchICLLib.propagation import CancelToken, PropagationResult
from PatchICLLib.version import __version__

PAINTED = (0, 1, 3)  # slices
WORSE = 0.02  # a loss of Dice that a user may see
_LABEL = 1  # in the paintings that are made here


class Engine(Protocol):
    def propagate(
        self, image: np.ndarray, painted: np.ndarray | None, spacing: tuple[float, float, float], **options: Any
    ) -> PropagationResult: ...


@dataclass(frozen=True)
class Trial:
    """A structure of a case, to be found from so many painted slices."""

    case: CaseEntry
    structure: int
    painted: int

    @property
    def of(self) -> tuple[int, int, int]:
        """The same as of its score."""
        return self.case.number, self.structure, self.painted


@dataclass(frozen=True)
class Score:
    """What came of a trial.

    Attributes:
        structure: its label in the library.
        case: its number.
        painted: slices.
        without: Dice, 0 to 1, on slices that were not painted, without the library; None with nothing painted
            or where that was not asked for.
        library: the same with all other cases as library.
        weight: how far the library was listened to, 0 to 1; None if nothing in the scan looked like it.
    """

    structure: int
    case: int
    painted: int
    without: float | None
    library: float
    weight: float | None

    @property
    def of(self) -> tuple[int, int, int]:
        """Case, structure and number of painted slices of the trial."""
        return self.case, self.structure, self.painted


def without_case(library: Library, number: int) -> Library:
    """A library as if a case were not there; nothing is changed on disk."""
    return Library(library.path, library.contents.without([number]))


def trials(library: Library, painted: Sequence[int] = PAINTED, max_cases: int | None = None) -> list[Trial]:
    """What there is to try, case by case.

    Args:
        library: of finished cases.
        painted: numbers of slices.
        max_cases: only so many cases of each structure, the latest.

    Raises:
        InputError: no structure is finished in two cases.
    """
    chosen: dict[int, list[int]] = {}
    for structure in library.structures:
        cases = library.cases_with(structure.label)
        if len(cases) > 1:
            chosen[structure.label] = [case.number for case in cases][-(max_cases or len(cases)) :]
    if not chosen:
        raise InputError(
            f"No structure of the library {library.path} is finished in two cases, so none can be left out and found "
            "from another: add a second case with `patchicl library add`."
        )
    return [
        Trial(case, label, k)
        for case in library.cases
        for label in case.structures
        if case.number in chosen.get(label, ())
        for k in painted
    ]


def scores(
    engine: Engine,
    library: Library,
    wanted: Sequence[Trial],
    cancel: CancelToken | None = None,
    without: bool = True,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[Score | None]:
    """The score of each trial, as soon as it is known; None where the structure has too few slices.

    Args:
        engine: of propagations.
        library: of finished cases.
        wanted: see ``trials``.
        cancel: token that stops the work.
        without: also without the library.
        options: others of the propagations.

    Raises:
        InputError: a case cannot be read.
        Cancelled: it was stopped.
    """
    case: FinishedCase | None = None
    for trial in wanted:
        if case is None or case.entry != trial.case:
            case = library.case(trial.case.number)
        yield _score(engine, case, without_case(library, trial.case.number), trial, cancel, without, options)


def _score(
    engine: Engine,
    case: FinishedCase,
    others: Library,
    trial: Trial,
    cancel: CancelToken | None,
    without: bool,
    options: Mapping[str, Any],
) -> Score | None:
    reference = case.mask_of(trial.structure)
    axis = through_plane_axis(case.spacing)
    held = np.flatnonzero(reference.any(tuple(a for a in range(3) if a != axis)))
    if len(held) <= trial.painted:
        return None
    slices: tuple[int, ...] = ()
    painted = None
    if trial.painted:
        slices = painted_positions(int(held[0]), int(held[-1]), trial.painted, "span")
        painted = paint(reference, axis, slices)
    judged = judged_slices(reference.shape[axis], slices)

    def found(**library: Any) -> tuple[float, dict[str, Any]]:
        result = engine.propagate(
            case.image,
            painted,
            case.spacing,
            axis=axis,
            painted_slices=slices or None,
            outputs=frozenset(),
            cancel=cancel,
            **options,
            **library,
        )
        seen, truth = (np.moveaxis(array, axis, 0) for array in (result.labels == _LABEL, reference))
        return dice(truth, seen, judged), result.report

    alone = found()[0] if trial.painted and without else None
    with_library, report = found(library=others, match={_LABEL: trial.structure}, direction=case.direction)
    told = report["library"].get(str(_LABEL))
    return Score(
        trial.structure,
        trial.case.number,
        trial.painted,
        alone,
        with_library,
        None if told is None else told["weight"],
    )


@dataclass(frozen=True)
class Worth:
    """Scores of a structure from as many painted slices, over cases.

    Attributes:
        structure: its label in the library.
        painted: slices.
        cases: that were left out.
        without: mean Dice without the library; None with nothing painted.
        library: mean Dice with it.
        worse: cases that lost more than ``WORSE`` by it; None with nothing painted.
        unheard: cases in which the library was not listened to.
    """

    structure: int
    painted: int
    cases: int
    without: float | None
    library: float
    worse: int | None
    unheard: int


def worths(known: Sequence[Score]) -> list[Worth]:
    """One for each structure and number of painted slices, ascending."""
    groups: dict[tuple[int, int], list[Score]] = {}
    for score in known:
        groups.setdefault((score.structure, score.painted), []).append(score)
    found = []
    for (structure, painted), group in sorted(groups.items()):
        without = [one.without for one in group if one.without is not None]
        worse = sum(one.without is not None and one.library < one.without - WORSE for one in group)
        found.append(
            Worth(
                structure,
                painted,
                len(group),
                float(np.mean(without)) if without else None,
                float(np.mean([one.library for one in group])),
                worse if without else None,
                sum(not one.weight for one in group),
            )
        )
    return found


def measured_of(library: Library, weights: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """What scores depend on, as plain JSON. Args: weights: their checksum; options: of the propagations."""
    cases = {str(case.number): case.checksum for case in library.cases}
    return {"patchicl": __version__, "weights": weights, "options": dict(options), "cases": cases}


def known_before(content: Any, of: Mapping[str, Any], wanted: Sequence[Trial]) -> list[Score]:
    """Scores of wanted trials in a `summary` of a check of the same that was stopped; none in anything else."""
    if not isinstance(content, dict) or content.get("complete") is not False or content.get("of") != of:
        return []
    tried = {one.of for one in wanted}
    try:
        known = [Score(**{field.name: one[field.name] for field in fields(Score)}) for one in content["scores"]]
    except (KeyError, TypeError):
        return []
    return [one for one in known if one.of in tried]


def summary(library: Library, known: Sequence[Score], complete: bool, of: Mapping[str, Any]) -> dict[str, Any]:
    """Plain JSON: names, means and single scores, whether all trials were done, and what `measured_of` says."""
    names = {one.label: one.name for one in library.structures}
    return {
        "complete": complete,
        "of": dict(of),
        "cases": len(library.cases),
        "structures": [{"name": names[one.structure], **_rounded(asdict(one))} for one in worths(known)],
        "scores": [{"name": names[one.structure], **_rounded(asdict(one))} for one in known],
    }


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}
