"""What is seen of context and target pictures: a square of each, by itself or all on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from PatchICLLib.propagation.geometry.intensity_scale import IntensityScale, differences, unit_of
from PatchICLLib.propagation.geometry.normalisation import Normalisation
from PatchICLLib.propagation.geometry.region import GROWTH, MINIMUM_PIXELS, Region
from PatchICLLib.propagation.refinement.distinction import shared

_SHARED = 0.5  # of the intensities of pictures that are on one scale
_FILLED = 0.04  # of what is seen, by the structure, if its intensities are to tell the scale
_DARKEST = 0.3  # percent


@dataclass(frozen=True)
class Field:
    """A square, from the middle of each picture, in fields of view.

    Attributes:
        centre: rows and columns.
        side: 1 sees pictures whole.
    """

    centre: tuple[float, float] = (0.0, 0.0)
    side: float = 1.0

    @classmethod
    def around(cls, masks: Sequence[np.ndarray], growth: float = GROWTH) -> Field:
        """Around all masks (H, W) bool, as what is painted in a volume is seen."""
        spans, least = [], 0.0
        for mask in masks:
            whole = float(max(mask.shape))
            least = max(least, MINIMUM_PIXELS / whole)
            held = [np.flatnonzero(mask.any(axis)) for axis in (1, 0)]
            if len(held[0]):
                ends = np.array([(ticks[0], ticks[-1] + 1) for ticks in held]) - np.array(mask.shape)[:, None] / 2
                spans.append(ends / whole)
        low, high = np.min(spans, 0)[:, 0], np.max(spans, 0)[:, 1]
        side = max(float((high - low).max()) * growth, least)
        row, column = (low + high) / 2
        return cls((float(row), float(column)), side) if side < 1 else cls()

    def region(self, picture: np.ndarray) -> Region:
        """In a picture (H, W), with its centre in the picture."""
        whole, sides = float(max(picture.shape)), np.array(picture.shape)
        row, column = (np.array(self.centre) * whole).clip(-sides / 2, sides / 2) + (sides - 1) / 2
        return Region((float(row), float(column)), self.side * whole, (1.0, 1.0))

    def pixels(self, picture: np.ndarray) -> np.ndarray:
        """Of a picture (H, W) that lie in the field: (n,)."""
        return np.asarray(picture[self.region(picture).bounds((picture.shape[0], picture.shape[1]))].ravel())


class OwnScale:
    """Each picture on a scale of its own."""

    def seen(self, picture: np.ndarray, field: Field, size: int) -> torch.Tensor:
        """(1, S, S), standardised by itself; what lies beyond the picture is as dark as its darkest part."""
        values = differences(picture, picture.min().item())
        values = values / unit_of(float(values.max()))
        seen = field.region(picture).sample((values - np.percentile(values, _DARKEST))[None], size)
        return Normalisation.fit(seen).standard(seen)


@dataclass(frozen=True, eq=False)
class OneScale:
    """All pictures on the scale of the structure in the context, as the slices of a volume are.

    Attributes:
        field: that is seen.
        scale, normalisation: of the context.
        pixels: of the context in the field, by which pictures on the same scale are known.
    """

    field: Field
    scale: IntensityScale
    normalisation: Normalisation
    pixels: np.ndarray

    @classmethod
    def of(
        cls, pictures: Sequence[np.ndarray], masks: Sequence[np.ndarray], field: Field, size: int
    ) -> OneScale | None:
        """Of context pictures and masks (H, W); None where they are not on one scale, or hold too little of it."""
        parts = [field.pixels(picture) for picture in pictures]
        pixels = np.concatenate(parts)
        drawn = np.concatenate([field.pixels(mask) for mask in masks])
        if drawn.mean() < _FILLED or not all(_alike(part, pixels) for part in parts):
            return None
        scale = IntensityScale.of(pixels[None, None], drawn[None, None])
        seen = torch.cat([_scaled(picture, scale, field, size) for picture in pictures])
        inside = torch.cat([field.region(mask).sample(mask[None], size) for mask in masks])
        return cls(field, scale, Normalisation.around(seen, inside), pixels)

    def holds(self, picture: np.ndarray) -> bool:
        """Whether a picture (H, W) is on this scale, too."""
        return _alike(self.field.pixels(picture), self.pixels)

    def seen(self, picture: np.ndarray, field: Field, size: int) -> torch.Tensor:
        """(1, S, S) of a picture (H, W)."""
        return self.normalisation.standard(_scaled(picture, self.scale, field, size))


def _alike(part: np.ndarray, pixels: np.ndarray) -> bool:
    return part.size > 0 and shared(part, pixels) >= _SHARED


def _scaled(picture: np.ndarray, scale: IntensityScale, field: Field, size: int) -> torch.Tensor:
    values = differences(picture, scale.offset) / scale.unit
    return field.region(picture).sample(values.clip(scale.low, scale.high)[None], size)
