"""Weights with their model card: `NAME.safetensors` and `NAME.json`, loaded without running any code, hash checked."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import nn

from PatchICLLib.errors import WeightsError
from PatchICLLib.presets import Configuration, build, preset
from PatchICLLib.resources import ResourceError, resource_path

BUNDLED = {"sparse": "sparse-5", "universeg": "universeg-2"}  # name of the weights that ship, by preset
DEFAULT_PRESET = "sparse"


@dataclass(frozen=True)
class Pretrained:
    """A model with its weights, in evaluation mode.

    Attributes:
        model: called like the cascades.
        name: of the weights.
        preset: name of the preset.
        sha256: of the weights file.
        card: the model card.
    """

    model: nn.Module
    name: str
    preset: str
    sha256: str
    card: dict[str, Any]

    @property
    def temperature(self) -> float:
        """What logits are divided by before they become probabilities; fitted by ``patchicl evaluate calibration``."""
        return float(self.card.get("calibration", {}).get("temperature", 1.0))

    def provenance(self) -> dict[str, str]:
        return {"name": self.name, "preset": self.preset, "sha256": self.sha256}


def sha256_of(path: Path) -> str:
    """Hash of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def find_weights(weights: str | Path | None = None, preset_name: str | None = None) -> Path:
    """The weights file for a bundled name or a path; the bundled one of the preset if None.

    Raises:
        WeightsError: there is no such file.
    """
    if weights is None:
        name = preset_name or DEFAULT_PRESET
        preset(name)
        if name not in BUNDLED:
            raise WeightsError(f"No weights ship for the preset {name}: train some and name their file.")
        weights = BUNDLED[name]
    path = Path(weights)
    if path.suffix == ".safetensors" or path.is_file():
        if not path.is_file():
            raise WeightsError(f"There is no weights file {path}.")
        return path
    try:
        return resource_path(f"Weights/{weights}.safetensors")
    except ResourceError as error:
        known = ", ".join(sorted(BUNDLED.values()))
        raise WeightsError(f"There are no weights {weights}: give a .safetensors file or one of {known}.") from error


def read_card(path: Path) -> dict[str, Any]:
    """The model card beside a weights file.

    Raises:
        WeightsError: missing or unreadable.
    """
    card_path = path.with_suffix(".json")
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(f"The model card {card_path} is missing; it belongs beside {path.name}.") from error
    except (OSError, ValueError) as error:
        raise WeightsError(f"The model card {card_path} cannot be read ({error}); get both files again.") from error
    if (
        not isinstance(card, dict)
        or not {"preset", "configuration", "sha256"} <= card.keys()
        or not isinstance(card["configuration"], dict)
    ):
        raise WeightsError(f"The model card {card_path} lacks preset, configuration or sha256; get both files again.")
    _check_calibration(card.get("calibration", {}), card_path)
    return card


def _check_calibration(calibration: Any, card_path: Path) -> None:
    temperature = calibration.get("temperature", 1.0) if isinstance(calibration, dict) else None
    if isinstance(temperature, bool) or not isinstance(temperature, int | float) or not 0 < temperature < 1000:
        raise WeightsError(f"The model card {card_path} gives a temperature that is no positive number; get it again.")


def write_calibration(path: Path, calibration: dict[str, Any]) -> None:
    """Say in the model card beside a weights file how its probabilities are calibrated.

    Args:
        path: of the weights.
        calibration: with ``temperature``, above 0.

    Raises:
        WeightsError: the card cannot be read, or the temperature is no positive number.
    """
    card = read_card(path)
    _check_calibration(calibration, path.with_suffix(".json"))
    text = path.with_suffix(".json.part")
    text.write_text(json.dumps({**card, "calibration": calibration}, indent=2) + "\n", encoding="utf-8")
    os.replace(text, path.with_suffix(".json"))


def load_weights(weights: str | Path | None = None, preset_name: str | None = None, device: Any = "cpu") -> Pretrained:
    """A pretrained model.

    Args:
        weights: name of bundled weights, a .safetensors file with its model card beside it, or None for the default.
        preset_name: the preset that the weights must be of; None for any.
        device: torch device.

    Raises:
        WeightsError: missing, damaged or of another preset.
    """
    path = find_weights(weights, preset_name)
    card = read_card(path)
    if preset_name is not None and card["preset"] != preset_name:
        raise WeightsError(f"The weights {path.name} are of the preset {card['preset']}, not {preset_name}.")
    digest = sha256_of(path)
    if digest != card["sha256"]:
        raise WeightsError(
            f"The weights file {path} is damaged: its sha256 starts with {digest[:12]}, its model card says "
            f"{card['sha256'][:12]}; get the file again."
        )
    configuration = configuration_from(card["preset"], card["configuration"])
    try:
        model = build(configuration)
    except ValueError as error:
        raise WeightsError(
            f"The model card's configuration does not fit the preset {card['preset']}: {error}; get both files again."
        ) from error
    try:
        model.load_state_dict(safetensors.torch.load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise WeightsError(f"The weights file {path} does not fit the preset {card['preset']}: {error}") from error
    return Pretrained(model.to(device).eval(), path.stem, card["preset"], digest, card)


def save_weights(model: nn.Module, path: Path, preset_name: str, card: dict[str, Any]) -> dict[str, Any]:
    """Write `path` (.safetensors) and its model card, each completed aside and moved into place.

    Args:
        model: with a frozen dataclass ``configuration``.
        path: of the weights.
        preset_name: of the model.
        card: what else the model card should say.

    Returns:
        The card as written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    safetensors.torch.save_file(state, unfinished)
    configuration: Any = model.configuration
    whole = {
        "preset": preset_name,
        "configuration": dataclasses.asdict(configuration),
        "parameters": sum(p.numel() for p in model.parameters()),
        "sha256": sha256_of(unfinished),
        **card,
    }
    unfinished.chmod(0o644)  # safetensors makes it private
    text = path.with_suffix(".json.part")
    text.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    os.replace(unfinished, path)
    os.replace(text, path.with_suffix(".json"))
    return whole


def configuration_from(preset_name: str, values: dict[str, Any]) -> Configuration:
    """A preset's configuration from the plain values of a model card.

    Raises:
        WeightsError: values that the configuration does not know.
    """
    try:
        return _dataclass_from(preset(preset_name).configuration, values)
    except TypeError as error:
        raise WeightsError(f"The model card's configuration does not fit the preset {preset_name}: {error}.") from error


def _dataclass_from(kind: type[Any], values: dict[str, Any]) -> Any:
    defaults = {f.name: f.default for f in dataclasses.fields(kind) if f.default is not dataclasses.MISSING}
    arguments = {}
    for name, value in values.items():
        default = defaults.get(name)
        if isinstance(value, list):
            value = tuple(tuple(v) if isinstance(v, list) else v for v in value)
        elif isinstance(value, dict) and dataclasses.is_dataclass(default):
            value = _dataclass_from(type(default), value)
        arguments[name] = value
    return kind(**arguments)
