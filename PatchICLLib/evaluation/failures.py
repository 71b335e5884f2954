"""Where a method does worst beside its peers, and what it did there."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from PatchICLLib.datasets.cases import Case
from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.methods import Method, Painting
from PatchICLLib.evaluation.protocol import judged_slices, paint
from PatchICLLib.evaluation.results import Row
from PatchICLLib.images.volume import Volume

PEERS = (
    "nearest",
    "interpolation",
    "fill-between-slices",
    "grow-from-seeds",
    "random-walker",
    "graph-cut",
    "universeg",
)


@dataclass(frozen=True)
class Failure:
    """A structure, painted once, with what the method and its best peer made of it."""

    own: Row
    peer: Row

    @property
    def loss(self) -> float:
        """Dice of the best peer minus that of the method; negative where the method is best."""
        return self.peer.dice - self.own.dice


@dataclass(frozen=True)
class FailedSlice:
    """What a picture of a failure shows; arrays are (K, J, I) bool.

    Attributes:
        failure: the scores.
        image: the scan.
        reference: the structure.
        predicted: what each of the two methods made of it, by name, the method first.
        index: the unpainted slice where most voxels of the method are wrong.
        painted_index: the painted slice nearest to it, of those that hold the structure.
    """

    failure: Failure
    image: Volume
    reference: np.ndarray
    predicted: Mapping[str, np.ndarray]
    index: int
    painted_index: int


def worst(rows: Sequence[Row], method: Method, count: int, by_source: int = 2) -> list[Failure]:
    """The largest losses against the best peer, of each structure once and at most ``by_source`` of a source.

    Args:
        rows: results of a run.
        method: whose failures; rows of the same method with other weights do not count.
        count: at most so many; structures where no peer is better are no failures.

    Raises:
        InputError: the rows do not hold the method with these weights, or no peer.
    """
    own_rows = [row for row in rows if row.method == method.name and row.identity == method.identity]
    if not own_rows:
        there = sorted({f"{row.method} {row.identity}".strip() for row in rows}) or ["nothing"]
        raise InputError(
            f"The results hold {', '.join(there)} for these numbers of painted slices, but not {method.name} "
            f"{method.identity}: evaluate that, or name the method or the weights of the results."
        )
    together: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if row.method in PEERS and row.method != method.name:
            together[_painting(row)].append(row)
    if not together:
        raise InputError(f"The results hold none of {', '.join(PEERS)} to compare with: evaluate one of them as well.")
    pairs = [
        Failure(own, max(together[_painting(own)], key=lambda row: row.dice))
        for own in own_rows
        if _painting(own) in together
    ]
    chosen: list[Failure] = []
    seen: set[tuple[str, str, int]] = set()
    sources: Counter[str] = Counter()
    for failure in sorted(pairs, key=lambda failure: failure.loss, reverse=True):
        own = failure.own
        if failure.loss <= 0 or len(chosen) == count:
            break
        if own.structure_key not in seen and sources[own.source] < by_source:
            chosen.append(failure)
            seen.add(own.structure_key)
            sources[own.source] += 1
    return chosen


def _painting(row: Row) -> tuple[object, ...]:
    return (*row.structure_key, row.axis, row.k, row.placement)


def replay(failures: Sequence[Failure], cases: Sequence[Case], methods: Mapping[str, Method]) -> Iterator[FailedSlice]:
    """Predict the failures again, one after the other; each holds its scan, so do not keep them.

    Args:
        failures: from ``worst``.
        cases: where the scans are.
        methods: by the names in the failures.

    Raises:
        InputError: a case is not among them.
    """
    known = {(case.source, case.name): case for case in cases}
    for failure in failures:
        own = failure.own
        if (own.source, own.case) not in known:
            raise InputError(f"The case {own.case} of {own.source} is not in the data: give the folder of that run.")
    for failure in failures:
        own = failure.own
        image, labels = known[own.source, own.case].read()
        spacing = (image.spacing[0], image.spacing[1], image.spacing[2])
        reference = labels == own.label
        painted = paint(reference, own.axis, own.painted_slices)
        given = Painting(image.array, painted, own.painted_slices, spacing, own.axis)
        predicted = {name: methods[name].predict(given).labels for name in (own.method, failure.peer.method)}
        others = tuple(axis for axis in range(3) if axis != own.axis)
        wrong = (predicted[own.method] != reference).sum(others)
        wrong[~judged_slices(len(wrong), own.painted_slices)] = -1
        index = int(wrong.argmax())
        filled = np.flatnonzero(painted.any(others))
        nearest = int(filled[np.abs(filled - index).argmin()])
        yield FailedSlice(failure, image, reference, predicted, index, nearest)
