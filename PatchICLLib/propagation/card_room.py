"""Whether a card has room for a volume."""

import torch

from PatchICLLib.runtime.device import card_memory

_VOXEL_BYTES = 9  # label, probability and entropy
_SHARE = 2  # half of the memory is for the results, the rest for what computes them


def computing_device(device: torch.device, shape: tuple[int, int, int]) -> tuple[torch.device, str | None]:
    """The device itself, or the CPU and a sentence that says why.

    Args:
        device: that is wanted.
        shape: of the volume.
    """
    if device.type == "cpu":
        return device, None
    voxels, room = shape[0] * shape[1] * shape[2], card_memory(device)
    if voxels * _VOXEL_BYTES * _SHARE <= room:
        return device, None
    return torch.device("cpu"), (
        f"A volume of {voxels / 1e6:.0f} million voxels does not fit into the {room / 2**30:.1f} GiB of the graphics "
        "card, so it was segmented on the CPU."
    )
