"""How the picture moves from slice to slice, so that painted shapes can be carried along with it.

Neighbouring slices are registered by Thirion's demons with symmetric forces and Gaussian regularisation (Vercauteren
et al. 2009), coarse to fine, all pairs at once; steps from slice to slice are chained to the painted slices. What has
drifted on the way is mended by a short registration with the painted slice itself. The noisier the slices, the less
they move: a small structure is a few blurred and noisy voxels, which would rather be carried anywhere than stand still.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from PatchICLLib.hints.smoothing import smooth

_PAIRS = 32  # registered at a time


@dataclass(frozen=True)
class DemonsSettings:
    """Settings of the registration.

    Attributes:
        scales: pooling factors, coarse to fine.
        iterations: at each scale.
        fluid, diffusion: deviations in pixels of the smoothing of each step and of the whole field.
        noise: change of intensity, in units of the range, that is taken for noise.
    """

    scales: tuple[int, ...] = (4, 2, 1)
    iterations: tuple[int, ...] = (8, 6, 5)
    fluid: float = 1.0
    diffusion: float = 0.9
    noise: float = 0.02


_MENDING = DemonsSettings(scales=(2, 1), iterations=(4, 4))
_DEVIATIONS = 3.0  # of the slices' noise are taken for noise in the registration,
_LEAST, _MOST = 0.05, 0.3  # within these limits
_UNKNOWN = 0.05  # noise of fewer than three slices


def _gradient(images: Tensor) -> Tensor:
    """Central differences of (N, 1, H, W) along rows and columns: (N, 2, H, W)."""
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    rows = padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
    columns = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]
    return torch.cat([rows, columns], 1) / 2


def warp(fields: Tensor, displacement: Tensor) -> Tensor:
    """Fields looked up where the displacement points.

    Args:
        fields: (N, C, H, W).
        displacement: (N, 2, h, w) rows and columns in units of the side; another resolution is interpolated.

    Returns:
        (N, C, H, W): the fields' values at each place plus its displacement.
    """
    h, w = fields.shape[-2:]
    if displacement.shape[-2:] != (h, w):
        displacement = F.interpolate(displacement, size=(h, w), mode="bilinear", align_corners=False)
    rows = (torch.arange(h) + 0.5) / h * 2 - 1
    columns = (torch.arange(w) + 0.5) / w * 2 - 1
    grid = torch.stack([columns[None, :] + 2 * displacement[:, 1], rows[:, None] + 2 * displacement[:, 0]], -1)
    return F.grid_sample(fields, grid, mode="bilinear", padding_mode="border", align_corners=False)


def register(fixed: Tensor, moving: Tensor, settings: DemonsSettings | None = None) -> Tensor:
    """Displacement with which ``warp(moving, displacement)`` looks like ``fixed``.

    Args:
        fixed, moving: (N, H, H) intensities of about 0 to 1.
        settings: of the registration.

    Returns:
        (N, 2, H, H) rows and columns in units of the side.
    """
    s = settings or DemonsSettings()
    moved = torch.zeros(len(fixed), 2, 1, 1)
    for scale, iterations in zip(s.scales, s.iterations, strict=True):
        target = F.avg_pool2d(fixed[:, None], scale)
        source = F.avg_pool2d(moving[:, None], scale)
        size = target.shape[-1]
        # in pixels of this scale
        moved = F.interpolate(moved * size, size=(size, size), mode="bilinear", align_corners=False)
        edges = _gradient(target)
        for _ in range(iterations):
            seen = warp(source, moved / size)
            difference = target - seen
            force = (edges + _gradient(seen)) / 2
            step = difference * force / (force.square().sum(1, keepdim=True) + difference.square() / 4 + s.noise**2)
            moved = smooth(moved + smooth(step.clamp(-1, 1), s.fluid), s.diffusion)
        moved = moved / size
    return moved


def noise_deviation(images: Tensor) -> float:
    """Standard deviation of what changes from slice to slice without a steady motion.

    A slice's difference from the mean of its neighbours is 0 to first order where the picture moves or fades steadily,
    and has 3/2 of the variance of independent noise.

    Args:
        images: (Z, v, v) neighbouring slices.
    """
    if len(images) < 3:
        return _UNKNOWN
    unsteady = images[1:-1] - (images[:-2] + images[2:]) / 2
    return float((unsteady.square().mean() / 1.5).sqrt())


def motion_to_painted(
    images: Tensor,
    painted: np.ndarray,
    wanted: np.ndarray,
    check: Callable[[], None] = lambda: None,
    settings: DemonsSettings | None = None,
) -> Tensor:
    """Where each place of a slice lies in the painted slices before and after it.

    Args:
        images: (Z, v, v) intensities of neighbouring slices through the region, about 0 to 1.
        painted: (k,) ascending places of the painted slices within the run.
        wanted: (T,) places of other slices.
        check: called now and then; may raise to stop.
        settings: of the registration of neighbouring slices; None to fit the slices' noise.

    Returns:
        (T, 2, 2, v, v): for the painted slice before and after, rows and columns in units of the side; 0 where there is
        no such painted slice.
    """
    if settings is None:
        settings = DemonsSettings(noise=min(_MOST, max(_LEAST, _DEVIATIONS * noise_deviation(images))))
    mending = replace(_MENDING, noise=settings.noise)
    chains = []  # (painted slice, farthest wanted slice, side)
    for number, place in enumerate(painted):
        below = wanted[(wanted < place) & (wanted > (painted[number - 1] if number else -1))]
        above = wanted[
            (wanted > place) & (wanted < (painted[number + 1] if number + 1 < len(painted) else len(images)))
        ]
        chains += [(int(place), int(below.min()), 1)] if len(below) else []
        chains += [(int(place), int(above.max()), 0)] if len(above) else []
    pairs: dict[tuple[int, int], int] = {}  # from a slice to its neighbour on the painted side
    for start, end, _ in chains:
        step = 1 if end > start else -1
        for here in range(start + step, end + step, step):
            pairs.setdefault((here, here - step), len(pairs))
    steps = []
    numbers = list(pairs)
    for first in range(0, len(numbers), _PAIRS):
        check()
        fixed, moving = (list(z) for z in zip(*numbers[first : first + _PAIRS], strict=True))
        steps.append(register(images[fixed], images[moving], settings))
    moved = torch.cat(steps) if steps else images.new_zeros(0, 2, *images.shape[1:])
    found = images.new_zeros(len(wanted), 2, 2, *images.shape[1:])
    where = {int(z): row for row, z in enumerate(wanted)}
    chained = []  # (painted slice, row of the result, side)
    for start, end, side in chains:
        step = 1 if end > start else -1
        total = images.new_zeros(1, 2, *images.shape[1:])
        for here in range(start + step, end + step, step):
            single = moved[pairs[here, here - step]][None]
            total = single + warp(total, single)
            if here in where:
                found[where[here], side] = total[0]
                chained.append((start, where[here], side))
    for first in range(0, len(chained), _PAIRS):
        check()
        sources, rows, sides = (list(z) for z in zip(*chained[first : first + _PAIRS], strict=True))
        total = found[rows, sides]
        carried = warp(images[sources][:, None], total)[:, 0]
        left = register(images[wanted[rows]], carried, mending)
        found[rows, sides] = left + warp(total, left)
    return found
