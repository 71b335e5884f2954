"""Volumes that training tasks are cut from, read from a folder of sources on demand."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from PatchICLLib.datasets.split import is_development, is_embedded_sample
from PatchICLLib.images.label_values import numbered
from PatchICLLib.propagation.geometry.sliced_volume import bounding_box

IMAGE_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")


@dataclass(frozen=True)
class LabelledVolume:
    """A volume with something to segment.

    Attributes:
        image: (Z, Y, X) numbers, or None for a label map whose images are made up.
        labels: (Z, Y, X) integers, 0 is background.
        spacing: (sz, sy, sx) in mm.
        objects: bounding box of each label.
        pseudo: labels were made by a machine without knowledge of anatomy.
        values: number in the file of each label, background first; empty if it is from none.
    """

    image: np.ndarray | None
    labels: np.ndarray
    spacing: tuple[float, float, float]
    objects: dict[int, tuple[slice, ...]]
    pseudo: bool = False
    values: tuple[int, ...] = ()

    @classmethod
    def of(cls, image: np.ndarray | None, labels: np.ndarray, spacing: tuple[float, ...]) -> LabelledVolume:
        found = ndimage.find_objects(labels.astype(np.int32))
        objects = {number + 1: box for number, box in enumerate(found) if box is not None}
        return cls(image, labels, (spacing[0], spacing[1], spacing[2]), objects)

    def only(self, label: int) -> LabelledVolume:
        """The same with one structure as its only object."""
        return replace(self, objects={label: self.objects[label]})

    @classmethod
    def with_object(cls, image: np.ndarray, mask: np.ndarray, spacing: tuple[float, ...]) -> LabelledVolume:
        """An image and a pseudo-label (Z, Y, X) bool, which may be empty."""
        objects: dict[int, tuple[slice, ...]] = {1: bounding_box(mask)} if mask.any() else {}
        return cls(image, mask.view(np.uint8), (spacing[0], spacing[1], spacing[2]), objects, pseudo=True)


def read_array(path: Path) -> tuple[np.ndarray, tuple[float, ...]]:
    """Array (Z, Y, X) and spacing (sz, sy, sx) of an image file."""
    image = sitk.ReadImage(str(path))
    return sitk.GetArrayFromImage(image), tuple(image.GetSpacing()[::-1])


def compact(labels: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """Labels renumbered 0..n in ascending order, in the smallest unsigned type, and what each number was, 0 first."""
    values, numbers = numbered(labels if labels.dtype.kind in "iu" else np.rint(labels).astype(np.int64))
    known = [int(value) for value in values]
    offset = 0 if known[0] == 0 else 1
    return (numbers + offset).astype(np.min_scalar_type(len(known) - 1 + offset)), (*[0] * offset, *known)


def short(image: np.ndarray) -> np.ndarray:
    """Intensities as they are in 8 or 16 bits, others as float32: many scans stay in memory."""
    return image if image.dtype.itemsize <= 2 else image.astype(np.float32)


def label_file_of(image: Path) -> Path | None:
    """Label map that belongs to `CASE_image.*`: `CASE_label.*`, or that of the longest prefix of CASE."""
    case, ending = image.name.split("_image", 1)
    parts = case.split("_")
    for length in range(len(parts), 0, -1):
        candidate = image.with_name("_".join(parts[:length]) + "_label" + ending)
        if candidate.exists():
            return candidate
    return None


@functools.lru_cache(maxsize=256)
def load_pair(image: Path, label: Path) -> LabelledVolume:
    array, spacing = read_array(image)
    labels, values = compact(read_array(label)[0])
    return replace(LabelledVolume.of(short(array), labels, spacing), values=values)


@functools.lru_cache(maxsize=32)
def load_label_map(label: Path) -> LabelledVolume:
    array, spacing = read_array(label)
    labels, values = compact(array)
    return replace(LabelledVolume.of(None, labels, spacing), values=values)


def _images(folder: Path, development: bool) -> list[Path]:
    files = sorted(p for p in folder.glob("*_image.*") if p.name.endswith(IMAGE_ENDINGS))
    relative = [(f, f.relative_to(folder.parent)) for f in files]
    return [f for f, r in relative if is_development(r) == development and not is_embedded_sample(r)]


def labelled_pairs(data: Path, development: bool = False) -> dict[str, list[tuple[Path, Path]]]:
    """Image and label map of all labelled cases below a data folder, by source; the development split apart.

    Args:
        data: folder with one folder a source, cases named `CASE_image.*` and `CASE_label.*`.
        development: the development cases instead of the training cases.
    """
    sources: dict[str, list[tuple[Path, Path]]] = {}
    for folder in sorted(p for p in data.iterdir() if p.is_dir()):
        for image in _images(folder, development):
            label = label_file_of(image)
            if label is not None:
                sources.setdefault(folder.name, []).append((image, label))
    return sources


def labelled_sources(data: Path, development: bool = False) -> dict[str, list[Callable[[], LabelledVolume]]]:
    """Loaders of all ``labelled_pairs``, by source."""
    pairs = labelled_pairs(data, development)
    return {source: [functools.partial(load_pair, *pair) for pair in found] for source, found in pairs.items()}


# folders whose names begin so hold nothing but label maps, whatever the files are called
LABEL_MAP_FOLDER = "labelmaps"


def _label_maps(folder: Path) -> list[Path]:
    """Label maps of a folder without images: those named `CASE_label.*`, or all files of a `labelmaps...` folder."""
    files = [p for p in sorted(folder.iterdir()) if p.name.endswith(IMAGE_ENDINGS)]
    if folder.name.startswith(LABEL_MAP_FOLDER):
        return files
    return [] if any(folder.glob("*_image.*")) else [p for p in files if "_label." in p.name]


def label_map_sources(data: Path) -> dict[str, list[Callable[[], LabelledVolume]]]:
    """Loaders of label maps that have no image, by source."""
    folders = sorted(p for p in data.iterdir() if p.is_dir())
    found = {folder.name: _label_maps(folder) for folder in folders}
    return {name: [functools.partial(load_label_map, p) for p in labels] for name, labels in found.items() if labels}


def unlabelled_files(data: Path) -> list[Path]:
    """Images in folders without any label map."""
    files: list[Path] = []
    for folder in sorted(p for p in data.iterdir() if p.is_dir()):
        if not any(folder.glob("*_label.*")) and not _label_maps(folder):
            files += [p for p in sorted(folder.iterdir()) if p.name.endswith(IMAGE_ENDINGS)]
    return files


def scans_without_names(data: Path) -> list[Path]:
    """Scans in which objects are found by intensity alone: all unlabelled ones, and a training case of each source.

    Args:
        data: folder with one folder a source.
    """
    return unlabelled_files(data) + [image for pairs in labelled_pairs(data).values() for image, _ in pairs[:1]]


def pick(loaders: list[Callable[[], LabelledVolume]]) -> Callable[[np.random.Generator], LabelledVolume]:
    """A draw from loaders, each equally likely; can be pickled, for workers that are started afresh."""
    return functools.partial(_draw_from, loaders)


def _draw_from(loaders: list[Callable[[], LabelledVolume]], rng: np.random.Generator) -> LabelledVolume:
    return loaders[rng.integers(len(loaders))]()
