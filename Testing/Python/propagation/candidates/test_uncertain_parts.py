"""Uncertain voxels of several labels belong to the nearest one."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from PatchICLLib.propagation.candidates.uncertain_parts import UncertainParts


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(1, 3))
def test_an_uncertain_voxel_without_a_label_belongs_to_the_nearest(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (9, 12, 11)
    smooth = ndimage.gaussian_filter(rng.normal(size=(count, *shape)), (0, 1.5, 1.5, 1.5))
    labels = np.where(smooth.max(0) > np.quantile(smooth.max(0), 0.7), smooth.argmax(0) + 1, 0).astype(np.uint8)
    probability = np.where(labels > 0, 0.9, rng.choice([0.01, 0.3], shape)).astype(np.float32)
    parts = UncertainParts.of(labels, probability, np.zeros_like(labels), {n + 1: [] for n in range(count)}, (1, 1, 1))
    found = {int(place): int(label) for place, label in zip(parts.places, parts.labels, strict=True)}
    assert set(found) == set(np.flatnonzero((probability > 0.05) & (probability < 0.95)).tolist())
    distances = {n: ndimage.distance_transform_edt(labels != n).ravel() for n in np.unique(labels) if n}
    for place, label in found.items():
        assert distances[label][place] == min(own[place] for own in distances.values())
