"""Weights that went on learning from a library's cases: used for what gained by it, painted on three slices or more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from PatchICLLib.errors import WeightsError
from PatchICLLib.library import Library
from PatchICLLib.library.adapted_weights import CARD_KEY, WEIGHTS_FILE
from PatchICLLib.model_card import card_path, read_card
from PatchICLLib.propagation.memory import ResultMemory
from PatchICLLib.weights import Pretrained, load_weights

LEAST_GAIN = 0.005  # of Dice, on a case that was left out
LEAST_PAINTED = 3  # slices: with one it is chance whether a few steps of training help
BASE_KEY, GAINS_KEY = "adapted_from", "gains"  # of a model card


@dataclass(frozen=True, eq=False)
class Adapted:
    """Attributes: pretrained: with its model; structures: labels in the library that gained; memory: of its results."""

    pretrained: Pretrained
    structures: frozenset[int]
    memory: ResultMemory = field(default_factory=ResultMemory)


class AdaptedWeights(Protocol):
    def of(self, library: Library) -> Adapted | None:
        """Those of a library; None if there are none to use."""


class StoredWeights:
    """Those that lie in libraries' folders, loaded when they are first needed; the last ones are kept.

    Args:
        base: what must have been adapted.
        device: of the models.
    """

    def __init__(self, base: Pretrained, device: torch.device) -> None:
        self.base, self.device = base, device
        self._last: tuple[Path, str, frozenset[int], Adapted] | None = None

    def of(self, library: Library) -> Adapted | None:
        """None also if they were adapted from others, or saw cases that the library does not have.

        Raises:
            WeightsError: they are damaged.
        """
        path = library.adapted / WEIGHTS_FILE
        if not path.is_file():
            return None
        card = read_card(path)
        base, seen, gains = _adaptation(card, path)
        gained = gained_structures(gains)
        if base != self.base.sha256 or not seen <= {case.number for case in library.cases} or not gained:
            return None
        if self._last is None or self._last[:3] != (path, card["sha256"], gained):
            loaded = Adapted(load_weights(path, self.base.preset, self.device), gained)
            self._last = path, card["sha256"], gained, loaded
        return self._last[3]


def gained_structures(gains: Mapping[int, float]) -> frozenset[int]:
    """Labels of structures whose Dice rose by more than ``LEAST_GAIN``."""
    return frozenset(label for label, gain in gains.items() if gain > LEAST_GAIN)


def _adaptation(card: Mapping[str, Any], path: Path) -> tuple[str, set[int], dict[int, float]]:
    """Checksum of what was adapted, numbers of the cases that were seen, gain by label."""
    try:
        gains = {int(label): float(gain) for label, gain in card[GAINS_KEY].items()}
        return str(card[BASE_KEY]["sha256"]), {int(number) for number in card[CARD_KEY]}, gains
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError(
            f"The model card {card_path(path)} does not say what was adapted, or what it gained: run "
            "`patchicl library adapt` again, or delete both files."
        ) from error
