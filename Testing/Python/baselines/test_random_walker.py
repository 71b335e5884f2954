import importlib.util
import sys

import numpy as np
import pytest

from PatchICLLib.baselines.random_walker import random_walker
from PatchICLLib.errors import InputError

needs_scikit_image = pytest.mark.skipif(
    importlib.util.find_spec("skimage") is None, reason="scikit-image is not installed"
)


def column(painted: int, empty: int) -> np.ndarray:
    """Slices 0 to ``painted - 1`` painted all over, up to the slice that is declared empty."""
    labels = np.zeros((empty + 1, 4, 4), np.uint8)
    labels[:painted] = 1
    return labels


@needs_scikit_image
@pytest.mark.parametrize(("empty", "filled"), [(22, [20]), (24, [20, 21])])
def test_where_the_image_shows_nothing_a_walk_ends_rather_at_the_nearer_seed(empty: int, filled: list[int]) -> None:
    # From z between 19 (inside) and e (outside) a walk on a line ends inside with probability (e - z) / (e - 19).
    labels = column(20, empty)
    result = random_walker(labels, 0, [empty], image=np.zeros(labels.shape), spacing=(1.0, 2.0, 3.0))
    assert (np.flatnonzero(result[20:].any((1, 2))) + 20).tolist() == filled


@needs_scikit_image
def test_an_edge_between_the_seeds_decides() -> None:
    labels = column(9, 12)
    image = np.where(np.arange(13) <= 10, 0.0, 50.0)[:, None, None] * np.ones((1, 4, 4))
    assert random_walker(labels, 0, [12], image=image)[10].all()
    assert not random_walker(labels, 0, [12], image=image)[11].any()


@needs_scikit_image
@pytest.mark.parametrize("factor", [0.001, 1.0, 1000.0])
def test_the_unit_of_the_intensities_does_not_matter(factor: float) -> None:
    random = np.random.default_rng(2)
    labels = np.zeros((9, 10, 10), np.uint8)
    labels[[1, 7], 3:8, 3:8] = 1
    image = random.normal(size=labels.shape) + 3.0 * (np.abs(np.arange(10) - 5) < 3)
    np.testing.assert_array_equal(
        random_walker(labels, 0, image=factor * image - 7 * factor), random_walker(labels, 0, image=image)
    )


def test_without_scikit_image_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
    with pytest.raises(InputError, match="pip install scikit-image"):
        random_walker(np.ones((3, 3, 3), np.uint8), 0, image=np.ones((3, 3, 3)))
