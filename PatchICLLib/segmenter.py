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
from PatchICLLib.fields_of_view import Field, OneScale, OwnScale
from PatchICLLib.hints.placing import Landmarks, hints_of_moved
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


_WHOLE = Field()
_OWN = OwnScale()


@dataclass(frozen=True)
class _View:
    """The context through a field, on a scale: masks (k, S, S), and the images with them, encoded."""

    field: Field
    scale: OwnScale | OneScale
    masks: torch.Tensor
    context: Any


class InContextSegmenter:
    """Segments 2D images like the context shows.

    Where a target looks like the context, as slices of one scan do, the network sees no more of both than is around the
    context's masks: what is small has more pixels then, at the same cost; and where their intensities are alike, too,
    all are seen on the scale of the structure in the context. Images with so few pixels that they are seen as well
    whole are seen whole, and so are all by other models than `sparse`.

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
        self._near: tuple[Field, OneScale | None] | None = None

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
            images: k arrays (H, W) of real numbers; their sizes may differ.
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
        self._given, self._views, self._landmarks, self._near = (images, masks), {}, None, None
        if self.pretrained.preset == "sparse":  # other models know no places
            self._landmarks = Landmarks.of(*self._through(_WHOLE, _OWN))

    def _through(self, field: Field, scale: OwnScale | OneScale) -> tuple[torch.Tensor, torch.Tensor]:
        """Context images and masks through a field, (k, S, S) each."""
        assert self._given is not None
        images, masks = self._given
        seen = [scale.seen(image, field, self.size) for image in images]
        drawn = [field.region(mask).sample(mask[None], self.size) for mask in masks]
        return torch.cat(seen).to(self.device), torch.cat(drawn).to(self.device)

    def _view(
        self, name: str, field: Field, scale: OwnScale | OneScale = _OWN, offsets: torch.Tensor | None = None
    ) -> _View:
        """The context through a field, its images moved by offsets (k, 2); encoded once for all targets."""
        if name not in self._views:
            seen, drawn = self._through(field, scale)
            places = None if offsets is None else F.pad(offsets, (0, 1))[None]
            with torch.inference_mode(), inference_precision(self.device):
                context = self.pretrained.model.encode_context(seen[None], drawn[None], places)  # type: ignore[operator]
            self._views[name] = _View(field, scale, drawn, context)
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
        region = view.field.region(image)
        seen = view.scale.seen(image, view.field, self.size).to(self.device)
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
        found = self._landmarks.find(_OWN.seen(image, _WHOLE, self.size).to(self.device))
        if to_host(found.moved)[0]:
            offsets = self._landmarks.offsets
            view = self._view("moved", _WHOLE, offsets=offsets)
            # contexts are encoded once for all targets, so it is the target that is moved, the other way
            return view, hints_of_moved(view.masks, offsets + found.shifts), F.pad(-found.shifts, (0, 1))
        if input_size(_WHOLE.region(image)) > SIZES[0] and to_host(found.alike)[0]:
            return self._view_near(image), None, None
        return self._view("whole", _WHOLE), None, None

    def _view_near(self, image: np.ndarray) -> _View:
        """How a target is seen that looks like the context as it lies."""
        assert self._given is not None
        if self._near is None:
            field = Field.around(self._given[1])
            self._near = field, OneScale.of(*self._given, field, self.size)
        field, scale = self._near
        if scale is not None and scale.holds(image):
            return self._view("near, on one scale", field, scale)
        return self._view("near", field)


def _shape(shapes: list[tuple[int, ...]]) -> str:
    """(k, H, W) where all are alike, else each by itself."""
    return str((len(shapes), *shapes[0]) if len(set(shapes)) == 1 else shapes)
