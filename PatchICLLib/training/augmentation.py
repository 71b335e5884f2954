"""Intensities as another scanner would have given them, by MONAI's transforms."""

from __future__ import annotations

import numpy as np
from monai.transforms import (
    Compose,
    RandAdjustContrast,
    RandBiasField,
    RandGaussianNoise,
    RandGaussianSmooth,
    RandHistogramShift,
)

from PatchICLLib.array_tensor import array_tensor


class IntensityAugmentation:
    """Random contrast, bias field, noise, blur, histogram, polarity and slice-wise gain, the same for a whole stack."""

    def __init__(self) -> None:
        self.transform = Compose(
            [
                RandAdjustContrast(prob=0.5, gamma=(0.6, 1.7)),
                RandHistogramShift(prob=0.15, num_control_points=(5, 10)),
                RandBiasField(prob=0.2, degree=2, coeff_range=(0.0, 0.3)),
                RandGaussianSmooth(prob=0.15, sigma_x=(0.1, 0.4), sigma_y=(0.4, 1.0), sigma_z=(0.4, 1.0)),
                RandGaussianNoise(prob=0.4, std=0.08),
            ]
        )

    def __call__(self, stack: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Augment (Z, Y, X) float32 of about 0 to 1; the generator decides everything."""
        self.transform.set_random_state(seed=int(rng.integers(2**31)))
        changed = np.asarray(self.transform(array_tensor(stack)[None])[0], dtype=np.float32)
        if rng.random() < 0.15:
            changed = 1 - changed
        if rng.random() < 0.3:
            changed = changed * (1 + 0.06 * rng.normal(size=(len(changed), 1, 1)).astype(np.float32))
        return changed
