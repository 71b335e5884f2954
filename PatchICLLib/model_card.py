"""The model card beside weights: what the network is, and everything else that decides what it gives. Checked whole."""

import dataclasses
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from PatchICLLib.allowed_values import from_plain
from PatchICLLib.errors import WeightsError
from PatchICLLib.outputs import write_json
from PatchICLLib.presets import PRESETS, Configuration, preset

_MOST_BYTES = 4 << 20
_TEMPERATURES = 0.01, 100.0
_AGAIN = "get both files again"


def card_path(weights: Path) -> Path:
    """Where the model card of a weights file lies."""
    return weights.with_suffix(".json")


def read_card(weights: Path) -> dict[str, Any]:
    """The model card beside a weights file: known preset, configuration in its ranges, checksum right.

    Raises:
        WeightsError: missing, unreadable, or wrong in any of this.
    """
    path = card_path(weights)
    card = _read(path, weights)
    if (
        not isinstance(card, dict)
        or not {"preset", "configuration", "sha256"} <= card.keys()
        or not isinstance(card["configuration"], dict)
    ):
        raise WeightsError(f"The model card {path} lacks preset, configuration or sha256; {_AGAIN}.")
    if not isinstance(card["preset"], str) or card["preset"] not in PRESETS:
        known = ", ".join(PRESETS)
        shown = ascii(card["preset"])[:40]
        raise WeightsError(f"The preset of the model card {path} must be one of {known}, but it is {shown}; {_AGAIN}.")
    if not isinstance(card["sha256"], str) or not re.fullmatch("[0-9a-f]{64}", card["sha256"]):
        raise WeightsError(f"The model card {path} has no sha256 of its weights; {_AGAIN}.")
    configuration_from(card["preset"], card["configuration"])
    check_calibration(card.get("calibration", {}), path)
    if not isinstance(card.get("figures", {}), dict):
        raise WeightsError(f"The model card {path} has figures that are none; {_AGAIN}.")
    if "checksum" not in card:
        raise WeightsError(
            f"The model card {path} has no checksum, as those of versions before 0.2: whether it was changed cannot be "
            "told; export the weights again with `patchicl train --export`."
        )
    if card["checksum"] != checksum(card):
        raise WeightsError(f"The model card {path} was changed after it was written: its checksum is wrong; {_AGAIN}.")
    return card


def _read(path: Path, weights: Path) -> Any:
    try:
        if path.exists() and not path.is_file():
            raise WeightsError(f"The model card {path} is no file; {_AGAIN}.")
        if path.exists() and path.stat().st_size > _MOST_BYTES:
            raise WeightsError(f"The model card {path} is larger than any; {_AGAIN}.")
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(f"The model card {path} is missing; it belongs beside {weights.name}.") from error
    except (OSError, ValueError) as error:
        raise WeightsError(f"The model card {path} cannot be read ({error}); {_AGAIN}.") from error
    except RecursionError as error:
        raise WeightsError(f"The model card {path} cannot be read (too deep); {_AGAIN}.") from error


def configuration_from(preset_name: str, values: dict[str, Any]) -> Configuration:
    """A preset's configuration from the plain values of a model card.

    Raises:
        WeightsError: values that the configuration does not know, that are out of range or do not fit each other.
    """
    try:
        configuration: Configuration = from_plain(preset(preset_name).configuration, values)
        configuration.check()
    except ValueError as error:
        said = f"The model card's configuration does not fit the preset {preset_name}"
        raise WeightsError(f"{said}: {error}; {_AGAIN}.") from error
    return configuration


def check_calibration(calibration: Any, path: Path) -> None:
    """Raises WeightsError unless the temperature in it, if there is one, is a number that probabilities survive."""
    temperature = calibration.get("temperature", 1.0) if isinstance(calibration, dict) else None
    least, most = _TEMPERATURES
    if isinstance(temperature, bool) or not isinstance(temperature, int | float) or not least <= temperature <= most:
        raise WeightsError(
            f"The model card {path} gives a temperature that is no number from {least:g} to {most:g}; {_AGAIN}."
        )


def temperature_of(card: dict[str, Any]) -> float:
    """What logits are divided by before they become probabilities."""
    return float(card.get("calibration", {}).get("temperature", 1.0))


def checksum(card: dict[str, Any]) -> str:
    """Over all that decides what a network gives: preset, configuration, weights, temperature. Not over the rest.

    Args:
        card: which has been checked.

    Returns:
        SHA-256 in hexadecimal, the same however the values are written.
    """
    configuration = dataclasses.asdict(configuration_from(card["preset"], card["configuration"]))
    content = [card["preset"], configuration, card["sha256"], temperature_of(card)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("ascii")).hexdigest()


def sealed(card: dict[str, Any]) -> dict[str, Any]:
    """The card with its checksum."""
    rest = {name: value for name, value in card.items() if name != "checksum"}
    return {**rest, "checksum": checksum(rest)}


def write_calibration(weights: Path, calibration: dict[str, Any]) -> None:
    """Say in the model card beside a weights file how its probabilities are calibrated.

    Args:
        weights: the file.
        calibration: with ``temperature``, 0.01 to 100.

    Raises:
        WeightsError: the card cannot be read, or the temperature is no such number.
    """
    card = read_card(weights)
    check_calibration(calibration, card_path(weights))
    write_json(sealed({**card, "calibration": calibration}), card_path(weights))
