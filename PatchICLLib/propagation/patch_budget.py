"""The same network with more or fewer patches per level: cost against detail, without training anew."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from PatchICLLib.cascade.configuration import SparseConfiguration
from PatchICLLib.cascade.sparse import SparseCascade
from PatchICLLib.propagation.painted_context import FINE_SIZES, SIZES

_TARGET, _CONTEXT = 3.0, 1.5  # patches of a fine level, at least, for each patch that fits along its side


def for_propagation(model: torch.nn.Module, factor: float = 1.0) -> torch.nn.Module:
    """A model that shares the weights of ``model`` and looks at slices as a propagation wants it to.

    Levels finer than the usual inputs follow the uncertain outline, which is the longer in patches the smaller these
    are: they get as many as that takes, and are told to be of the finest resolution that training showed.

    Args:
        model: a cascade, whose ``configuration`` holds the budgets of target and context.
        factor: above 0, times as many patches at every level; a level keeps at least one, and takes no more than it
            has.
    """
    if isinstance(model, SparseCascade):
        finer = copy.copy(model)
        finer.configuration, finer.finest_told = _finely(model.configuration), SIZES[-1]
        model = finer
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


def _finely(configuration: SparseConfiguration) -> SparseConfiguration:
    levels = configuration.resolutions(FINE_SIZES[-1])

    def budget(patches: tuple[int, ...], share: float) -> tuple[int, ...]:
        usual = [configuration.budget(patches, number) for number in range(len(levels))]
        fine = [round(share * side / configuration.patch_size) if side > SIZES[-1] else 0 for side in levels]
        return tuple(max(both) for both in zip(usual, fine, strict=True))

    return replace(
        configuration,
        target_patches=budget(configuration.target_patches, _TARGET),
        context_patches=budget(configuration.context_patches, _CONTEXT),
    )
