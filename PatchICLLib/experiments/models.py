"""The models that an experiment compares: presets with their weights, weights files, and a trivial baseline."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from PatchICLLib.errors import InputError

if TYPE_CHECKING:
    import torch

    from PatchICLLib.cascade.trace import LevelTrace
    from PatchICLLib.segmenter import InContextSegmenter

MEAN_MASK = "mean-mask"
OFFICIAL_ENDING = ".pt"


@dataclass(frozen=True)
class Prediction:
    """Attributes: mask (H, W) bool; seconds, with the context's encoding; levels of the cascade, none of others, in the
    square of the image that was seen, see `Segmentation`."""

    mask: np.ndarray
    seconds: float
    levels: tuple[LevelTrace, ...] = ()
    seen: tuple[float, float, float] | None = None


class Model(Protocol):
    """Something that segments an image like context pairs show.

    Attributes:
        name: in the tables.
        identity: tells weights apart; empty without weights.
        network: the module whose operations can be counted; None without one.
    """

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> str: ...

    @property
    def network(self) -> torch.nn.Module | None: ...

    def predict(
        self, images: Sequence[np.ndarray], masks: Sequence[np.ndarray], target: np.ndarray, size: int
    ) -> Prediction:
        """Segment a target (H, W) from context images and masks of any sizes.

        Args:
            size: side of the network's input in pixels; every image is fitted into a square of this size.
        """
        ...


@dataclass(frozen=True)
class MeanMask:
    """Where at least half of the context masks lie, stretched to the target's size: what needs no image at all."""

    name: str = MEAN_MASK
    identity: str = ""
    network: None = None

    def predict(
        self, images: Sequence[np.ndarray], masks: Sequence[np.ndarray], target: np.ndarray, size: int
    ) -> Prediction:
        start = time.perf_counter()
        rows, columns = target.shape
        stretched = []
        for mask in masks:
            # nearest pixel by the centres' places, as fractions of each image
            y = ((np.arange(rows) + 0.5) * mask.shape[0] / rows).astype(int)
            x = ((np.arange(columns) + 0.5) * mask.shape[1] / columns).astype(int)
            stretched.append(mask[y[:, None], x[None]])
        found = np.mean(stretched, axis=0) >= 0.5
        return Prediction(found, time.perf_counter() - start)


class NetworkModel:
    """A preset's network with its weights.

    Args:
        name: in the tables.
        pretrained: network and weights; UniverSeg is set to work at the size it is given, not at its published one.
        device: torch device.
    """

    def __init__(self, name: str, pretrained: Any, device: torch.device) -> None:
        self.name, self.identity, self.device = name, pretrained.sha256[:12], device
        if pretrained.preset == "universeg":
            pretrained.model.configuration = replace(pretrained.model.configuration, working_size=None)
        pretrained.model.to(device)
        self.pretrained = pretrained
        self._segmenters: dict[int, InContextSegmenter] = {}

    @property
    def network(self) -> torch.nn.Module:
        module: torch.nn.Module = self.pretrained.model
        return module

    def predict(
        self, images: Sequence[np.ndarray], masks: Sequence[np.ndarray], target: np.ndarray, size: int
    ) -> Prediction:
        from PatchICLLib.segmenter import InContextSegmenter

        if size not in self._segmenters:
            self._segmenters[size] = InContextSegmenter(self.pretrained, self.device, size)
        segmenter = self._segmenters[size]
        start = time.perf_counter()
        segmenter.set_context(images, masks)
        found = segmenter.segment(target)
        return Prediction(found.mask, time.perf_counter() - start, found.levels, found.seen)


@dataclass(frozen=True)
class ModelChoice:
    """A model as `--models` names it: ``sparse``, ``mean-mask``, ``FILE``, or ``NAME=FILE``."""

    name: str
    weights: str

    @classmethod
    def parse(cls, text: str) -> ModelChoice:
        """Read one entry of `--models`; a file alone is called like the file."""
        name, equals, weights = text.partition("=")
        if equals and not (name and weights):
            raise InputError(f"A model must be NAME, FILE, or NAME=FILE, but it is {text}.")
        return cls(name, weights) if equals else cls(_stem(text), text)

    def load(self, device: torch.device) -> Model:
        """Raises WeightsError if there are no such weights."""
        if self.weights == MEAN_MASK:
            return MeanMask(self.name)
        from PatchICLLib.presets import PRESETS
        from PatchICLLib.weights import load_weights, official_pretrained

        if self.weights.endswith(OFFICIAL_ENDING):
            return NetworkModel(self.name, official_pretrained(self.weights, None), device)
        preset = self.weights if self.weights in PRESETS else None
        return NetworkModel(self.name, load_weights(None if preset else self.weights, preset, device), device)


def parse_models(texts: Sequence[str]) -> list[ModelChoice]:
    """All entries of `--models`.

    Raises:
        InputError: none, or two of the same name.
    """
    choices = [ModelChoice.parse(text) for text in texts]
    names = [choice.name for choice in choices]
    if not names or len(set(names)) < len(names):
        raise InputError("Give at least one model, and each a name of its own: NAME=FILE.")
    return choices


def _stem(text: str) -> str:
    path = Path(text)
    return path.stem if path.suffix in (".safetensors", OFFICIAL_ENDING) else text
