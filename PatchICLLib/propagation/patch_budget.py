"""The same network with more or fewer patches per level: cost against detail, without training anew."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch


def with_patch_budget(model: torch.nn.Module, factor: float) -> torch.nn.Module:
    """A model that shares the weights of ``model`` and looks at ``factor`` times as many patches at every level.

    Args:
        model: a cascade, whose ``configuration`` holds the budgets of target and context.
        factor: above 0; a level keeps at least one patch, and takes no more than it has.
    """
    if factor == 1:
        return model
    configuration: Any = model.configuration

    def scaled(budget: Sequence[int]) -> tuple[int, ...]:
        return tuple(max(1, round(count * factor)) for count in budget)

    twin: Any = copy.copy(model)
    twin.configuration = replace(
        configuration,
        target_patches=scaled(configuration.target_patches),
        context_patches=scaled(configuration.context_patches),
    )
    return twin
