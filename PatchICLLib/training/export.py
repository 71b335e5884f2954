"""From a training run to weights that can be loaded: averaged, with a model card."""

from pathlib import Path
from typing import Any

from PatchICLLib.presets import build, preset_of
from PatchICLLib.training.checkpoint import Checkpoint
from PatchICLLib.training.recipe import Recipe
from PatchICLLib.weights import save_weights


def export(checkpoint: Checkpoint, recipe: Recipe, path: Path, card: dict[str, Any], bits: int = 32) -> dict[str, Any]:
    """Write the averaged weights of a checkpoint.

    Args:
        checkpoint: of the run.
        recipe: of the run.
        path: weights file to write, `.safetensors`.
        card: what the model card says beside preset, configuration, recipe and hash.
        bits: that a number is stored in, see ``save_weights``.

    Returns:
        The model card.
    """
    model = build(recipe.model)
    model.load_state_dict(checkpoint.average)
    whole = {"recipe": checkpoint.recipe, "steps": checkpoint.step, **card}
    return save_weights(model, path, preset_of(recipe.model), whole, bits)
