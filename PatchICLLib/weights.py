"""Weights with their model card: `NAME.safetensors` and `NAME.json`, loaded without running any code, hash checked."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from PatchICLLib.errors import WeightsError
from PatchICLLib.outputs import Output, StagedFiles, stage_json, write_errors, write_json
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


def weights_file(weights: str | Path | None = None, preset_name: str | None = None) -> Path | None:
    """As `find_weights`, but None if there is none: to know what a command reads before it is loaded."""
    try:
        return find_weights(weights, preset_name)
    except (WeightsError, OSError, ValueError):
        return None


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
    write_json({**card, "calibration": calibration}, path.with_suffix(".json"))


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
    """Write `path` (.safetensors) and its model card, which appear together when both are complete.

    Args:
        model: with a frozen dataclass ``configuration``.
        path: of the weights.
        preset_name: of the model.
        card: what else the model card should say.

    Returns:
        The card as written.

    Raises:
        InputError: the files cannot be written; nothing was changed.
    """
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    configuration: Any = model.configuration
    with StagedFiles() as files, write_errors(path, SafetensorError):
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = files.path_for(path)
        safetensors.torch.save_file(state, staged)
        staged.chmod(0o644)  # safetensors makes it private
        stored = safetensors.torch.load_file(staged)
        if stored.keys() != state.keys() or not all(torch.equal(stored[name], state[name]) for name in state):
            raise OSError("what was stored differs")
        whole = {
            "preset": preset_name,
            "configuration": dataclasses.asdict(configuration),
            "parameters": sum(p.numel() for p in model.parameters()),
            "sha256": sha256_of(staged),
            **card,
        }
        stage_json(files, whole, path.with_suffix(".json"))
        files.commit()
    return whole


def weights_outputs(name: str, path: Path) -> list[Output]:
    """What `save_weights` will write to `path`; a model card there is replaced, any other file of its name not."""
    return [
        Output(name, path, (".safetensors",)),
        Output(f"The model card of {name}", path.with_suffix(".json"), recognised=_is_card),
    ]


def _is_card(path: Path) -> bool:
    try:
        read_card(path)
    except WeightsError:
        return False
    return True


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
