"""Something to segment in scans without labels: joined supervoxels, what hangs together in intensity, and lesions."""

import hashlib
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from PatchICLLib.outputs import StagedFiles, write_errors
from PatchICLLib.training.lesions import with_lesions
from PatchICLLib.training.volumes import LabelledVolume, read_array

_WORKING_VOXELS = 6_000_000
_SIZES = 5.0, 9.0, 16.0  # mm
_LESIONS = 0.3  # of draws
_SUPERVOXELS = 0.45  # of the others; the rest takes what hangs together
_SCATTERED = 0.2  # of joined supervoxels: all that look alike, connected or not
_FILLED = 0.5  # of a window, at most
_VIEW = 1.8  # reach of the image beyond that of the object
_CUT_OFF = 0.6  # voxels on the window's sides, in units of the face of a cube as large as the object


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


def prepare(path: Path, cache: Path) -> list[Path]:
    """Supervoxels of one scan at several sizes, computed once and kept in ``cache``."""
    key = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:10]
    made = []
    for size in _SIZES:
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
            with StagedFiles() as files, write_errors(target):
                cache.mkdir(parents=True, exist_ok=True)
                with files.path_for(target).open("wb") as stream:
                    np.savez_compressed(
                        stream, image=image.astype(np.float16), labels=labels, spacing=np.array(spacing)
                    )
                files.commit()
        made.append(target)
    return made


class SupervoxelVolume:
    """A scan with its supervoxels; every draw makes an object of some of them, or of lesions painted into it."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as stored:
            self.image = stored["image"]  # half precision
            self.labels = stored["labels"]
            self.spacing = tuple(float(s) for s in stored["spacing"])
        count = int(self.labels.max()) + 1
        sizes = np.bincount(self.labels.ravel(), minlength=count)
        sums = np.bincount(self.labels.ravel(), weights=self.image.ravel(), minlength=count)
        self.means = sums / np.maximum(sizes, 1)
        self.objects = ndimage.find_objects(self.labels)
        self.labels = self.labels.astype(np.min_scalar_type(count))
        low, high = np.percentile(self.image.astype(np.float32), [2, 98])
        self.range = float(high - low)
        # seeds that are not plain background
        self.seeds = np.flatnonzero((sizes > 8) & (self.means > low + 0.05 * self.range))

    def draw(self, rng: np.random.Generator) -> LabelledVolume:
        """A window of the scan with one object around a random seed.

        Either the supervoxels around the seed whose mean is close to the seed's (now and then also those that are not
        connected to it), or all voxels of about the seed's intensity that hang together: bones, vessels, airways and
        other shapes that branch, split and vanish; or lesions painted into the window.
        """
        if not len(self.seeds):  # a scan of constant intensity
            return LabelledVolume.with_object(self.image, np.zeros(self.image.shape, bool), self.spacing)
        seed = int(self.seeds[rng.integers(len(self.seeds))])
        reach = rng.uniform(20, 70)
        if rng.random() < _LESIONS:
            window, around = self._window(seed, 0.6 * reach), self._window(seed, _VIEW * 0.6 * reach)
            return with_lesions(
                self.image[around].astype(np.float32), self.spacing, _within(window, around), self.range, rng
            )
        window, around = self._window(seed, reach), self._window(seed, _VIEW * reach)
        found = self._alike(window, seed, rng) if rng.random() < _SUPERVOXELS else self._connected(window, seed, rng)
        mask = np.zeros(tuple(a.stop - a.start for a in around), bool)
        inner = _within(window, around)
        if not self._cut_off(found, window):
            mask[inner] = found
        return LabelledVolume.with_object(self.image[around], mask, self.spacing)

    def _window(self, seed: int, reach: float) -> tuple[slice, ...]:
        """Box of a supervoxel grown by ``reach`` mm, within the scan."""
        return tuple(
            slice(max(0, int(b.start - reach / s)), min(n, int(b.stop + reach / s)))
            for b, s, n in zip(self.objects[seed - 1], self.spacing, self.image.shape, strict=True)
        )

    def _cut_off(self, mask: np.ndarray, window: tuple[slice, ...]) -> bool:
        """Whether the object goes on beyond the window: its shape would be the window's, not its own."""
        touching = 0
        for axis, (w, count) in enumerate(zip(window, self.image.shape, strict=True)):
            along = np.moveaxis(mask, axis, 0)
            touching += int(along[0].sum()) * (w.start > 0) + int(along[-1].sum()) * (w.stop < count)
        return touching > _CUT_OFF * mask.sum() ** (2 / 3)

    def _alike(self, window: tuple[slice, ...], seed: int, rng: np.random.Generator) -> np.ndarray:
        """Supervoxels joined with their likes: bool, of the window's shape."""
        labels = self.labels[window]
        unlike = np.abs(self.means - self.means[seed]) / max(self.range, 1e-6)
        limit = rng.uniform(0.0, 0.12)
        if rng.random() < _SCATTERED:  # many pieces, like lesions
            scattered: np.ndarray = (unlike < 0.03)[labels]
            return scattered & (scattered.mean() < _FILLED / 2)
        alike = (unlike < limit)[labels]
        parts, _ = ndimage.label(alike | (labels == seed))
        mask: np.ndarray = parts == parts[labels == seed][0]
        if rng.random() < 0.5 and mask.sum() > 500:
            mask = ndimage.binary_opening(mask, iterations=1)
        return mask

    def _connected(self, window: tuple[slice, ...], seed: int, rng: np.random.Generator) -> np.ndarray:
        """What hangs together with the seed in a range of intensity: bool, of the window's shape."""
        smooth = ndimage.gaussian_filter(self.image[window].astype(np.float32), rng.uniform(0.4, 1.0))
        here = self.labels[window] == seed
        level = float(np.median(smooth[here]))
        below, above = rng.uniform(0.04, 0.3, 2) * self.range
        if rng.random() < 0.4:  # everything brighter, or everything darker
            below, above = (below, np.inf) if rng.random() < 0.6 else (np.inf, above)
        inside = (smooth >= level - below) & (smooth <= level + above)
        if rng.random() < 0.4:
            inside = ndimage.binary_opening(inside, iterations=1)
        parts, _ = ndimage.label(inside)
        found = parts[here & inside]
        mask: np.ndarray = np.zeros(inside.shape, bool) if not found.size else parts == np.bincount(found).argmax()
        # what fills its surroundings has no shape of its own
        return mask & (mask.mean() < _FILLED) & (parts > 0)


def _within(window: tuple[slice, ...], around: tuple[slice, ...]) -> tuple[slice, ...]:
    """The window in the coordinates of a larger one."""
    return tuple(slice(w.start - a.start, w.stop - a.start) for w, a in zip(window, around, strict=True))
