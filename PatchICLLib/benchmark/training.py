"""Floating point operations of a training by one of the recipes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from PatchICLLib.benchmark.flops import count_flops
from PatchICLLib.cascade.hint_channels import Hints
from PatchICLLib.errors import InputError
from PatchICLLib.presets import build
from PatchICLLib.training.loss import cascade_loss
from PatchICLLib.training.recipe import RECIPES, Recipe


def measure_training(
    recipes: Sequence[str], progress: Callable[[int, int], None] = lambda done, total: None
) -> list[dict[str, Any]]:
    """Operations of a mean step, and of all steps.

    Args:
        recipes: names of recipes, see `patchicl train --recipe`.
        progress: called with the number of finished shapes of batches and their total.

    Returns:
        A record for each recipe, with recipe, steps, gflops (of a mean step, forward and backward) and tflops (of all).

    Raises:
        InputError: unknown recipe.
    """
    unknown = [name for name in recipes if name not in RECIPES]
    if unknown or not recipes:
        raise InputError(f"Recipes must be some of {', '.join(RECIPES)}, but are {', '.join(recipes) or 'none'}.")
    shapes = {name: _shapes(RECIPES[name]) for name in recipes}
    total, done = sum(len(shares) for shares in shapes.values()), 0
    records = []
    for name in recipes:
        recipe = RECIPES[name]
        model = build(recipe.model)
        mean = 0.0
        for (size, context), share in shapes[name].items():
            mean += share * step_flops(model, recipe, size, context)
            done += 1
            progress(done, total)
        record = {"recipe": name, "steps": recipe.steps, "gflops": mean / 1e9, "tflops": mean * recipe.steps / 1e12}
        records.append(record)
    return records


def step_flops(model: nn.Module, recipe: Recipe, size: int, context: int) -> int:
    """Operations of a step, forward and backward, on a batch of one of the recipe's shapes.

    Args:
        model: of the recipe.
        recipe: says how many tasks and targets a batch has.
        size: side of the images in pixels.
        context: context images of each task.
    """
    plan = recipe.plan
    images = torch.randn(plan.tasks, context, size, size)
    targets = torch.randn(plan.tasks * plan.targets_at(size), 1, size, size)
    noise = torch.Generator().manual_seed(0)

    def step() -> None:
        encoded = model.encode_context(images, (images > 0).float(), None, noise)  # type: ignore[operator]
        output = model(targets, encoded, Hints.none(targets), None, noise)
        cascade_loss(output, (targets > 0).float()).backward()

    return count_flops(step, gradients=True)


def _shapes(recipe: Recipe) -> dict[tuple[int, int], float]:
    """Size and number of context images of a batch, with their share of all batches."""
    sizes, contexts = recipe.plan.sizes, Counter(recipe.plan.contexts)
    whole = sum(share for _, share in sizes) * sum(contexts.values())
    return {(size, k): share * count / whole for size, share in sizes for k, count in contexts.items()}
