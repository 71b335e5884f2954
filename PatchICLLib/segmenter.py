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
from PatchICLLib.propagation.geometry.region import Region
from PatchICLLib.propagation.painted_context import SIZES
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
        levels: what each level of the cascade did.
    """

    mask: np.ndarray
    probability: np.ndarray
    entropy: np.ndarray
    levels: tuple[LevelTrace, ...]


class InContextSegmenter:
    """Segments 2D images like the context shows.

    Args:
        pretrained: model with its weights.
        device: torch device of the model.
        size: side of the network's input in pixels; images are seen whole, fitted into a square of this size.
    """

    def __init__(self, pretrained: Pretrained, device: torch.device, size: int = SIZES[0]) -> None:
        self.pretrained, self.device, self.size = pretrained, device, size
        self._shown: tuple[torch.Tensor, torch.Tensor] | None = None  # (k, S, S) images and masks
        self._context: Any = None
        self._moved: Any = None  # the context, its pictures moved onto each other
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
        images = [np.asarray(image) for image in images]
        masks = [np.asarray(mask) != 0 for mask in masks]
        shapes, others = [image.shape for image in images], [mask.shape for mask in masks]
        if shapes != others or not shapes or any(len(shape) != 2 or 0 in shape for shape in shapes):
            raise InputError(
                f"Context images and masks must be (k, H, W) with k at least 1, not {_shape(shapes)}, {_shape(others)}."
            )
        if not all(np.isfinite(image).all() for image in images):
            raise InputError("The context images must hold finite numbers only; replace NaN and infinity.")
        if not any(mask.any() for mask in masks):
            raise InputError("The context masks are empty, but at least one must show what to segment.")
        regions = [self._region(shape) for shape in shapes]
        seen = torch.cat([self._seen(image, region) for image, region in zip(images, regions, strict=True)])
        soft = torch.cat([region.sample(mask[None], self.size) for mask, region in zip(masks, regions, strict=True)])
        self._shown = seen.to(self.device), soft.to(self.device)
        self._context, self._moved = self._encoded(None), None
        # other models know no places
        self._landmarks = Landmarks.of(*self._shown) if self.pretrained.preset == "sparse" else None

    def _encoded(self, places: torch.Tensor | None) -> Any:
        assert self._shown is not None
        images, masks = self._shown
        with torch.inference_mode(), inference_precision(self.device):
            return self.pretrained.model.encode_context(images[None], masks[None], places)  # type: ignore[operator]

    def segment(self, image: np.ndarray) -> Segmentation:
        """Segment a target image (H, W) of any size.

        Raises:
            InputError: no context, or not a 2D image of finite numbers.
        """
        image = np.asarray(image)
        if self._context is None:
            raise InputError("There is no context yet: call set_context first.")
        if image.ndim != 2 or not image.size or not np.isfinite(image).all():
            raise InputError(f"The target must be a 2D image of finite numbers, but its shape is {image.shape}.")
        region = self._region(image.shape)
        seen = self._seen(image, region).to(self.device)
        context, hints, places = self._placed(seen)
        with torch.inference_mode(), inference_precision(self.device):
            output = self.pretrained.model(seen[:, None], context, hints, places)
        restored, window = region.restore(output.logits[:, 0], (image.shape[0], image.shape[1]))
        logits = np.full(image.shape, -np.inf, np.float32)
        logits[window] = to_host(restored[0])
        with np.errstate(over="ignore"):
            probability = (1 / (1 + np.exp(-logits / self.pretrained.temperature))).astype(np.float32)
        entropy = np.zeros(image.shape, np.float32)
        entropy[window] = to_host(binary_entropy(restored[0] / self.pretrained.temperature))
        return Segmentation(logits > 0, probability, entropy, output.levels)

    def _placed(self, seen: torch.Tensor) -> tuple[Any, Hints | None, torch.Tensor | None]:
        """The context as it lies, or, where a target (1, S, S) shows it elsewhere, moved, its form, and their place."""
        if self._landmarks is None or self._shown is None:
            return self._context, None, None
        shifts, moved = self._landmarks.shifts(seen)
        if not to_host(moved)[0]:
            return self._context, None, None
        if self._moved is None:
            self._moved = self._encoded(F.pad(self._landmarks.offsets, (0, 1))[None])
        # contexts are encoded once for all targets, so it is the target that is moved, the other way
        hints = hints_of_moved(self._shown[1], self._landmarks.offsets + shifts)
        return self._moved, hints, F.pad(-shifts, (0, 1))

    @staticmethod
    def _region(shape: tuple[int, ...]) -> Region:
        return Region(((shape[0] - 1) / 2, (shape[1] - 1) / 2), float(max(shape)), (1.0, 1.0))

    def _seen(self, image: np.ndarray, region: Region) -> torch.Tensor:
        """(1, S, S), standardised by itself; what lies beyond the image is as dark as its darkest part."""
        values = differences(image, image.min().item())
        values = values / unit_of(float(values.max()))
        seen = region.sample((values - np.percentile(values, 0.3))[None], self.size)
        return Normalisation.fit(seen).standard(seen)


def _shape(shapes: list[tuple[int, ...]]) -> str:
    """(k, H, W) where all are alike, else each by itself."""
    return str((len(shapes), *shapes[0]) if len(set(shapes)) == 1 else shapes)
