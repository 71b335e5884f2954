"""Which examples show a model what to segment: of the same case first, of others where there are too few."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from PatchICLLib.datasets.example import Example, stable_number


@dataclass(frozen=True)
class ContextRule:
    """How context is drawn (paper, section 4.1).

    Attributes:
        size: number of context pairs; the paper's text says 3 at evaluation and 5 at training.
        same_case_first: prefer other slices of the target's own case; if False its whole subject is left out. It always
            is where the target is a picture, which has no other slices.
        seed: of the draw.
    """

    size: int = 3
    same_case_first: bool = True
    seed: int = 0


class ContextPool:
    """Draws context for targets; the same for the same pool, target and rule, in whatever order targets come.

    Args:
        candidates: examples that may serve.
        rule: how they are drawn.
    """

    def __init__(self, candidates: Iterable[Example], rule: ContextRule) -> None:
        self.rule = rule
        self.by_task: dict[tuple[str, str, str], list[Example]] = defaultdict(list)
        for example in sorted(candidates):
            self.by_task[_task(example)].append(example)

    def draw(self, target: Example) -> list[Example]:
        """Context pairs for a target, of its structure and its plane; fewer than asked for if there are no more."""
        others = [e for e in self.by_task[_task(target)] if e.key != target.key]
        own = [e for e in others if e.subject == target.subject]
        foreign = [e for e in others if e.subject != target.subject]
        rng = np.random.default_rng([self.rule.seed, stable_number(target.key)])
        groups = [own, foreign] if self.rule.same_case_first and target.plane else [foreign]
        chosen: list[Example] = []
        for group in groups:
            count = min(len(group), self.rule.size - len(chosen))
            chosen += [group[i] for i in rng.choice(len(group), count, replace=False)] if count else []
        return chosen


def _task(example: Example) -> tuple[str, str, str]:
    return (example.dataset, example.label, example.plane)
