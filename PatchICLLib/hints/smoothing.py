"""Gaussian smoothing of images and fields, in torch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def smooth(fields: Tensor, deviation: float) -> Tensor:
    """Gaussian smoothing of (N, C, H, W); ``deviation`` in pixels, borders replicated."""
    radius = max(1, round(2.5 * deviation))
    places = torch.arange(-radius, radius + 1, dtype=fields.dtype, device=fields.device)
    kernel = torch.exp(-0.5 * (places / deviation) ** 2)
    kernel = kernel / kernel.sum()
    n, c, h, w = fields.shape
    flat = fields.reshape(n * c, 1, h, w)
    flat = F.conv2d(F.pad(flat, (0, 0, radius, radius), mode="replicate"), kernel.view(1, 1, -1, 1))
    flat = F.conv2d(F.pad(flat, (radius, radius, 0, 0), mode="replicate"), kernel.view(1, 1, 1, -1))
    return flat.view(n, c, h, w)
