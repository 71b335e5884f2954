"""Made-up patients: a bright kidney-like ellipsoid with a dark core, beside a dimmer ball, in noise."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from PatchICLLib.images import Grid
from PatchICLLib.library import Filled, Library, Structure
from PatchICLLib.propagation.subjects.finished_structure import FinishedStructure

SHAPE = (26, 44, 40)
SPACING = (2.0, 1.0, 1.0)
ORGAN = Structure(1, "Organ")  # which has the label 1 in a new library


@dataclass(frozen=True, eq=False)
class Patient:
    """Attributes: image (K, J, I); organ (K, J, I) bool; spacing; direction (3, 3) as ITK has it."""

    image: np.ndarray
    organ: np.ndarray
    spacing: tuple[float, float, float] = SPACING
    direction: np.ndarray = field(default_factory=lambda: np.eye(3))

    @classmethod
    def of(
        cls, seed: int, scale: float = 1.0, moved: tuple[float, float, float] = (0, 0, 0), core_only: bool = False
    ) -> Patient:
        """A patient whose organs are so much larger, and moved by millimetres; the core may be all that is drawn."""
        rng = np.random.default_rng(seed)
        middle = np.array(SHAPE) * SPACING / 2
        points = np.stack(
            np.meshgrid(*(np.arange(n) * s for n, s in zip(SHAPE, SPACING, strict=True)), indexing="ij"), -1
        )
        at = (points - middle - moved) / scale

        def distance(center: tuple[float, float, float], radii: tuple[float, float, float]) -> np.ndarray:
            return np.asarray((((at - center) / radii) ** 2).sum(-1))

        organ = distance((0, -3, 2), (13, 9, 6)) < 1
        core = distance((0, -3, 0), (7, 4, 2)) < 1
        ball = distance((-4, 10, -6), (6, 5, 5)) < 1
        image = 20 + 60 * organ - 20 * core + 30 * ball + rng.normal(0, 4, SHAPE)
        return cls(image.astype(np.float32), core if core_only else organ)

    def stored(self, axes: tuple[int, int, int], mirrored: tuple[bool, bool, bool]) -> Patient:
        """The same patient, stored in another order and direction of array axes."""
        steps = tuple(slice(None, None, -1 if m else None) for m in mirrored)
        image, organ = (np.ascontiguousarray(x.transpose(axes)[steps]) for x in (self.image, self.organ))
        columns = self.direction[:, ::-1]  # of k, j, i
        turned = columns[:, list(axes)] * np.where(mirrored, -1, 1)
        first, second, third = (self.spacing[a] for a in axes)
        return Patient(image, organ, (first, second, third), np.ascontiguousarray(turned[:, ::-1]))

    @property
    def finished(self) -> FinishedStructure:
        return FinishedStructure(self.image, self.organ, self.spacing)

    def added_to(self, library: Library) -> int:
        labels = self.organ.astype(np.uint8) * ORGAN.label
        grid = Grid(self.image.shape, self.spacing, (0.0, 0.0, 0.0), tuple(self.direction.ravel().tolist()))
        return library.add(self.image, labels, grid, [ORGAN], Filled("imported")).number


def library_of(folder: Path, *patients: Patient) -> Library:
    """A new library of some patients, in their order."""
    made = Library.open(folder, may_be_new=True)
    for one in patients:
        one.added_to(made)
    return made


ORDERS = [
    (axes, mirrored)
    for axes in itertools.permutations(range(3))
    for mirrored in itertools.product((False, True), repeat=3)
]
