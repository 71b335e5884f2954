"""The methods that are compared, behind one Protocol."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from PatchICLLib.baselines.graph_cut import graph_cut
from PatchICLLib.baselines.interpolation import interpolate_shapes
from PatchICLLib.baselines.nearest import nearest_slice
from PatchICLLib.baselines.per_label import Baseline
from PatchICLLib.baselines.random_walker import random_walker
from PatchICLLib.baselines.slicer_filters import fill_between_slices, grow_from_seeds
from PatchICLLib.errors import InputError

if TYPE_CHECKING:
    from torch import nn

    from PatchICLLib.propagation import PropagationResult

Spacing = tuple[float, float, float]
_LABEL = 1  # of what is painted


@dataclass(frozen=True, eq=False)
class Painting:
    """What a method is given: a scan, and a structure painted on some of its slices.

    Attributes:
        image: (K, J, I) real numbers.
        painted: (K, J, I) integers, 1 where the structure was painted.
        slices: all that were looked at along the axis, also those where nothing of the structure was found.
        spacing: mm along (k, j, i).
        axis: array axis across the slices.
    """

    image: np.ndarray
    painted: np.ndarray
    slices: tuple[int, ...]
    spacing: Spacing
    axis: int

    @property
    def arguments(self) -> tuple[np.ndarray, np.ndarray, Spacing]:
        """Of an engine's ``propagate``."""
        return self.image, self.painted, self.spacing

    @property
    def options(self) -> dict[str, Any]:
        """Of the same."""
        return {"axis": self.axis, "painted_slices": self.slices or None}


@dataclass(frozen=True)
class PredictedStructure:
    """What a method made of one structure.

    Attributes:
        labels: (K, J, I) bool.
        probability: (K, J, I) float32 in [0, 1], or None.
        entropy: (K, J, I) float32 in bits (0-1), or None.
        seconds: wall-clock time of the prediction.
        suggested_slice: the slice the method would have painted next, or None.
    """

    labels: np.ndarray
    probability: np.ndarray | None
    entropy: np.ndarray | None
    seconds: float
    suggested_slice: int | None = None


class Method(Protocol):
    """A way to predict a structure from painted slices.

    Attributes:
        name: as in `--methods`.
        identity: tells results of different weights apart; empty for methods without weights.
    """

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> str: ...

    def predict(self, given: Painting) -> PredictedStructure:
        """Predict the whole volume."""
        ...


@dataclass(frozen=True)
class BaselineMethod:
    """A baseline, which works on the painted slices alone or on them and the image."""

    name: str
    fill: Baseline
    identity: str = ""

    def predict(self, given: Painting) -> PredictedStructure:
        start = time.perf_counter()
        filled = self.fill(given.painted, given.axis, given.slices, image=given.image, spacing=given.spacing)
        return PredictedStructure(filled == _LABEL, None, None, time.perf_counter() - start)


class Engine(Protocol):
    """What propagates: the product's ``Propagator``, or one like it."""

    def propagate(
        self, image: np.ndarray, painted: np.ndarray, spacing: Spacing, **options: Any
    ) -> PropagationResult: ...


def propagated(
    engine: Engine, image: np.ndarray, painted: np.ndarray, spacing: Spacing, **options: Any
) -> PredictedStructure:
    """A structure as an engine finds it, and the seconds that it takes; arguments as of ``propagate``."""
    start = time.perf_counter()
    result = engine.propagate(image, painted, spacing, outputs=frozenset({"probability", "entropy"}), **options)
    seconds = time.perf_counter() - start
    suggested = result.report["suggested_next_slice"]
    return PredictedStructure(result.labels == _LABEL, result.probability, result.entropy, seconds, suggested)


@dataclass(frozen=True)
class NetworkMethod:
    """A network in this package's `Propagator`, on the whole volume and with its default options.

    Attributes:
        name: of the method.
        propagator: with its network.
        identity: of the weights.
        prior: let painted slices give hints.
    """

    name: str
    propagator: Engine
    identity: str
    prior: bool = True

    def predict(self, given: Painting) -> PredictedStructure:
        return propagated(self.propagator, *given.arguments, **given.options, labels=[_LABEL], prior=self.prior)


