"""From a result to its candidates."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from PatchICLLib.propagation.candidates.choice import SPREAD, choose_answers
from PatchICLLib.propagation.candidates.part_sizes import SHIFTS, PartSizes
from PatchICLLib.propagation.candidates.uncertain_parts import Box, Planes, UncertainParts
from PatchICLLib.propagation.geometry.evidence import Evidence
from PatchICLLib.propagation.result.propagation_result import Candidate, PropagationResult


@dataclass(frozen=True, eq=False)
class Known:
    """What no candidate changes.

    Attributes:
        painted: (K, J, I) integers; voxels that are not 0 are exact.
        planes: of each label that was propagated (axis, index) of those on which it is exactly where it is painted;
            labels that are missing stay as they are.
        spacing: along k, j and i in mm.
        evidence: what else is known of voxels.
    """

    painted: np.ndarray
    planes: Planes
    spacing: Sequence[float]
    evidence: Evidence | None = None


def find_candidates(
    result: PropagationResult, known: Known, count: int, seed: int = 0, spread: float = SPREAD
) -> tuple[Candidate, ...]:
    """What else a result may be.

    Args:
        result: with its probability; of one layer.
        known: what stays.
        count: most candidates, the result among them; at least 1.
        seed: of random draws.
        spread: how much the logits of uncertain parts are off, as a standard deviation.

    Returns:
        The result's own labels first, then what is most probable. Probabilities add up to 1; one candidate where the
        model is not torn, or differences would not be seen.
    """
    assert result.probability is not None
    box: Box | None = result.box
    parts = UncertainParts.of(
        result.labels, result.probability, known.painted, known.planes, known.spacing, known.evidence, box
    )
    if not len(parts) or count < 2:
        return (Candidate(result.labels, 1.0),)
    sizes = PartSizes.of(parts, result.labels[box], known.painted[box])
    answers, probabilities = choose_answers(sizes, count, seed, spread)
    found = [result.labels]
    for answer in answers[1:]:
        inside = parts.logits + SHIFTS[answer][parts.parts] > 0
        labels = result.labels.copy()
        labels.reshape(-1)[parts.places] = np.where(inside, parts.labels, 0)
        found.append(labels)
    return tuple(Candidate(labels, float(p)) for labels, p in zip(found, probabilities, strict=True))


def joined_candidates(layers: Sequence[Sequence[Candidate]], count: int) -> tuple[Candidate, ...]:
    """Candidates of a painting in layers, which know nothing of each other, from those of each.

    Args:
        layers: at least one candidate of each layer, the result's own first.
        count: most candidates.

    Returns:
        (L, K, J, I) labels, the result's own first and then the most probable combinations; probabilities add up to 1.
    """
    numbers: list[tuple[tuple[int, ...], float]] = [((), 1.0)]
    for candidates in layers:
        longer = [
            ((*chosen, number), probability * candidate.probability)
            for (chosen, probability), (number, candidate) in product(numbers, enumerate(candidates))
        ]
        # the result's own stays first, whatever else is more probable
        numbers = [longer[0], *sorted(longer[1:], key=lambda one: -one[1])[: count - 1]]
    total = sum(probability for _, probability in numbers)
    return tuple(
        Candidate(np.stack([layer[n].labels for layer, n in zip(layers, chosen, strict=True)]), probability / total)
        for chosen, probability in numbers
    )
