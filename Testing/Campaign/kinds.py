"""The kinds of faults by name, as their makers enter themselves."""

from collections.abc import Callable

import numpy as np

from Testing.Campaign.runner import Fault
from Testing.Campaign.world import World

Maker = Callable[[np.random.Generator, World], Fault]
KINDS: dict[str, tuple[Maker, float]] = {}  # by name, with its weight


def kind(weight: float = 1.0) -> Callable[[Maker], Maker]:
    def register(maker: Maker) -> Maker:
        KINDS[maker.__name__] = (maker, weight)
        return maker

    return register
