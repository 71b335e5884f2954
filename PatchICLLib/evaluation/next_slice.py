"""Is the suggested next slice worth following? Slices a reader paints until the volume is good enough.

The reader starts from two slices (inset), lets the method fill the rest, paints one slice more, and so on until the
Dice of the whole volume, painted slices included, reaches the goal. Two readers are compared: one paints the slice that
the method suggests, the other the middle of the largest gap. The second one is granted the structure's true ends: gaps
reach from there to the outermost painted slices.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from operator import itemgetter
from typing import Any

import numpy as np

from PatchICLLib.datasets.cases import Case, Structure
from PatchICLLib.evaluation.bootstrap import mean_over_groups
from PatchICLLib.evaluation.methods import Method, Painting, Spacing
from PatchICLLib.evaluation.protocol import paint, painted_positions
from PatchICLLib.evaluation.runner import Settings, structures_by_case

GOAL = 0.9
START = 2
STRATEGIES = ("suggested", "largest gap")


@dataclass(frozen=True)
class Session:
    """What one reader did on one structure.

    Attributes:
        painted_slices: in the order of painting.
        dice: Dice of the volume after each prediction; the first with the two initial slices.
        reached: the goal was reached within the slices allowed.
    """

    source: str
    case: str
    label: int
    structure: str
    strategy: str
    painted_slices: tuple[int, ...]
    dice: tuple[float, ...]
    reached: bool


def paint_until_good(
    case: Case,
    structure: Structure,
    image: np.ndarray,
    reference: np.ndarray,
    spacing: Spacing,
    axis: int,
    method: Method,
    strategy: str,
    most: int,
) -> Session:
    """Play one reader; `image` and `reference` (bool) are (K, J, I), `most` is when the reader gives up."""
    slices = list(painted_positions(structure.first, structure.last, START, "inset"))
    scores: list[float] = []
    while True:
        so_far = tuple(sorted(slices))
        predicted = method.predict(Painting(image, paint(reference, axis, so_far), so_far, spacing, axis))
        common = 2 * int((predicted.labels & reference).sum())
        scores.append(common / (int(predicted.labels.sum()) + int(reference.sum())))
        if scores[-1] >= GOAL or len(slices) >= min(most, structure.last - structure.first + 1):
            break
        if strategy == "largest gap":
            slices.append(middle_of_largest_gap(slices, structure.first, structure.last))
        elif predicted.suggested_slice is not None:
            slices.append(predicted.suggested_slice)
        else:
            break  # the method has nothing more to ask
    return Session(
        case.source, case.name, structure.label, structure.name, strategy, tuple(slices), tuple(scores),
        scores[-1] >= GOAL,
    )  # fmt: skip


def middle_of_largest_gap(slices: Sequence[int], first: int, last: int) -> int:
    """Middle of the longest run of slices from `first` to `last` that are not painted (of equal runs the first)."""
    free = [index for index in range(first, last + 1) if index not in set(slices)]
    runs: list[list[int]] = []
    for index in free:
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    longest = max(runs, key=len)
    return longest[len(longest) // 2]


def evaluate_next_slice(
    cases: Sequence[Case],
    method: Method,
    settings: Settings,
    most: int = 10,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[Session]:
    """Both readers on every structure."""
    by_case = structures_by_case(cases, settings)
    total = len(STRATEGIES) * sum(len(structures) for _, structures in by_case.values())
    sessions: list[Session] = []
    for case, (axis, structures) in by_case.items():
        image, labels = case.read()
        spacing = (image.spacing[0], image.spacing[1], image.spacing[2])
        for structure in structures:
            reference = labels == structure.label
            start = painted_positions(structure.first, structure.last, START, "inset")
            if not paint(reference, axis, start).any():
                total -= len(STRATEGIES)  # a structure with holes: nothing to start from
                continue
            for strategy in STRATEGIES:
                if progress is not None:
                    progress(len(sessions), total, f"{case.name}, {structure.name}: {strategy}")
                sessions.append(
                    paint_until_good(case, structure, image.array, reference, spacing, axis, method, strategy, most)
                )
    return sessions


def summarise_sessions(sessions: Sequence[Session], most: int) -> dict[str, Any]:
    """Slices painted by each reader and slices saved by the suggestion, mean over sources with 95 % intervals.

    A reader who gave up counts with one slice more than allowed.
    """
    counts: dict[tuple[str, str, int], dict[str, int]] = defaultdict(dict)
    for session in sessions:
        painted = len(session.painted_slices) if session.reached else most + 1
        counts[session.source, session.case, session.label][session.strategy] = painted
    by_source: dict[str, list[dict[str, int]]] = defaultdict(list)
    for (source, _, _), pair in counts.items():
        by_source[source].append(pair)

    def estimate(value: Callable[[dict[str, int]], float]) -> dict[str, float]:
        return mean_over_groups({s: [value(pair) for pair in pairs] for s, pairs in by_source.items()}).to_json()

    return {
        "goal": GOAL,
        "structures": len(counts),
        "most": most,
        "painted": {strategy: estimate(itemgetter(strategy)) for strategy in STRATEGIES},
        "reached": {
            strategy: float(np.mean([session.reached for session in sessions if session.strategy == strategy]))
            for strategy in STRATEGIES
        },
        "saved": estimate(lambda pair: pair["largest gap"] - pair["suggested"]),
        "by_source": {
            source: {
                "structures": len(members),
                "saved": float(np.mean([pair["largest gap"] - pair["suggested"] for pair in members])),
            }
            for source, members in sorted(by_source.items())
        },
        "sessions": [asdict(session) for session in sessions],
    }
