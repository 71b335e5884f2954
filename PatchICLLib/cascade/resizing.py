"""Square maps in other sizes: averaged down, or bilinear, which is quick also for many tiny maps on a graphics card."""

import torch
import torch.nn.functional as F
from torch import Tensor

from PatchICLLib.runtime.device import full_precision
from PatchICLLib.runtime.device_constants import made_once

_TINY = 64  # pixels a side of a result that has too few of them to keep a card busy


def pool(x: Tensor, size: int) -> Tensor:
    """Average (N, C, S, S) down to (N, C, size, size)."""
    factor, rest = divmod(x.shape[-1], size)
    if rest:
        return F.adaptive_avg_pool2d(x, size)
    return F.avg_pool2d(x, factor) if factor > 1 else x


def pyramid(x: Tensor, resolutions: tuple[int, ...]) -> list[Tensor]:
    """Averages of (N, C, S, S) at each resolution, of which the last is S."""
    levels = [x]
    for resolution in reversed(resolutions[:-1]):
        levels.insert(0, pool(levels[0], resolution))
    return levels


def resized(maps: Tensor, size: int) -> Tensor:
    """Bilinear resizing; beyond the outermost pixel centres of the input its border goes on.

    A card shares out the pixels of the result, and does map after map in each: thousands of maps of 8 x 8 take it a
    hundred times longer than two matrix products. A processor has nothing to gain from those.

    Args:
        maps: (N, C, s, s).
        size: side of the result in pixels.

    Returns:
        (N, C, size, size).
    """
    if maps.shape[-1] == size:
        return maps
    if maps.device.type == "cpu" or size > _TINY:
        return F.interpolate(maps, size=(size, size), mode="bilinear", align_corners=False)
    return by_products(maps, size)


def by_products(maps: Tensor, size: int) -> Tensor:
    """``resized`` as a matrix product for the columns and one for the rows."""
    weights = _weights(maps.device, maps.shape[-1], size, maps.dtype)
    with full_precision(maps.device):
        return F.linear(F.linear(maps, weights).transpose(2, 3), weights).transpose(2, 3)


@made_once
def _weights(device: torch.device, inputs: int, outputs: int, dtype: torch.dtype) -> Tensor:
    """(outputs, inputs): what each pixel takes from each."""
    places = (torch.arange(outputs, device=device, dtype=torch.float32) + 0.5) * (inputs / outputs) - 0.5
    pixels = torch.arange(inputs, device=device, dtype=torch.float32)
    return (1 - (places.clamp(0, inputs - 1)[:, None] - pixels).abs()).clamp_min(0).to(dtype)
