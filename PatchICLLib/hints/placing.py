"""Where context pictures lie in a target picture: the shift at which what surrounds their structure looks alike.

Normalised correlation of weighed templates by Fourier transforms (Lewis, "Fast normalized cross-correlation", Vision
Interface 1995; Padfield, "Masked object registration in the Fourier domain", IEEE Trans. Image Process. 21(5), 2012) of
intensities and of the size of their gradient, on coarse pictures. One context may be mistaken about a place, so they
look for the target together, moved so that the middles of their masks are one. Nothing is moved unless it then looks
clearly more alike than as it lies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from PatchICLLib.cascade.hint_channels import Hints
from PatchICLLib.cascade.resizing import pool
from PatchICLLib.hints.motion import warp
from PatchICLLib.hints.separable import both_ways, smoothing
from PatchICLLib.hints.signed_distance import signed_distances

_SIDE = 64  # cells a side of the coarse pictures
_REACH = 0.2  # of a field of view around a structure, that counts
_SMOOTH = 1.0  # cells, of pictures before their gradient
_FAR, _PRICE = 0.3, 0.1  # price of a shift of so many fields of view is half of this, of a correlation of 1
_ALIKE, _GAIN = 0.3, 0.15  # correlation that moved pictures must have, and have more than those that are not moved
_STILL = 0.2  # that pictures must have as they lie, if only what is around their structure is to be seen
_STRENGTH = 1.5  # of the logits of a mean form
_COVERED, _FULLY = 0.3, 0.8  # of a template that must lie in a picture, and that may without loss
_CONTRAST = 1e-5  # least variance


@dataclass(frozen=True)
class Places:
    """Where N targets show what contexts show.

    Attributes:
        shifts: (N, 2) what moves the contexts there beside their own offsets.
        moved: (N,) bool, whether they should be moved at all.
        alike: (N,) bool, whether they should not, and look like the target as they lie, as slices of a scan mostly do.
    """

    shifts: Tensor
    moved: Tensor
    alike: Tensor


@dataclass(frozen=True)
class Landmarks:
    """Context pictures of one structure, as they lie and moved onto each other, and what targets should hold of them.

    Attributes:
        offsets: (k, 2) what moves each onto the others, rows and columns in fields of view.
        lying, moved: templates of the pictures as they lie, and of the moved ones.
    """

    offsets: Tensor
    lying: _Templates
    moved: _Templates

    @classmethod
    @torch.no_grad()
    def of(cls, images: Tensor, masks: Tensor) -> Landmarks:
        """Of context images (k, S, S) and masks (k, S, S), 0 to 1, of which at least one is not empty."""
        seen, drawn = coarse(images), pool(masks[:, None], _SIDE)[:, 0]
        middles, there = _middles(drawn)
        weights = _weights(drawn, there)
        middle = (middles * there[:, None]).sum(0) / there.sum()
        offsets = (middle - middles) * there[:, None]
        still = -offsets[:, :, None, None].expand(-1, -1, _SIDE, _SIDE)
        moved = warp(torch.cat([seen, weights[:, None]], 1), still)
        beyond = warp(torch.ones_like(weights)[:, None], still, padding="zeros")[:, 0]
        return cls(offsets, _Templates.of(seen, weights), _Templates.of(moved[:, :2], moved[:, 2] * beyond))

    @torch.no_grad()
    def find(self, targets: Tensor) -> Places:
        """Where the contexts lie in targets (N, S, S)."""
        seen = coarse(targets)
        found = self.moved.correlations(seen).mean(1)
        # a far place must be better than a near one
        number = (found - _price(targets.device)).flatten(1).argmax(1, keepdim=True)
        best = found.flatten(1).gather(1, number)[:, 0]
        rows = torch.div(number, found.shape[-1], rounding_mode="floor")
        shifts = (torch.cat([rows, number - rows * found.shape[-1]], 1) - _SIDE) / _SIDE
        lying = self.lying.correlations(seen)[:, :, _SIDE, _SIDE].mean(1)
        moved = (best > _ALIKE) & (best > lying + _GAIN)
        return Places(shifts, moved, ~moved & (lying > _STILL))


@torch.no_grad()
def hints_of_moved(masks: Tensor, moves: Tensor) -> Hints:
    """The mean form of context masks as the shape hint of one target, a quarter as strong as that of painted slices.

    Args:
        masks: (k, S, S), 0 to 1.
        moves: (k, 2) of the masks, rows and columns in fields of view.
    """
    size = masks.shape[-1]
    moved = warp(masks[:, None], -moves[:, :, None, None].expand(-1, -1, size, size), padding="zeros")[:, 0] >= 0.5
    there = moved.flatten(1).any(1)
    count = there.sum().clamp_min(1)
    radius = 0.5 * (moved.sum() / (count * size**2) / math.pi).sqrt() + 1e-3
    forms = torch.tanh(signed_distances(moved) / size / radius).where(there[:, None, None], 0)
    shape = (_STRENGTH * forms.sum(0) / count).expand(1, 2, -1, -1)
    return replace(Hints.none(shape[:, :1]), shape=shape, shape_given=there.any()[None].to(shape.dtype))


@dataclass(frozen=True)
class _Templates:
    """Transforms of k templates of c features on twice the cells: weights (k, 1, m, n), differences (k, c, m, n).

    Attributes:
        deviations: (k, c) of the differences from the weighed mean, squared.
    """

    weights: Tensor
    differences: Tensor
    deviations: Tensor

    @classmethod
    def of(cls, seen: Tensor, weights: Tensor) -> _Templates:
        """Of pictures (k, c, h, h) and the weights of their cells (k, h, h)."""
        share = (weights / weights.sum((1, 2), keepdim=True))[:, None]
        apart = seen - (share * seen).sum((2, 3), keepdim=True)
        deviations = (share * apart.square()).sum((2, 3)).clamp_min(_CONTRAST)
        return cls(_transform(share).conj(), _transform(share * apart).conj(), deviations)

    def correlations(self, seen: Tensor) -> Tensor:
        """With pictures (N, c, h, h) at all shifts, mean over features: (N, k, 2h, 2h), no shift in the middle."""
        there = _transform(torch.ones_like(seen[:1, :1]))
        first, second = (_transform(x)[:, None] for x in (seen, seen.square()))  # (N, 1, c, m, n)
        covered = _back(there * self.weights).clamp_min(1e-3)  # (k, 1, ...)
        means = _back(first * self.weights) / covered
        squares = _back(second * self.weights) / covered
        products = _back(first * self.differences) - means * _back(there * self.differences)
        variance = (squares - means.square()).clamp_min(_CONTRAST)
        found = products / covered * (variance * self.deviations[:, :, None, None]).rsqrt()
        found = (found * (covered / _FULLY).clamp_max(1)).masked_fill(covered < _COVERED, -1)
        return torch.fft.fftshift(found.mean(2), dim=(-2, -1))


def coarse(images: Tensor) -> Tensor:
    """Intensities and the size of their gradient, coarse: (N, S, S) standardised -> (N, 2, 64, 64)."""
    seen = pool(images[:, None], _SIDE)
    smooth = both_ways(smoothing(_SIDE, _SMOOTH, images.device), seen)
    rows, columns = torch.gradient(smooth, dim=(2, 3))
    return torch.cat([seen, torch.hypot(rows, columns)], 1)


def _middles(masks: Tensor) -> tuple[Tensor, Tensor]:
    """Centres of masks (k, h, h) in fields of view, (k, 2), and which are not empty, (k,) bool."""
    total = masks.sum((1, 2))
    ticks = (torch.arange(masks.shape[-1], device=masks.device) + 0.5) / masks.shape[-1]
    sums = torch.stack([(masks.sum(2) * ticks).sum(1), (masks.sum(1) * ticks).sum(1)], 1)
    return sums / total.clamp_min(1e-6)[:, None], total > 0


def _weights(masks: Tensor, there: Tensor) -> Tensor:
    """What cells count for, the less the farther they are from the mask; all alike where it is empty: (k, h, h)."""
    half = masks >= masks.amax((1, 2), keepdim=True).clamp(1e-6, 0.5)
    distance = (-signed_distances(half) / masks.shape[-1]).clamp_min(0)
    return torch.where(there[:, None, None], (-(distance / _REACH).square()).exp(), 1.0)


def _price(device: torch.device) -> Tensor:
    """Of a shift, at each place of correlations: (2h, 2h)."""
    square = (torch.arange(-_SIDE, _SIDE, device=device) / _SIDE).square()
    return _PRICE / 2 * (square[:, None] + square) / _FAR**2


def _transform(x: Tensor) -> Tensor:
    return torch.fft.rfft2(x, (2 * _SIDE, 2 * _SIDE))


def _back(x: Tensor) -> Tensor:
    return torch.fft.irfft2(x, (2 * _SIDE, 2 * _SIDE))
