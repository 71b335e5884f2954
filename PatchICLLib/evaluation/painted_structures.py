"""Every structure of some cases, painted with its reference in every way that is asked for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from PatchICLLib.datasets.cases import Case
from PatchICLLib.evaluation.methods import Painting
from PatchICLLib.evaluation.protocol import paint, painted_positions
from PatchICLLib.evaluation.runner import Settings, structures_by_case


@dataclass(frozen=True, eq=False)
class PaintedStructure:
    """A structure, painted.

    Attributes:
        case: it is of.
        name, label: of the structure.
        reference: (K, J, I) bool.
        k, placement: how many slices are painted, and where.
        given: the scan with these slices.
    """

    case: Case
    name: str
    label: int
    reference: np.ndarray
    k: int
    placement: str
    given: Painting


def painted_structures(
    cases: Sequence[Case], settings: Settings, progress: Callable[[int, int, str], None] | None = None
) -> Iterator[PaintedStructure]:
    """For each structure, k and placement; not those of which a painted slice shows nothing, for instance holes."""
    by_case = structures_by_case(cases, settings)
    total = len(settings.ks) * len(settings.placements) * sum(len(structures) for _, structures in by_case.values())
    done = 0
    for case, (axis, structures) in by_case.items():
        image, labels = case.read()
        for structure in structures:
            reference = labels == structure.label
            for k in settings.ks:
                for placement in settings.placements:
                    if progress is not None:
                        progress(done, total, f"{case.name}, {structure.name}: {placement} {k}")
                    done += 1
                    slices = painted_positions(structure.first, structure.last, k, placement)
                    painted = paint(reference, axis, slices)
                    if painted.any():
                        given = Painting(image.array, painted, slices, image.spacing_kji, axis)
                        yield PaintedStructure(case, structure.name, structure.label, reference, k, placement, given)
