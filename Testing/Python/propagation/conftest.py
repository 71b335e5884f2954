"""A small untrained engine, which is quick and follows the painted slices' hints, and scans to propagate through."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from PatchICLLib.cascade.sparse import SparseCascade
from PatchICLLib.propagation import Propagator
from PatchICLLib.weights import Pretrained
from Testing.Miniatures import small_cascade


@pytest.fixture(scope="session")
def small_model() -> SparseCascade:
    """The sparse cascade with a few thousand untrained parameters."""
    return small_cascade.small_model()


@pytest.fixture(scope="session")
def new_engine(small_model: SparseCascade) -> Callable[[], Propagator]:
    """Makes engines that remember nothing."""
    return lambda: Propagator(Pretrained(small_model, "small", "sparse", "0" * 64, {}), torch.device("cpu"))


@pytest.fixture
def engine(new_engine: Callable[[], Propagator]) -> Propagator:
    """An engine that remembers nothing."""
    return new_engine()


@dataclass(frozen=True, eq=False)
class Scan:
    """A synthetic scan, painted on a few slices.

    Attributes:
        image: (K, J, I) float32.
        labels: (K, J, I) uint8, the whole segmentation.
        painted: (K, J, I) uint8, of slices 3, 7 and 10 along k: label 1 on all, label 2 on the last two.
        spacing: in mm.
    """

    image: np.ndarray
    labels: np.ndarray
    painted: np.ndarray
    spacing: tuple[float, float, float]


@pytest.fixture(scope="session")
def scan() -> Scan:
    """Two bright ellipsoids off the middle in noise, slices of 2.5 mm. Read-only."""
    shape = (14, 34, 28)
    k, j, i = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    labels = np.zeros(shape, np.uint8)
    labels[((k - 7) / 5) ** 2 + ((j - 10 - 0.3 * k) / 7) ** 2 + ((i - 9) / 6) ** 2 <= 1] = 1
    labels[((k - 9) / 4) ** 2 + ((j - 26) / 5) ** 2 + ((i - 19) / 5) ** 2 <= 1] = 2
    image = (labels * 90 + np.random.default_rng(3).normal(0, 12, shape)).astype(np.float32)
    painted = np.zeros_like(labels)
    painted[3] = np.where(labels[3] == 1, 1, 0)
    for index in (7, 10):
        painted[index] = labels[index]
    for array in (image, labels, painted):
        array.setflags(write=False)
    return Scan(image, labels, painted, (2.5, 1.0, 0.8))
