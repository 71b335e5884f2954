"""Loads the official weights file of UniverSeg, as its authors distribute it, without running any pickled code."""

from pathlib import Path

import torch

from PatchICLLib.errors import WeightsError
from PatchICLLib.universeg.network import UniverSeg

OFFICIAL_NAME = "universeg_v1_nf64_ss64_STA.pt"


def load_official_weights(path: str | Path) -> UniverSeg:
    """A UniverSeg with the weights of a file such as ``universeg_v1_nf64_ss64_STA.pt``.

    Args:
        path: file with a dictionary of the 44 tensors (``enc_blocks.0.cross.cross_conv.weight`` ...), or a dictionary
            that holds it under ``state_dict`` or ``model``.

    Returns:
        The network on the CPU, in evaluation mode.

    Raises:
        WeightsError: if the file is missing, is no tensor file, or holds other tensors than UniverSeg's.
    """
    path = Path(path)
    network = UniverSeg()
    tensors = _read(path)
    expected = network.state_dict()
    missing = sorted(expected.keys() - tensors.keys())
    surplus = sorted(tensors.keys() - expected.keys())
    if missing or surplus:
        raise WeightsError(
            f"'{path.name}' does not hold UniverSeg's {len(expected)} tensors: {len(missing)} are missing"
            f"{_example(missing)}, {len(surplus)} are unknown{_example(surplus)}; give the file {OFFICIAL_NAME}."
        )
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape:
            raise WeightsError(
                f"'{path.name}' is made for another network: {name} must have shape {tuple(expected[name].shape)}, "
                f"but has {tuple(tensor.shape)}; give the file {OFFICIAL_NAME}."
            )
        if not torch.isfinite(tensor).all():
            raise WeightsError(f"'{path.name}' is damaged: {name} holds values that are not finite; fetch it again.")
    network.load_state_dict(tensors)
    return network.eval()


def _read(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise WeightsError(f"There is no weights file '{path}'; give the path of {OFFICIAL_NAME}.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a broken file makes the restricted unpickler stumble in any way
        raise WeightsError(
            f"'{path.name}' is not a file of plain tensors and was not loaded (nothing in it was run); "
            f"give the file {OFFICIAL_NAME}."
        ) from error
    for wrapper in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise WeightsError(
            f"'{path.name}' must hold a dictionary of tensors, but holds something else; give the file {OFFICIAL_NAME}."
        )
    return content


def _example(names: list[str]) -> str:
    return f" (such as {names[0]})" if names else ""
