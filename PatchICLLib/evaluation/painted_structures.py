"""Every structure of some cases, painted with its reference in every way that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from PatchICLLib.datasets.cases import Case
from PatchICLLib.evaluation.protocol import paint, painted_positions
from PatchICLLib.evaluation.runner import Settings, structures_by_case


@dataclass(frozen=True, eq=False)
class PaintedStructure:
    """A structure, painted.

    Attributes:
        case: it is of.
        name, label: of the structure.
        image: (K, J, I) of the case.
        spacing: (sk, sj, si) in mm.
        reference: (K, J, I) bool.
        axis: of the slices.
        k, placement: how many are painted, and where.
        slices: that are painted.
        painted: (K, J, I), 0 where nothing is painted.
    """

    case: Case
    name: str
    label: int
    image: np.ndarray
    spacing: tuple[float, float, float]
    reference: np.ndarray
    axis: int
    k: int
    placement: str
    slices: tuple[int, ...]
    painted: np.ndarray


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
                        yield PaintedStructure(
                            case, structure.name, structure.label, image.array, image.spacing_kji, reference, axis, k,
                            placement, tuple(slices), painted,
                        )  # fmt: skip
