"""The models by name: `sparse` (ours, the default), `paper` (as published), `universeg` (the baseline)."""

from dataclasses import dataclass
from typing import Any

from torch import nn

from PatchICLLib.cascade.configuration import SparseConfiguration
from PatchICLLib.cascade.paper import PaperCascade, PaperConfiguration
from PatchICLLib.cascade.sparse import SparseCascade
from PatchICLLib.cascade.universeg_in_context import UniverSegInContext, UniverSegInContextConfiguration
from PatchICLLib.errors import InputError

Configuration = SparseConfiguration | PaperConfiguration | UniverSegInContextConfiguration


@dataclass(frozen=True)
class Preset:
    """A model's class and the class of its configuration, both of which can be made without arguments.

    All models are called alike: ``context = model.encode_context(images, masks, positions)``, then
    ``model(targets, context, hints, positions)``.
    """

    configuration: type[Any]
    model: type[nn.Module]


PRESETS: dict[str, Preset] = {
    "sparse": Preset(SparseConfiguration, SparseCascade),
    "paper": Preset(PaperConfiguration, PaperCascade),
    "universeg": Preset(UniverSegInContextConfiguration, UniverSegInContext),
}


def preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        InputError: there is none.
    """
    if name not in PRESETS:
        raise InputError(f"The preset must be one of {', '.join(PRESETS)}, but it is {name}.")
    return PRESETS[name]


def preset_of(configuration: Configuration) -> str:
    """Name of the preset that a configuration belongs to.

    Raises:
        InputError: it belongs to none.
    """
    for name, candidate in PRESETS.items():
        if isinstance(configuration, candidate.configuration):
            return name
    raise InputError(f"There is no preset for a configuration of type {type(configuration).__name__}.")


def build(configuration: Configuration) -> nn.Module:
    """An untrained model for a configuration, in training mode."""
    return PRESETS[preset_of(configuration)].model(configuration)
