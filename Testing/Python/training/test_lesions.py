"""Lesions painted into scans."""

import numpy as np
import pytest
from scipy import ndimage

pytest.importorskip("monai", reason="needs monai: pip install patchicl[train]")

from PatchICLLib.training.lesions import with_lesions  # noqa: E402

SPACING = (2.0, 1.0, 1.0)
INNER = (slice(10, 30), slice(15, 45), slice(15, 45))


def scan() -> np.ndarray:
    return np.random.default_rng(0).normal(100, 2, (40, 60, 60)).astype(np.float32)


@pytest.mark.parametrize("seed", range(8))
def test_the_image_changes_in_the_lesions_and_nowhere_else(seed: int) -> None:
    image = scan()
    volume = with_lesions(image.copy(), SPACING, INNER, 50.0, np.random.default_rng(seed))
    assert volume.image is not None and volume.pseudo
    assert set(volume.objects) == {1}
    change = np.abs(volume.image - image)
    mask = volume.labels > 0
    assert change[mask].mean() > 3

    far = ndimage.distance_transform_edt(~mask, sampling=SPACING) > 5
    assert change[far].max(initial=0) < 1e-3


def test_the_generator_decides_everything() -> None:
    one, same, other = (with_lesions(scan(), SPACING, INNER, 50.0, np.random.default_rng(s)) for s in (1, 1, 2))
    assert np.array_equal(one.labels, same.labels) and np.array_equal(one.image, same.image)
    assert not np.array_equal(one.labels, other.labels)


def test_lesions_grow_around_the_inner_part() -> None:
    for seed in range(5):
        labels = with_lesions(scan(), SPACING, INNER, 50.0, np.random.default_rng(seed)).labels
        assert labels[INNER].any()
