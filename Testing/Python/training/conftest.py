"""Training small enough for tests: a tiny cascade, made-up anatomy, and a miniature folder of data."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PatchICLLib.cascade.configuration import SparseConfiguration
from PatchICLLib.training.mixture import BatchPlan, Tasks
from PatchICLLib.training.recipe import Recipe
from PatchICLLib.training.synthetic import random_anatomy
from PatchICLLib.training.tasks import HintDropout, VolumeTasks

TINY = Recipe(
    model=SparseConfiguration(
        coarsest=16,
        patch_size=8,
        patch_stride=8,
        channels=(4, 4, 8),
        features=16,
        heads=2,
        layers=1,
        key_features=4,
        target_patches=(4, 6),
        context_patches=(3, 5),
    ),
    plan=BatchPlan(tasks=2, targets=2, contexts=(1, 2), sizes=((32, 1.0),)),
    steps=4,
    warm_up=2,
    seed=5,
)


def small_anatomy(rng: np.random.Generator):
    return random_anatomy(rng, (20, 40, 40))


@pytest.fixture(scope="session")
def tiny_recipe() -> Callable[..., Recipe]:
    """The recipe of a few steps of a tiny cascade; keyword arguments change it."""
    return lambda **changes: replace(TINY, **changes)


@pytest.fixture(scope="session")
def anatomy_mixture() -> list[tuple[Tasks, float]]:
    return [(VolumeTasks(small_anatomy, dropout=HintDropout()), 1.0)]


def write(array: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((1.0, 1.0, 2.0))
    sitk.WriteImage(image, str(path))


def ball(shape: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A noisy scan of a bright ball and its label map."""
    rng = np.random.default_rng(seed)
    places = np.indices(shape).astype(np.float32)
    centre = np.array([(n - 1) / 2 for n in shape]).reshape(-1, *[1] * len(shape)) + rng.normal(0, 1)
    label = (np.sqrt(((places - centre) ** 2).sum(0)) < min(shape) * 0.4).astype(np.uint8)
    return (80 * label + rng.normal(100, 6, shape)).astype(np.int16), label


@pytest.fixture(scope="session")
def miniature_data(tmp_path_factory) -> Path:
    """A folder with all kinds of sources: labelled scans (some for development), label maps, bare scans, 2D images."""
    data = tmp_path_factory.mktemp("data")
    for number in (1, 2, 10):  # hippocampus_10 belongs to the development split
        image, label = ball((20, 24, 22), number)
        write(image, data / "mri_hippocampus_msd" / f"hippocampus_{number:02}_image.nii.gz")
        write(label, data / "mri_hippocampus_msd" / f"hippocampus_{number:02}_label.nii.gz")
    image, label = ball((18, 20, 20), 4)
    write(image, data / "ct_balls" / "a_image.nrrd")
    write(label * 7, data / "ct_balls" / "a_label.nrrd")
    write(ball((18, 20, 20), 5)[1], data / "maps" / "b_label.mha")
    write(ball((24, 26, 22), 6)[0], data / "bare" / "c.nii.gz")
    for number in range(7):
        image, label = ball((40, 50), number)
        folder = data / "2d_balls"
        folder.mkdir(exist_ok=True)
        sitk.WriteImage(
            sitk.GetImageFromArray(np.clip(image, 0, 255).astype(np.uint8)), str(folder / f"{number}_image.png")
        )
        sitk.WriteImage(sitk.GetImageFromArray(label), str(folder / f"{number}_label.png"))
    return data
