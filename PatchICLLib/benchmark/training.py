"""Floating point operations of a training by one of the recipes."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from PatchICLLib.benchmark.flops import count_flops
from PatchICLLib.cascade.hint_channels import Hints
from PatchICLLib.errors import InputError
from PatchICLLib.presets import build
from PatchICLLib.training.loss import cascade_loss, recital_loss
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
        for shape, share in shapes[name].items():
            mean += share * step_flops(model, recipe, *shape)
            done += 1
            progress(done, total)
        record = {"recipe": name, "steps": recipe.steps, "gflops": mean / 1e9, "tflops": mean * recipe.steps / 1e12}
        records.append(record)
    return records


def step_flops(model: nn.Module, recipe: Recipe, size: int, targets: int, context: int, recite: bool = False) -> int:
    """Operations of a step, forward and backward, on a batch of one of the recipe's shapes.

    Args:
        model: of the recipe.
        recipe: says how many tasks a batch has.
        size: side of the images in pixels.
        targets, context: images of each task.
        recite: the step has a recital.
    """
    images = torch.randn(recipe.plan.tasks, context, size, size)
    queries = torch.randn(recipe.plan.tasks * targets, 1, size, size)
    masks, asked = (images > 0).float(), {"recite": True} if recite else {}
    noise = torch.Generator().manual_seed(0)

    def step() -> None:
        encoded = model.encode_context(images, masks, None, noise)  # type: ignore[operator]
        output = model(queries, encoded, Hints.none(queries), None, noise, **asked)
        loss = cascade_loss(output, (queries > 0).float())
        (loss + recital_loss(output, masks) if recite else loss).backward()

    return count_flops(step, gradients=True)


def _shapes(recipe: Recipe) -> dict[tuple[int, int, int, bool], float]:
    """Size, targets and context images of a batch, and whether it has a recital, with their share of all batches."""
    contexts = Counter(recipe.plan.contexts)
    stages = Counter((recipe.plan.sizes_at(step), step < recipe.recital) for step in range(recipe.steps))
    return {
        (size, targets, k, recite): share * count / contexts.total() * steps / recipe.steps
        for (offered, recite), steps in stages.items()
        for size, targets, share in offered
        for k, count in contexts.items()
    }
