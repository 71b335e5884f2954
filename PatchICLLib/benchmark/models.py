"""The models that are compared, and the images that they are compared on."""

from pathlib import Path

import torch
from torch import Tensor

from PatchICLLib.cascade.universeg_in_context import UniverSegInContextConfiguration
from PatchICLLib.errors import InputError
from PatchICLLib.model_card import configuration_from, read_card
from PatchICLLib.presets import Configuration, preset
from PatchICLLib.weights import find_weights

MODELS = ("universeg", "paper", "sparse")


def benchmark_configuration(name: str, weights: str | Path | None = None) -> Configuration:
    """The configuration of a model under comparison.

    UniverSeg works at the images' own size, not at the 128 pixels that it was trained with.

    Args:
        name: of the preset.
        weights: name or file of weights whose configuration is compared if they are of this preset.

    Raises:
        InputError: unknown preset or weights.
    """
    kind = preset(name).configuration
    if weights is not None:
        card = read_card(find_weights(weights))
        if card["preset"] == name:
            return configuration_from(name, card["configuration"])
    return UniverSegInContextConfiguration(working_size=None) if name == "universeg" else kind()


def check_models(names: tuple[str, ...]) -> None:
    """Raises InputError if there is another name than those of MODELS."""
    unknown = [name for name in names if name not in MODELS]
    if unknown or not names:
        raise InputError(f"Models must be some of {', '.join(MODELS)}, but are {', '.join(names) or 'none'}.")


def example(size: int, context: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor, Tensor]:
    """A disc in noise: target (1, 1, S, S), context images and masks (1, k, S, S)."""
    generator = torch.Generator().manual_seed(0)
    places = (torch.arange(size) + 0.5) / size - 0.5
    distance = (places[:, None] ** 2 + places[None] ** 2).sqrt()
    radii = torch.linspace(0.2, 0.3, context + 1)
    masks = (distance[None] < radii[:, None, None]).float()
    images = masks + 0.3 * torch.randn(context + 1, size, size, generator=generator)
    return images[None, :1].to(device), images[None, 1:].to(device), masks[None, 1:].to(device)
