"""What all tests share: headless defaults, the embedded sample, real data where there is some, a phantom."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from PatchICLLib.resources import resource_path
from PatchICLLib.runtime.thread_waiting import choose_thread_waiting
from Testing.Miniatures.datasets import write_medsegbench, write_pictures, write_totalsegmentator
from Testing.Miniatures.death import Death

# Before anything imports Qt, VTK or matplotlib; a developer's own choice stays.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
os.environ.setdefault("MPLBACKEND", "Agg")
choose_thread_waiting(os.environ)  # before torch
# Started in the background of a script, Python ignores Ctrl-C, and so do the processes that tests press it in.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Torch's first call and busy machines take longer than hypothesis' 200 ms, which says nothing about the code.
# What CI says should depend on the commit alone; elsewhere every run tries other examples.
settings.register_profile("patchicl", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("patchicl")

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, eq=False)
class Phantom:
    """A synthetic scan.

    Attributes:
        image: (K, J, I) float32, about -100 to 400.
        labels: (K, J, I) uint8: 0 background, 1 and 2 bright ellipsoids, 3 a dark one.
        spacing: of k, j and i, in millimetres.
    """

    image: np.ndarray
    labels: np.ndarray
    spacing: tuple[float, float, float]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def sample_image_path() -> Path:
    """The embedded T1 MRI: 149 x 185 x 63 voxels of 1 mm."""
    return resource_path("SampleData/brain_t1.nii.gz")


@pytest.fixture(scope="session")
def sample_labels_path() -> Path:
    """The reference segmentation of the embedded MRI, labels 1 to 4."""
    return resource_path("SampleData/brain_t1_labels.nii.gz")


@pytest.fixture(scope="session")
def patchicl_data() -> Path:
    """The folder of real images for development, which is not part of the repository."""
    folder = os.environ.get("PATCHICL_DATA")
    if not folder:
        pytest.skip("needs real images: set PATCHICL_DATA to their folder")
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f"PATCHICL_DATA is {folder}, which is not a folder")
    return path


@pytest.fixture(scope="session")
def phantom() -> Phantom:
    """Three tilted ellipsoids with noise, 18 slices of 40 x 48 voxels, thick slices (2.5 x 0.9 x 0.8 mm). Read-only."""
    shape, spacing = (18, 40, 48), (2.5, 0.9, 0.8)
    k, j, i = ((np.arange(n, dtype=np.float32) - (n - 1) / 2) * step for n, step in zip(shape, spacing, strict=True))
    k, j, i = np.meshgrid(k, j, i, indexing="ij")
    labels = np.zeros(shape, np.uint8)
    for label, (ck, cj, ci), (rk, rj, ri) in (
        (1, (0, -6, -8), (17, 7, 6)),
        (2, (2, 6, 7), (13, 6, 8)),
        (3, (-3, -7, 10), (12, 5, 4)),
    ):
        # The centre moves by 0.15 mm for each mm along k: neighbouring slices differ.
        inside = ((k - ck) / rk) ** 2 + ((j - cj - 0.15 * k) / rj) ** 2 + ((i - ci) / ri) ** 2 <= 1
        labels[inside & (labels == 0)] = label
    mean = np.array([100, 260, 220, 20], np.float32)[labels]
    image = mean + np.random.default_rng(7).normal(0, 15, shape).astype(np.float32)
    for array in (image, labels):
        array.setflags(write=False)
    return Phantom(image, labels, spacing)


@pytest.fixture(scope="session")
def totalsegmentator_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A miniature of TotalSegmentator CT. Read-only."""
    return write_totalsegmentator(tmp_path_factory.mktemp("totalsegmentator"))


@pytest.fixture(scope="session")
def medsegbench_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A miniature of MedSegBench. Read-only."""
    return write_medsegbench(tmp_path_factory.mktemp("medsegbench"))


@pytest.fixture(scope="session")
def pictures_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of pictures. Read-only."""
    return write_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="session")
def _death() -> Death:
    return Death()


@pytest.fixture
def death(_death: Death) -> Iterator[Death]:
    """A process that dies at its n-th operation on files, played in this one."""
    _death.live()
    yield _death
    _death.live()
