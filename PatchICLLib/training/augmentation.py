"""Intensities as another scanner would have given them, by MONAI's transforms."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from PatchICLLib.array_tensor import array_tensor

_BIASED, _BIAS, _DEGREE = 0.2, 0.3, 2  # share of the stacks, largest coefficient, degree of the polynomials


@dataclass(frozen=True)
class Window:
    """Where a stack was cut out of a larger one.

    Attributes:
        shape: of the larger one.
        start: where the stack begins in it.
    """

    shape: tuple[int, ...]
    start: tuple[int, ...]


class Augmentation(Protocol):
    def __call__(self, stack: np.ndarray, rng: np.random.Generator, window: Window | None = None) -> np.ndarray:
        """Changes (Z, Y, X) float32 of about 0 to 1; the generator decides everything."""


class IntensityAugmentation:
    """Random contrast, bias field, noise, blur, histogram, polarity and slice-wise gain, the same for a whole stack."""

    def __init__(self) -> None:
        # MONAI: what else learns, without these, does not need it
        from monai.transforms import (
            Compose,
            RandAdjustContrast,
            RandGaussianNoise,
            RandGaussianSmooth,
            RandHistogramShift,
        )

        self.curves = Compose(
            [RandAdjustContrast(prob=0.5, gamma=(0.6, 1.7)), RandHistogramShift(prob=0.15, num_control_points=(5, 10))]
        )
        self.grain = Compose(
            [
                RandGaussianSmooth(prob=0.15, sigma_x=(0.1, 0.4), sigma_y=(0.4, 1.0), sigma_z=(0.4, 1.0)),
                RandGaussianNoise(prob=0.4, std=0.08),
            ]
        )

    def __call__(self, stack: np.ndarray, rng: np.random.Generator, window: Window | None = None) -> np.ndarray:
        """Augment (Z, Y, X) float32 of about 0 to 1; the generator decides everything.

        Args:
            stack: what is seen of a larger one is enough.
            rng: the generator.
            window: where it was cut out, so that the bias field varies as slowly as over the whole; None: it is whole.
        """
        changed = array_tensor(stack)[None]
        changed = self.curves.set_random_state(seed=int(rng.integers(2**31)))(changed)
        if rng.random() < _BIASED:
            changed = changed * array_tensor(bias_field(rng, stack.shape, window))
        changed = self.grain.set_random_state(seed=int(rng.integers(2**31)))(changed)
        made = np.asarray(changed[0], dtype=np.float32)
        if rng.random() < 0.15:
            made = 1 - made
        if rng.random() < 0.3:
            made = made * (1 + 0.06 * rng.normal(size=(len(made), 1, 1)).astype(np.float32))
        return made


def bias_field(rng: np.random.Generator, shape: tuple[int, ...], window: Window | None = None) -> np.ndarray:
    """As MONAI's RandBiasField has it, of a part of a stack: (Z, Y, X), positive."""
    whole = window or Window(shape, (0, 0, 0))
    coefficients = np.zeros((_DEGREE + 1,) * 3)
    places = np.nonzero(np.indices(coefficients.shape).sum(0) <= _DEGREE)
    coefficients[places] = rng.uniform(0, _BIAS, len(places[0]))
    z, y, x = (
        np.linspace(-1, 1, n)[first : first + m] for n, first, m in zip(whole.shape, whole.start, shape, strict=True)
    )
    return np.exp(np.polynomial.legendre.leggrid3d(z, y, x, coefficients).astype(np.float32))
