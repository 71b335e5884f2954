"""What adapted weights gain: the case that was left out, filled without and with them."""

from dataclasses import dataclass, replace

import torch

from PatchICLLib.adaptation.schedule import Show
from PatchICLLib.leaving_out.scores import Trial, scores
from PatchICLLib.library import CaseEntry, Library
from PatchICLLib.propagation import CancelToken, Propagator
from PatchICLLib.propagation.subjects.adapted import LEAST_PAINTED, Adapted
from PatchICLLib.weights import Pretrained


@dataclass(frozen=True)
class Gain:
    """Attributes: structure: its label; before, after: Dice on the case that was left out, without and with."""

    structure: int
    before: float
    after: float

    @property
    def gain(self) -> float:
        return self.after - self.before


@dataclass(frozen=True)
class TheseWeights:
    """Weights that are used whatever the library. Attributes: adapted: them."""

    adapted: Adapted

    def of(self, _library: Library) -> Adapted:
        return self.adapted


def measured_gains(
    library: Library,
    left_out: CaseEntry,
    base: Pretrained,
    model: torch.nn.Module,
    device: torch.device,
    show: Show,
    token: CancelToken,
) -> tuple[Gain, ...]:
    """Of the structures of the case that was left out, with all others as library, as the product would fill it."""
    labels = [label for label in left_out.structures if len(library.cases_with(label)) > 1]
    trials = [Trial(left_out, label, LEAST_PAINTED) for label in labels]
    adapted = Adapted(replace(base, model=model.eval()), frozenset(labels))
    engines = Propagator(base, device), Propagator(base, device, TheseWeights(adapted))
    known: tuple[dict[int, float], ...] = ({}, {})  # Dice of each structure, without and with
    for number, engine in enumerate(engines):
        for done, score in enumerate(scores(engine, library, trials, token, without=False)):
            show("Measuring", number * len(trials) + done + 1, 2 * len(trials))
            if score is not None:
                known[number][score.structure] = score.library
    before, after = known
    return tuple(Gain(label, before[label], after[label]) for label in before)
