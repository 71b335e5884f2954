"""The product with a library of other subjects, whoever is segmented left out; and what averaging alone is worth."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from PatchICLLib.datasets.cases import Case, Structure, stable_hash
from PatchICLLib.datasets.subjects import other_subjects
from PatchICLLib.evaluation.methods import Engine, NetworkMethod, Painting, PredictedStructure, propagated
from PatchICLLib.evaluation.report import WITH_LIBRARY
from PatchICLLib.library import Filled, Library
from PatchICLLib.library import Structure as KnownStructure

_INSIDE = 0.5


@dataclass(frozen=True)
class LibraryMethod:
    """The product with a library of some other subjects of the same source, training cases among them.

    Attributes:
        propagator: with its network.
        identity: of the weights.
        count: subjects, at most; fewer, or none, where there are no more.
        cases: all there are.
        target: who is segmented; see `on`.
    """

    propagator: Engine
    identity: str
    count: int
    cases: tuple[Case, ...]
    target: tuple[Case, Structure] | None = None

    @property
    def name(self) -> str:
        return f"{WITH_LIBRARY}{self.count}"

    def on(self, case: Case, structure: Structure) -> LibraryMethod:
        """The same for one structure, whose subject is left out."""
        return replace(self, target=(case, structure))

    def predict(self, given: Painting) -> PredictedStructure:
        assert self.target is not None
        case, structure = self.target
        with tempfile.TemporaryDirectory() as folder:
            library = self._library(Path(folder) / "library", case, structure)
            if not library.cases:
                return self._alone(given)
            return propagated(
                self.propagator,
                *given.arguments,
                **given.options,
                direction=np.reshape(case.read()[0].direction, (3, 3)),
                library=library,
                match={1: library.structures[0].label},
            )

    def _alone(self, given: Painting) -> PredictedStructure:
        """Where no other subject shows the structure: the product without a library, which needs something painted."""
        if not given.slices:
            return PredictedStructure(given.painted == 1, None, None, 0.0)
        return NetworkMethod(self.name, self.propagator, self.identity).predict(given)

    def _library(self, folder: Path, case: Case, structure: Structure) -> Library:
        library = Library.open(folder, may_be_new=True)
        for other in subjects_beside(case, structure, self.cases):
            image, labels = other.read()
            if (labels == structure.label).any():
                known = KnownStructure(structure.label, f"structure {structure.name}")
                library.add(image.array, labels, image.grid, [known], Filled("imported"))
            if len(library.cases) == self.count:
                break
        return library


def subjects_beside(case: Case, structure: Structure, cases: Sequence[Case]) -> list[Case]:
    """Other subjects with the structure, in an order that is drawn by their names, the same in every run."""
    return sorted(other_subjects(case, structure.label, cases), key=lambda other: stable_hash(other, structure))


@dataclass(frozen=True)
class AveragedMethod:
    """The control: the product's probabilities averaged with those without hints, of the painted slices alone.

    Attributes:
        propagator: with its network.
        identity: of the weights.
    """

    propagator: Engine
    identity: str
    name: str = "averaged-without-library"

    def predict(self, given: Painting) -> PredictedStructure:
        both = [
            NetworkMethod(self.name, self.propagator, self.identity, prior).predict(given) for prior in (True, False)
        ]
        probabilities = [one.probability for one in both if one.probability is not None]
        mean = np.asarray(np.mean(probabilities, axis=0, dtype=np.float32))
        return PredictedStructure(np.asarray(mean > _INSIDE), mean, None, sum(one.seconds for one in both))
