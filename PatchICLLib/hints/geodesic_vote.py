"""Image-aware vote of the painted slices: is a voxel nearer to painted inside or to painted outside?

Nearness is geodesic: the cheapest path over the 26-neighbourhood, where a step costs the change of what is seen (all
channels of the image) plus a little for its length. The competition of inside and outside seeds is that of Slicer's
*Grow from seeds* (vtkImageGrowCutSegment); distances are kept, so that the vote is graded. Computed by directional
sweeps over whole planes, as in raster-scan geodesic transforms.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

_LENGTH_COST = 0.05  # of a path across the whole field of view; channels range from about 0 to 1 in all
_FAR = 1e4


def _sweep(distance: Tensor, image: Tensor, steps: tuple[float, float, float], check: Callable[[], None]) -> None:
    """One pass in both directions along the first spatial axis, in place.

    Args:
        distance: (2, Z, Y, X), contiguous or not.
        image: (C, Z, Y, X).
        steps: cost of a unit step along Z, Y, X.
        check: called for each plane; may raise to stop.
    """
    z, y, x = image.shape[1:]
    offsets = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    costs = torch.tensor([math.sqrt(steps[0] ** 2 + (dy * steps[1]) ** 2 + (dx * steps[2]) ** 2) for dy, dx in offsets])
    padded_image = torch.nn.functional.pad(image, (1, 1, 1, 1), mode="replicate")
    window = torch.nn.functional.pad
    for order in (range(1, z), range(z - 2, -1, -1)):
        step = order.step
        for here in order:
            check()
            there = here - step
            neighbours = padded_image[:, there].unfold(1, y, 1).unfold(2, x, 1)
            arrival = window(distance[:, there], (1, 1, 1, 1), value=_FAR).unfold(1, y, 1).unfold(2, x, 1)
            change = (neighbours.reshape(-1, 9, y, x) - image[:, here, None]).abs_()
            price = change.sum(0).add_(costs[:, None, None])
            best = (arrival.reshape(2, 9, y, x) + price).amin(1)
            torch.minimum(distance[:, here], best, out=distance[:, here])


def geodesic_distances(
    image: Tensor,
    seeds: Tensor,
    spacing: tuple[float, float, float],
    sweeps: int = 1,
    check: Callable[[], None] = lambda: None,
) -> Tensor:
    """Geodesic distance to inside seeds and to outside seeds.

    Args:
        image: (C, Z, Y, X) float, range about 0 to 1 in all; changes of the channels add up.
        seeds: (Z, Y, X) integers: 1 inside, 2 outside, 0 free.
        spacing: of the voxels in units of the field of view.
        sweeps: rounds of six directional passes; distances only fall with more, the vote hardly changes.
        check: called often; may raise to stop.

    Returns:
        (2, Z, Y, X) float32: to inside, to outside; 1e4 where there is no seed of that kind.
    """
    distance = torch.stack([torch.where(seeds == kind, 0.0, _FAR) for kind in (1, 2)]).float()
    steps = [_LENGTH_COST * s for s in spacing]
    orders = ((0, 1, 2), (1, 0, 2), (2, 0, 1))
    for _ in range(sweeps):
        for order in orders:
            turned = distance.permute(0, *(1 + a for a in order)).contiguous()
            turned_steps = (steps[order[0]], steps[order[1]], steps[order[2]])
            _sweep(turned, image.permute(0, *(1 + a for a in order)).contiguous(), turned_steps, check)
            back = [order.index(a) for a in range(3)]
            distance = turned.permute(0, *(1 + a for a in back)).contiguous()
    return distance


def geodesic_vote(
    image: Tensor,
    seeds: Tensor,
    spacing: tuple[float, float, float],
    sweeps: int = 1,
    check: Callable[[], None] = lambda: None,
) -> Tensor:
    """``(D_outside - D_inside) / (D_outside + D_inside)``: -1 outside, 1 inside, 0 undecided.

    Args and shapes as in ``geodesic_distances``; returns (Z, Y, X) float32.
    """
    inside, outside = geodesic_distances(image, seeds, spacing, sweeps, check)
    return (outside - inside) / (outside + inside).clamp_min(1e-6)
