"""Made-up anatomy and contrast."""

import numpy as np
import pytest

from PatchICLLib.training.synthetic import paint_labels, random_anatomy, smooth_noise


@pytest.mark.parametrize("seed", range(3))
def test_anatomy_is_a_label_map_with_several_structures(seed):
    volume = random_anatomy(np.random.default_rng(seed), (20, 40, 36))
    assert volume.image is None
    assert volume.labels.shape == (20, 40, 36)
    assert volume.labels.min() >= 1
    assert set(volume.objects) == set(np.unique(volume.labels))
    assert len(volume.objects) >= 4
    assert volume.spacing[0] in (1.0, 2.0, 4.0) and volume.spacing[1:] == (1.0, 1.0)
    for label, box in volume.objects.items():
        inside = volume.labels[box] == label
        assert inside.sum() == (volume.labels == label).sum()


def test_seeds_reproduce_anatomy_and_contrast():
    def make(seed):
        rng = np.random.default_rng(seed)
        labels = random_anatomy(rng, (12, 24, 24)).labels
        return labels, paint_labels(rng, labels)

    for a, b in zip(make(1), make(1), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(make(1)[0], make(2)[0])


def test_paint_gives_each_label_a_brightness_of_its_own():
    labels = np.zeros((8, 60, 60), np.uint16)
    labels[:, 20:40] = 1
    labels[:, 40:] = 2
    contrasts = []
    for seed in range(20):
        image = paint_labels(np.random.default_rng(seed), labels)
        assert image.dtype == np.float32
        assert image.min() > -0.6 and image.max() < 1.6
        means = [image[:, a : a + 10].mean() for a in (5, 25, 45)]
        contrasts.append(np.ptp(means))
        # inside a label only noise remains
        assert all(image[:, a : a + 10].std() < 0.15 for a in (5, 25, 45))
    assert np.median(contrasts) > 0.3


def test_in_half_of_the_scans_labels_share_tissues():
    """Of thirty labels side by side, few brightnesses are left, so that neighbours may have no edge between them."""
    labels = np.repeat(np.arange(30, dtype=np.uint16), 6)[None, :, None] * np.ones((6, 1, 12), np.uint16)

    def tissues(seed: int) -> int:
        image = paint_labels(np.random.default_rng(seed), labels)
        means = image.reshape(6, 30, 6, 12)[:, :, 2:4].mean((0, 2, 3))
        return int((np.diff(np.sort(means)) > 0.02).sum()) + 1

    counts = np.array([tissues(seed) for seed in range(40)])
    assert 8 <= (counts <= 10).sum() <= 32


def test_smooth_noise_is_smooth_and_of_the_shape_asked_for():
    noise = smooth_noise(np.random.default_rng(0), (10, 33, 20), (3, 4, 5), 2)
    assert noise.shape == (2, 10, 33, 20)
    assert np.abs(np.diff(noise, axis=2)).max() < 0.5 * np.ptp(noise)
