"""Where a result may be otherwise: the voxels that the model is not sure of, in parts that are right or wrong together.

What is painted cuts the uncertain voxels of a label into cells, from plane to plane or beyond the outermost one:
nothing that is unknown in one of them says much of another. In a cell the rim around what is sure is one part. What
lies farther from it, as a branch does, the end of a structure, or one that comes close, is a part for each connected
piece.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree
from scipy.special import logit

from PatchICLLib.propagation.geometry.evidence import SINGLE, Evidence

Box = tuple[slice, slice, slice]
Planes = Mapping[int, Sequence[tuple[int, int]]]

SURE = 0.95  # probability of a voxel of which nothing else is thought
_RIM = 2.0  # voxels of the finest axis: how far the rim reaches from what is sure
_FEWEST = 30  # voxels of a piece beyond the rim


@dataclass(frozen=True, eq=False)
class UncertainParts:
    """Attributes: places: (n,) voxels of the flat volume, each once; labels: (n,) which each has, or else would have;
    logits: (n,) of that label, above 0 where it is the voxel's; parts: (n,) numbers of parts, from 0.
    """

    places: np.ndarray
    labels: np.ndarray
    logits: np.ndarray
    parts: np.ndarray

    def __len__(self) -> int:
        """How many parts there are."""
        return int(self.parts.max(initial=-1)) + 1

    @classmethod
    def of(
        cls,
        labels: np.ndarray,
        probability: np.ndarray,
        painted: np.ndarray,
        planes: Planes,
        spacing: Sequence[float],
        evidence: Evidence | None = None,
        box: Box | None = None,
    ) -> UncertainParts:
        """Parts of a result.

        Args:
            labels: (K, J, I) integers.
            probability: (K, J, I), of the likeliest label.
            painted: (K, J, I), what is exact where it is not 0.
            planes: of each label (axis, index) of those on which it is exactly where it is painted. Other labels stay
                as they are.
            spacing: along k, j and i.
            evidence: what else is known of voxels.
            box: where the volumes may differ from 0; None: anywhere.
        """
        around = box or (slice(None), slice(None), slice(None))
        corner = np.array([span.start or 0 for span in around])
        held, likely = labels[around], probability[around]
        open_ = (likely > 1 - SURE) & (likely < SURE) & (painted[around] == 0)
        codes = None if evidence is None or evidence.codes is None else evidence.codes[around]
        if codes is not None:
            open_ &= codes != SINGLE
        owners = _owners(held, open_, [label for label in planes if (held == label).any()])
        found: list[tuple[np.ndarray, ...]] = []
        count = 0
        for label, own_planes in planes.items():
            mine = open_ & (owners == label)
            if evidence is not None and codes is not None:
                mine &= ~evidence.told(label)[codes]
            within = [(axis, index - corner[axis]) for axis, index in own_planes]
            _close(mine, within, held, likely, label)
            if not mine.any():
                continue
            points = np.nonzero(mine)
            values = logit(likely[points].astype(np.float64))
            values = np.where(held[points] == label, np.maximum(values, 1e-3), np.minimum(values, -1e-3))
            parts = _parts(mine, points, (held == label) & (likely >= SURE), within, spacing)
            places = np.ravel_multi_index(tuple(p + c for p, c in zip(points, corner, strict=True)), labels.shape)
            found.append((places, np.full(len(places), label), values, parts + count))
            count += int(parts.max()) + 1
        if not found:
            nothing = np.zeros(0, int)
            return cls(nothing, nothing, np.zeros(0), nothing)
        return cls(*(np.concatenate(one) for one in zip(*found, strict=True)))


def _owners(held: np.ndarray, open_: np.ndarray, present: Sequence[int]) -> np.ndarray:
    """Of each open voxel its label, or else the nearest one; 0 or something else elsewhere."""
    if len(present) == 1:
        return np.full(held.shape, present[0], held.dtype)
    if not present or not open_.any():
        return np.zeros(held.shape, held.dtype)
    inside = np.isin(held, present)
    owners = np.where(inside, held, np.zeros((), held.dtype))
    border = np.argwhere(inside & ~ndimage.binary_erosion(inside))
    strangers = np.nonzero(open_ & ~inside)
    # few voxels are open: a transform of the whole volume would take more memory than all of the result
    _, nearest = KDTree(border).query(np.stack(strangers, 1))
    owners[strangers] = held[tuple(border[nearest].T)]
    return owners


def _close(
    mine: np.ndarray, planes: Sequence[tuple[int, int]], held: np.ndarray, likely: np.ndarray, label: int
) -> None:
    """Leave out what is exact, and between two planes that hold the label the likelier half of it on each slice.

    So no slice there comes out empty.
    """
    by_axis: dict[int, list[int]] = {}
    for axis, index in planes:
        if 0 <= index < mine.shape[axis]:
            mine[(slice(None),) * axis + (index,)] = False
            by_axis.setdefault(axis, []).append(index)
    for axis, indices in by_axis.items():
        inside = [i for i in sorted(indices) if (held[(slice(None),) * axis + (i,)] == label).any()]
        for first, last in zip(inside, inside[1:], strict=False):
            if any(first < i < last for i in indices):
                continue  # declared empty in between
            for index in range(first + 1, last):
                plane = (slice(None),) * axis + (index,)
                own = held[plane] == label
                if own.any():
                    mine[plane] &= ~(own & (likely[plane] >= np.median(likely[plane][own])))


def _parts(
    mine: np.ndarray,
    points: tuple[np.ndarray, ...],
    sure: np.ndarray,
    planes: Sequence[tuple[int, int]],
    spacing: Sequence[float],
) -> np.ndarray:
    """Numbers of parts, from 0 on and without a gap, of the voxels of a label that are uncertain."""
    numbers = np.zeros(len(points[0]), int)
    for axis in range(3):
        cuts = sorted(index for of_axis, index in planes if of_axis == axis)
        numbers = numbers * (len(cuts) + 1) + np.searchsorted(cuts, points[axis])
    beyond = np.zeros(mine.shape, bool)
    beyond[points] = ~np.logical_or.reduce(list(_beside(sure, points, spacing, _RIM)))
    pieces, _ = ndimage.label(beyond, np.ones((3, 3, 3)))
    large = np.bincount(pieces.ravel()) >= _FEWEST
    large[0] = False
    pieces *= large[pieces]
    nearest = np.zeros(len(numbers), pieces.dtype)
    for piece in _beside(pieces, points, spacing, _RIM + 0.5):
        nearest = np.where(nearest == 0, piece, nearest)
    numbers = np.where(nearest > 0, numbers.max() + nearest, numbers)
    return np.unique(numbers, return_inverse=True)[1].reshape(-1)


def _beside(
    volume: np.ndarray, points: tuple[np.ndarray, ...], spacing: Sequence[float], reach: float
) -> Iterator[np.ndarray]:
    """Values of the voxels around points, nearest first; a step along a coarse axis counts as the rim at most."""
    steps = np.minimum(np.asarray(spacing) / min(spacing), _RIM)
    most = [int(reach // step) for step in steps]
    around = np.stack(np.meshgrid(*(np.arange(-m, m + 1) for m in most), indexing="ij"), -1).reshape(-1, 3)
    distances = np.linalg.norm(around * steps, axis=1)
    padded = np.pad(volume, [(m, m) for m in most])
    centre = np.ravel_multi_index(tuple(p + m for p, m in zip(points, most, strict=True)), padded.shape)
    strides = np.array([padded.shape[1] * padded.shape[2], padded.shape[2], 1])
    flat = padded.ravel()
    for number in np.argsort(distances, kind="stable"):
        if distances[number] <= reach:
            yield flat[centre + around[number] @ strides]