@dataclass(frozen=True)
class Weights:
    """Weights of the networks among the methods: bundled names or files. None: those that ship.

    Attributes:
        patchicl: of the product.
        universeg: of UniverSeg, trained by this package.
    """

    patchicl: str | Path | None = None
    universeg: str | Path | None = None


Loader = Callable[[Weights, str], Method]


def _network(
    name: str,
    preset: str | None,
    weights: str | Path | None,
    device: str,
    changed: Callable[[Any], nn.Module] = lambda model: model,
    prior: bool = True,
) -> NetworkMethod:
    from PatchICLLib.propagation import Propagator
    from PatchICLLib.weights import find_weights, sha256_of

    identity = sha256_of(find_weights(weights, preset))[:12]
    propagator = Propagator.from_pretrained(weights, device, preset)
    propagator.model = changed(propagator.model)
    return NetworkMethod(name, propagator, identity, prior)


def _without(name: str, missing: tuple[str, ...], weights: Weights, device: str) -> Method:
    """The product with some hints kept from its network."""
    from PatchICLLib.evaluation.ablations import WithoutHints

    return _network(name, None, weights.patchicl, device, lambda model: WithoutHints(model, missing))


def _alone(name: str, hint: str) -> Method:
    """A hint without the network, and without the outlines, which are a hint too."""
    from PatchICLLib.evaluation.ablations import HintAlone
    from PatchICLLib.evaluation.variants import NothingDrawn, Variant, VariantEngine
    from PatchICLLib.propagation.refinement import gap_refinement
    from PatchICLLib.weights import load_weights

    alone = Variant(lambda _: HintAlone(hint), (gap_refinement, "Outlines", NothingDrawn))
    return NetworkMethod(name, VariantEngine(alone, load_weights()), "")


def _otherwise(name: str, weights: Weights) -> Method:
    """The product with one thing done otherwise."""
    from PatchICLLib.evaluation.variants import VARIANTS, VariantEngine
    from PatchICLLib.weights import find_weights, load_weights, sha256_of

    identity = sha256_of(find_weights(weights.patchicl, None))[:12]
    return NetworkMethod(name, VariantEngine(VARIANTS[name], load_weights(weights.patchicl)), identity)


def _baseline(name: str, fill: Baseline) -> Loader:
    return lambda _weights, _device: BaselineMethod(name, fill)


def _variant(name: str) -> Loader:
    return lambda weights, _device: _otherwise(name, weights)


# variants that may change the result
CHANGING = ("without-averaging", "without-outlines", "every-patch", "two-sweeps", "whole-resolution-vote", "bfloat16")
LOADERS: dict[str, Loader] = {
    "patchicl": lambda weights, device: _network("patchicl", None, weights.patchicl, device),
    "nearest": _baseline("nearest", nearest_slice),
    "interpolation": _baseline("interpolation", interpolate_shapes),
    "fill-between-slices": _baseline("fill-between-slices", fill_between_slices),
    "grow-from-seeds": _baseline("grow-from-seeds", grow_from_seeds),
    "random-walker": _baseline("random-walker", random_walker),
    "graph-cut": _baseline("graph-cut", graph_cut),
    # which takes no hints
    "universeg": lambda weights, device: _network("universeg", "universeg", weights.universeg, device, prior=False),
    "without-shape": lambda weights, device: _without("without-shape", ("shape",), weights, device),
    "without-vote": lambda weights, device: _without("without-vote", ("vote",), weights, device),
    "without-neighbours": lambda weights, device: _without("without-neighbours", ("neighbours",), weights, device),
    "without-hints": lambda weights, device: _network("without-hints", None, weights.patchicl, device, prior=False),
    "shape-alone": lambda _weights, _device: _alone("shape-alone", "shape"),
    "vote-alone": lambda _weights, _device: _alone("vote-alone", "vote"),
    **{name: _variant(name) for name in CHANGING},
}


def load_methods(names: list[str], weights: Weights | None = None, device: str = "auto") -> list[Method]:
    """Load the methods by name.

    Raises:
        InputError: a name or the device is unknown; WeightsError: weights cannot be loaded.
    """
    unknown = [name for name in names if name not in LOADERS]
    if unknown:
        raise InputError(f"There is no method {unknown[0]}: choose from {', '.join(LOADERS)}.")
    return [LOADERS[name](weights or Weights(), device) for name in names]
