"""How the picture moves from slice to slice, so that painted shapes can be carried along with it.

Neighbouring slices are registered by Thirion's demons with symmetric forces and Gaussian regularisation (Vercauteren
et al. 2009), coarse to fine, all pairs of all runs of slices at once; steps from slice to slice are chained to the
painted slices. What has drifted on the way is mended by a short registration with the painted slice itself. The noisier
the slices, the less they move: a small structure is a few blurred and noisy voxels, which would rather be carried
anywhere than stand still.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.hints.separable import both_ways, differences, resizing, smoothing
from PatchICLLib.runtime.transfers import to_device

_PAIRS = {"cpu": 512}  # registered at a time
_MOST_PAIRS = 8192


@dataclass(frozen=True)
class DemonsSettings:
    """Settings of the registration.

    Attributes:
        scales: pooling factors, coarse to fine.
        iterations: at each scale.
        fluid, diffusion: deviations in pixels of the smoothing of each step and of the whole field.
        noise: change of intensity, in units of the range, that is taken for noise where it is not measured.
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


def pixel_grid(size: int, device: torch.device) -> Tensor:
    """Columns and rows of pixels' centres from -1 to 1, (size, size, 2)."""
    ticks = (torch.arange(size, device=device) + 0.5) * (2 / size) - 1
    return torch.stack(torch.meshgrid(ticks, ticks, indexing="xy"), -1)


def warp(fields: Tensor, displacement: Tensor, grid: Tensor | None = None, padding: str = "border") -> Tensor:
    """Fields looked up where the displacement points.

    Args:
        fields: (N, C, H, H).
        displacement: (N, 2, h, h) rows and columns in units of the side; another resolution is interpolated.
        grid: ``pixel_grid`` of the fields, for those who warp often.
        padding: "border" or "zeros", what lies beyond the fields.

    Returns:
        (N, C, H, H): the fields' values at each place plus its displacement.
    """
    size = fields.shape[-1]
    if displacement.shape[-1] != size:
        displacement = both_ways(resizing(displacement.shape[-1], size, fields.device), displacement)
    grid = pixel_grid(size, fields.device) if grid is None else grid
    places = torch.add(grid, displacement.flip(1).permute(0, 2, 3, 1), alpha=2)
    return F.grid_sample(fields, places, mode="bilinear", padding_mode=padding, align_corners=False)


def register(
    fixed: Tensor,
    moving: Tensor,
    settings: DemonsSettings | None = None,
    noise: Tensor | None = None,
    check: Callable[[], None] = lambda: None,
) -> Tensor:
    """Displacement with which ``warp(moving, displacement)`` looks like ``fixed``.

    Args:
        fixed, moving: (N, H, H) intensities of about 0 to 1.
        settings: of the registration.
        noise: (N,) of each pair, instead of the settings'.
        check: called for every iteration; may raise to stop.

    Returns:
        (N, 2, H, H) rows and columns in units of the side.
    """
    s, device = settings or DemonsSettings(), fixed.device
    floor = s.noise**2 if noise is None else noise.square()[:, None, None, None]
    moved = fixed.new_zeros(len(fixed), 2, 1, 1)
    for scale, iterations in zip(s.scales, s.iterations, strict=True):
        target, source = (F.avg_pool2d(x[:, None], scale) for x in (fixed, moving))
        size = target.shape[-1]
        moved = both_ways(resizing(moved.shape[-1], size, device), moved) * size  # in pixels of this scale
        halved = differences(size, device) / 2
        fluid, diffusion = (smoothing(size, deviation, device) for deviation in (s.fluid, s.diffusion))
        grid = pixel_grid(size, device)
        for _ in range(iterations):
            check()
            seen = warp(source, moved / size, grid)
            difference = target - seen
            both = target + seen  # the force is the mean of their gradients
            force = torch.cat([torch.matmul(halved, both), torch.matmul(both, halved.t())], 1)
            step = difference * force / (force.square().sum(1, keepdim=True) + difference.square() / 4 + floor)
            moved = both_ways(diffusion, moved + both_ways(fluid, step.clamp_(-1, 1)))
        moved = moved / size
    return moved


def noise_deviations(images: Tensor, depth: np.ndarray) -> Tensor:
    """Standard deviation of what changes from slice to slice without a steady motion, in G runs of slices.

    A slice's difference from the mean of its neighbours is 0 to first order where the picture moves or fades steadily,
    and has 3/2 of the variance of independent noise.

    Args:
        images: (R, v, v) slices of all runs, one run after another.
        depth: (G,) slices of each run.

    Returns:
        (G,); 0.05 for runs of fewer than three slices.
    """
    depth = np.asarray(depth)
    unsteady = (images[1:-1] - (images[:-2] + images[2:]) / 2).square().mean((1, 2))  # across runs, too
    unsteady = torch.cat([unsteady, images.new_zeros(1)])
    inner = np.arange(max(1, int(depth.max()) - 2)) < depth[:, None] - 2
    rows = np.where(inner, (depth.cumsum() - depth)[:, None] + np.arange(inner.shape[1]), len(unsteady) - 1)
    counts = array_tensor(np.maximum(1, depth - 2))
    # summed one by one, so that a longer run beside it changes nothing
    total = unsteady[to_device(array_tensor(rows, np.int64), images.device)].cumsum(1)[:, -1]
    found = (total / to_device(counts, images.device) / 1.5).sqrt()
    return torch.where(to_device(array_tensor(depth < 3, bool), images.device), _UNKNOWN, found)


