"""Something to segment in scans without labels: supervoxels, joined with neighbours that look alike."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from PatchICLLib.training.volumes import LabelledVolume, read_array

_WORKING_VOXELS = 6_000_000


def supervoxels(image: np.ndarray, spacing: tuple[float, ...], size_mm: float) -> np.ndarray:
    """SLIC supervoxels of about ``size_mm``: (Z, Y, X) int32, from 1."""
    source = sitk.GetImageFromArray(image.astype(np.float32))
    grid = [max(3, round(size_mm / s)) for s in spacing[::-1]]
    low, high = np.percentile(image, [1, 99])
    slic = sitk.SLICImageFilter()
    slic.SetSuperGridSize(grid)
    slic.SetSpatialProximityWeight(float((high - low) / 10))
    slic.SetMaximumNumberOfIterations(4)
    slic.SetEnforceConnectivity(True)
    return sitk.GetArrayFromImage(slic.Execute(source)).astype(np.int32) + 1


def prepare(path: Path, cache: Path, sizes_mm: tuple[float, ...] = (5.0, 9.0, 16.0)) -> list[Path]:
    """Supervoxels of one scan at several sizes, computed once and kept in ``cache``."""
    key = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:10]
    made = []
    for size in sizes_mm:
        target = cache / f"supervoxels-{key}-{size:g}.npz"
        if not target.exists():
            image, spacing = read_array(path)
            image = image.astype(np.float32)
            while image.size > _WORKING_VOXELS:  # halve the finest axis
                axis = int(np.argmin(spacing))
                even = image.shape[axis] // 2 * 2
                image = (
                    np.take(image, range(even), axis)
                    .reshape([n for a, s in enumerate(image.shape) for n in ((even // 2, 2) if a == axis else (s,))])
                    .mean(axis + 1)
                )
                spacing = tuple(s * 2 if a == axis else s for a, s in enumerate(spacing))
            labels = supervoxels(image, spacing, size)
            cache.mkdir(parents=True, exist_ok=True)
            unfinished = target.with_suffix(".part.npz")
            np.savez_compressed(unfinished, image=image.astype(np.float16), labels=labels, spacing=np.array(spacing))
            unfinished.replace(target)
        made.append(target)
    return made


class SupervoxelVolume:
    """A scan with its supervoxels; every draw joins some of them to an object."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as stored:
            self.image = stored["image"].astype(np.float32)
            self.labels = stored["labels"]
            self.spacing = tuple(float(s) for s in stored["spacing"])
        count = int(self.labels.max()) + 1
        sizes = np.bincount(self.labels.ravel(), minlength=count)
        sums = np.bincount(self.labels.ravel(), weights=self.image.ravel().astype(np.float64), minlength=count)
        self.means = sums / np.maximum(sizes, 1)
        self.objects = ndimage.find_objects(self.labels)
        low, high = np.percentile(self.image, [2, 98])
        self.range = float(high - low)
        # seeds that are not plain background
        self.seeds = np.flatnonzero((sizes > 8) & (self.means > low + 0.05 * self.range))

    def draw(self, rng: np.random.Generator) -> LabelledVolume:
        """A window of the scan with one object: the supervoxels around a seed whose mean is close to the seed's."""
        if not len(self.seeds):  # a scan of constant intensity
            return LabelledVolume.of(self.image, np.zeros(self.image.shape, np.uint8), self.spacing, pseudo=True)
        seed = int(self.seeds[rng.integers(len(self.seeds))])
        box = self.objects[seed - 1]
        reach = rng.uniform(15, 60)
        window = tuple(
            slice(max(0, int(b.start - reach / s)), int(b.stop + reach / s))
            for b, s in zip(box, self.spacing, strict=True)
        )
        labels = self.labels[window]
        alike = np.abs(self.means[labels] - self.means[seed]) < rng.uniform(0.0, 0.12) * self.range
        parts, _ = ndimage.label(alike | (labels == seed))
        number = parts[labels == seed][0]
        mask = parts == number
        if rng.random() < 0.5:
            mask = ndimage.binary_opening(mask, iterations=1) if mask.sum() > 500 else mask
        return LabelledVolume.of(self.image[window], mask.astype(np.uint8), self.spacing, pseudo=True)
