"""The paper's 2D use: context images with masks once, then as many target images as needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from PatchICLLib.cascade.entropy import binary_entropy
from PatchICLLib.cascade.hint_channels import Hints
from PatchICLLib.cascade.trace import LevelTrace
from PatchICLLib.errors import InputError
from PatchICLLib.hints.placing import Landmarks, hints_of_moved
from PatchICLLib.propagation.geometry.intensity_scale import differences, unit_of
from PatchICLLib.propagation.geometry.normalisation import Normalisation
from PatchICLLib.propagation.geometry.region import GROWTH, MINIMUM_PIXELS, Region
from PatchICLLib.propagation.painted_context import SIZES, input_size
from PatchICLLib.runtime.device import inference_precision, resolve_device
from PatchICLLib.runtime.transfers import to_host
from PatchICLLib.weights import Pretrained, load_weights


@dataclass(frozen=True)
class Segmentation:
    """Prediction for a target image (H, W).

    Attributes:
        mask: (H, W) bool.
        probability: (H, W) float32, 0 to 1.
        entropy: (H, W) float32, bits, 0 to 1.
        levels: what each level of the cascade did,
        seen: in this square of the image: its first row and column, and its side, which may reach beyond the image.
    """

    mask: np.ndarray
    probability: np.ndarray
    entropy: np.ndarray
    levels: tuple[LevelTrace, ...]
    seen: tuple[float, float, float]


@dataclass(frozen=True)
class _Field:
    """What is seen of pictures, in fields of view: a square, from the middle of each picture.

    Attributes:
        centre: rows and columns.
        side: 1 sees pictures whole.
    """

    centre: tuple[float, float] = (0.0, 0.0)
    side: float = 1.0

    @classmethod
    def around(cls, masks: Sequence[np.ndarray], growth: float = GROWTH) -> _Field:
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

    def region(self, shape: tuple[int, ...]) -> Region:
        """In a picture (H, W), with its centre in the picture."""
        whole, sides = float(max(shape)), np.array(shape)
        row, column = (np.array(self.centre) * whole).clip(-sides / 2, sides / 2) + (sides - 1) / 2
        return Region((float(row), float(column)), self.side * whole, (1.0, 1.0))


_WHOLE = _Field()


@dataclass(frozen=True)
class _View:
    """The context through a field: masks (k, S, S), and the images with them, encoded."""

    field: _Field
    masks: torch.Tensor
    context: Any


class InContextSegmenter:
    """Segments 2D images like the context shows.

    Where a target looks like the context, as slices of one scan do, the network sees no more of both than is around the
    context's masks: what is small has more pixels then, at the same cost. Images with so few pixels that they are seen
    as well whole are seen whole, and so are all by other models than `sparse`.

    Args:
        pretrained: model with its weights.
        device: torch device of the model.
        size: side of the network's input in pixels; what is seen of an image is fitted into a square of this size.
    """

    def __init__(self, pretrained: Pretrained, device: torch.device, size: int = SIZES[0]) -> None:
        self.pretrained, self.device, self.size = pretrained, device, size
        self._given: tuple[list[np.ndarray], list[np.ndarray]] | None = None
        self._views: dict[str, _View] = {}
        self._landmarks: Landmarks | None = None

    @classmethod
    def from_pretrained(
        cls, weights: str | Path | None = None, device: str = "auto", preset: str | None = None, size: int = SIZES[0]
    ) -> InContextSegmenter:
        """With bundled weights (by name, or the default), or those of a file.

        Raises:
            InputError: unknown weights, preset or device.
        """
        chosen = resolve_device(device)
        return cls(load_weights(weights, preset, chosen), chosen, size)

    def set_context(self, images: np.ndarray | Sequence[np.ndarray], masks: np.ndarray | Sequence[np.ndarray]) -> None:
        """Encode the context; it is kept for all targets to come.

        Args:
            images: k arrays (H, W) of real numbers, each normalised by itself; their sizes may differ.
            masks: k arrays of the same sizes, inside where not 0.

        Raises:
            InputError: shapes that differ, numbers that are not finite, or masks that are all empty.
        """
        images, drawn = [np.asarray(image) for image in images], [np.asarray(mask) for mask in masks]
        masks = [mask != 0 for mask in drawn]
        shapes, others = [image.shape for image in images], [mask.shape for mask in masks]
        if shapes != others or not shapes or any(len(shape) != 2 or 0 in shape for shape in shapes):
            raise InputError(
                f"Context images and masks must be (k, H, W) with k at least 1, not {_shape(shapes)}, {_shape(others)}."
            )
        if not all(np.isfinite(array).all() for array in (*images, *drawn)):
            raise InputError("Context images and masks must hold finite numbers only; replace NaN and infinity.")
        if not any(mask.any() for mask in masks):
            raise InputError("The context masks are empty, but at least one must show what to segment.")
        self._given, self._views, self._landmarks = (images, masks), {}, None
        if self.pretrained.preset == "sparse":  # other models know no places
            self._landmarks = Landmarks.of(*self._through(_WHOLE))

    def _through(self, field: _Field) -> tuple[torch.Tensor, torch.Tensor]:
        """Context images and masks through a field, (k, S, S) each."""
        assert self._given is not None
        regions = [field.region(image.shape) for image in self._given[0]]
        seen = [self._seen(image, region) for image, region in zip(self._given[0], regions, strict=True)]
        drawn = [region.sample(mask[None], self.size) for mask, region in zip(self._given[1], regions, strict=True)]
        return torch.cat(seen).to(self.device), torch.cat(drawn).to(self.device)

    def _view(self, name: str, field: _Field, offsets: torch.Tensor | None = None) -> _View:
        """The context through a field, its images moved by offsets (k, 2); encoded once for all targets."""
        if name not in self._views:
            seen, drawn = self._through(field)
            places = None if offsets is None else F.pad(offsets, (0, 1))[None]
            with torch.inference_mode(), inference_precision(self.device):
                context = self.pretrained.model.encode_context(seen[None], drawn[None], places)  # type: ignore[operator]
            self._views[name] = _View(field, drawn, context)
        return self._views[name]

    def segment(self, image: np.ndarray) -> Segmentation:
        """Segment a target image (H, W) of any size.

        Raises:
            InputError: no context, or not a 2D image of finite numbers.
        """
        image = np.asarray(image)
        if self._given is None:
            raise InputError("There is no context yet: call set_context first.")
        if image.ndim != 2 or not image.size or not np.isfinite(image).all():
            raise InputError(f"The target must be a 2D image of finite numbers, but its shape is {image.shape}.")
        view, hints, places = self._placed(image)
        region = view.field.region(image.shape)
        seen = self._seen(image, region).to(self.device)
        with torch.inference_mode(), inference_precision(self.device):
            output = self.pretrained.model(seen[:, None], view.context, hints, places)
        restored, window = region.restore(output.logits[:, 0], (image.shape[0], image.shape[1]))
        logits = np.full(image.shape, -np.inf, np.float32)
        logits[window] = to_host(restored[0])
        with np.errstate(over="ignore"):
            probability = (1 / (1 + np.exp(-logits / self.pretrained.temperature))).astype(np.float32)
        entropy = np.zeros(image.shape, np.float32)
        entropy[window] = to_host(binary_entropy(restored[0] / self.pretrained.temperature))
        row, column = (centre - region.side / 2 for centre in region.centre)
        return Segmentation(logits > 0, probability, entropy, output.levels, (row, column, region.side))

    def _placed(self, image: np.ndarray) -> tuple[_View, Hints | None, torch.Tensor | None]:
        """How a target is seen, and, where it shows the context elsewhere, its form there and its place."""
        if self._landmarks is None or self._given is None:
            return self._view("whole", _WHOLE), None, None
        whole = _WHOLE.region(image.shape)
        found = self._landmarks.find(self._seen(image, whole).to(self.device))
        if to_host(found.moved)[0]:
            offsets = self._landmarks.offsets
            view = self._view("moved", _WHOLE, offsets)
            # contexts are encoded once for all targets, so it is the target that is moved, the other way
            return view, hints_of_moved(view.masks, offsets + found.shifts), F.pad(-found.shifts, (0, 1))
        if input_size(whole) > SIZES[0] and to_host(found.alike)[0]:
            return self._view("near", _Field.around(self._given[1])), None, None
        return self._view("whole", _WHOLE), None, None

    def _seen(self, image: np.ndarray, region: Region) -> torch.Tensor:
        """(1, S, S), standardised by itself; what lies beyond the image is as dark as its darkest part."""
        values = differences(image, image.min().item())
        values = values / unit_of(float(values.max()))
        seen = region.sample((values - np.percentile(values, 0.3))[None], self.size)
        return Normalisation.fit(seen).standard(seen)


def _shape(shapes: list[tuple[int, ...]]) -> str:
    """(k, H, W) where all are alike, else each by itself."""
    return str((len(shapes), *shapes[0]) if len(set(shapes)) == 1 else shapes)