def motion_to_painted(
    images: Tensor,
    depth: np.ndarray,
    painted: np.ndarray,
    wanted: np.ndarray,
    check: Callable[[], None] = lambda: None,
    settings: DemonsSettings | None = None,
) -> Tensor:
    """Where each place of a slice lies in the painted slices before and after it, in G runs of neighbouring slices.

    Args:
        images: (R, v, v) intensities of the slices of all runs, one run after another, about 0 to 1.
        depth: (G,) slices of each run.
        painted: (B,) ascending rows of the painted slices.
        wanted: (N,) rows of other slices.
        check: called often; may raise to stop.
        settings: of the registration of neighbouring slices; None to fit each run's noise.

    Returns:
        (N, 2, 2, v, v): for the painted slice before and after, rows and columns in units of the side; 0 where there is
        no such painted slice.
    """
    chains = _Chains.of(*(np.asarray(numbers, int) for numbers in (depth, painted, wanted)))
    found = images.new_zeros(2 * len(wanted), 2, *images.shape[1:])
    if not len(chains.lengths):
        return found.view(len(wanted), 2, 2, *images.shape[1:])
    if settings is None:
        noise = (_DEVIATIONS * noise_deviations(images, depth)).clamp_(_LEAST, _MOST)
    else:
        noise = images.new_full((len(depth),), settings.noise)
    here, there, run, result, chain, source, target, own_run = chains.uploaded(images.device)
    pieces = _PAIRS.get(images.device.type, _MOST_PAIRS)
    moved = torch.cat(
        [
            register(images[a], images[b], settings, noise[r], check)
            for a, b, r in zip(here.split(pieces), there.split(pieces), run.split(pieces), strict=True)
        ]
    )
    grid = pixel_grid(images.shape[-1], images.device)
    total, passed, reached = moved[:0], 0, []
    for distance, (count, first, last) in enumerate(chains.by_distance):
        check()
        single = moved[passed : passed + count]
        total = single + warp(total[:count], single, grid) if distance else single
        passed += count
        reached.append(total[chain[first:last]])
    carried = torch.cat(reached)
    mended = []
    for parts in zip(*(x.split(pieces) for x in (carried, source, target, own_run)), strict=True):
        total, start, end, r = parts
        left = register(images[end], warp(images[start][:, None], total, grid)[:, 0], _MENDING, noise[r], check)
        mended.append(left + warp(total, left, grid))
    found[result] = torch.cat(mended)
    return found.view(len(wanted), 2, 2, *images.shape[1:])


@dataclass(frozen=True)
class _Chains:
    """Steps from painted slices to the farthest slice that is wanted on either side, and what is wanted on the way.

    Chains are in order of their lengths, the longest first; steps in order of their distance to the painted slice.

    Attributes:
        lengths: (C,) steps of the chains.
        steps: (3, P) rows of each step's slice and of its neighbour on the painted side, and its run.
        wanted: (5, W) of each place of the result that is not 0, in order of distance: its number, its chain, the
            painted slice, the slice itself, and its run.
        by_distance: for each distance, chains that are so long, and the first and the last of what is wanted there.
    """

    lengths: np.ndarray
    steps: np.ndarray
    wanted: np.ndarray
    by_distance: list[tuple[int, int, int]]

    @classmethod
    def of(cls, depth: np.ndarray, painted: np.ndarray, wanted: np.ndarray) -> _Chains:
        run = np.repeat(np.arange(len(depth)), depth)
        after = np.searchsorted(painted, wanted)
        bounds = np.stack([after - 1, after], 1)  # (N, 2) numbers of the painted slices before and after
        nearest = np.clip(bounds, 0, max(0, len(painted) - 1))
        there = painted[nearest] if len(painted) else np.zeros_like(nearest)
        same = (bounds == nearest) & (run[there] == run[wanted][:, None]) & (len(painted) > 0)
        distance = np.where(same & ~np.isin(wanted, painted)[:, None], np.abs(there - wanted[:, None]), 0)
        sides = np.broadcast_to([0, 1], distance.shape)
        reach = np.zeros((max(1, len(painted)), 2), int)  # how far each painted slice is asked, after it and before it
        np.maximum.at(reach, (nearest, sides), distance)
        owner, side = np.nonzero(reach)
        order = np.argsort(-reach[owner, side], kind="stable")
        owner, side = owner[order], side[order]
        lengths = reach[owner, side]
        number = np.zeros_like(reach)
        number[owner, side] = np.arange(len(lengths))
        way = np.where(side == 0, 1, -1)
        longest = int(lengths.max(initial=0))
        active = [int((lengths >= d).sum()) for d in range(1, longest + 1)]
        goal = [painted[owner[:n]] + way[:n] * d for d, n in enumerate(active, 1)]
        here = np.concatenate([*goal, np.zeros(0, int)])
        towards = np.concatenate([*(way[:n] for n in active), np.zeros(0, int)])
        result = np.flatnonzero(distance)
        result = result[np.argsort(distance.ravel()[result], kind="stable")]
        ends = np.searchsorted(distance.ravel()[result], np.arange(longest + 1), side="right")
        rows = np.repeat(wanted, 2)[result]
        table = np.stack([result, number[nearest, sides].ravel()[result], there.ravel()[result], rows, run[rows]])
        by_distance = [(n, int(ends[d - 1]), int(ends[d])) for d, n in enumerate(active, 1)]
        return cls(lengths, np.stack([here, here - towards, run[here]]), table, by_distance)

    def uploaded(self, device: torch.device) -> list[Tensor]:
        """Rows of ``steps``, then those of ``wanted``."""
        packed = to_device(array_tensor(np.concatenate([self.steps.ravel(), self.wanted.ravel()]), np.int64), device)
        return list(packed.split([self.steps.shape[1]] * 3 + [self.wanted.shape[1]] * 5))
