"""Folders of pictures `CASE_image.png` with label maps `CASE_label.png`, each folder a data set of its own."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PatchICLLib.datasets.example import DatasetError, Example, Examples

INSTANCES = "nuclei"  # folders with this in their name hold instance numbers, joined to one label


@dataclass(frozen=True)
class Folders:
    """What is used.

    Attributes:
        names: folders to use; empty for all.
        join_labels: folders whose labels are taken as one; those with "nuclei" in their name always are.
        minimum_pixels: foreground pixels that an image needs to show a label.
        longest: larger images are thinned out to at most this many pixels a side.
    """

    names: tuple[str, ...] = ()
    join_labels: tuple[str, ...] = ()
    minimum_pixels: int = 30
    longest: int = 512


class ImageFolders(Examples):
    """Images of one or several folders; colour is turned to grey by the mean of its channels.

    Images of one subject, told by names such as SUBJECT_NUMBER, never serve each other as context.

    Args:
        data: the folder, or a folder of such folders.
        folders: what of it is used.
        is_target: whether a file may be a target; all others serve as context only.

    Raises:
        DatasetError: no such folder, or no pair of files in it.
    """

    def __init__(
        self,
        data: Path,
        folders: Folders | None = None,
        is_target: Callable[[Path], bool] = lambda path: True,
    ) -> None:
        self.folders = folders or Folders()
        if not data.is_dir():
            raise DatasetError(f"The data folder {data} does not exist.")
        found = {p.name: p for p in [data, *sorted(data.iterdir())] if p.is_dir() and any(p.glob("*_image.png"))}
        unknown = [name for name in (*self.folders.names, *self.folders.join_labels) if name not in found]
        if unknown or not found:
            raise DatasetError(
                f"There is no folder {unknown[0]} with CASE_image.png and CASE_label.png in {data}."
                if unknown
                else f"There is no pair CASE_image.png and CASE_label.png in {data} or a folder in it."
            )
        self.paths = {
            name: path for name, path in found.items() if not self.folders.names or name in self.folders.names
        }
        self._files: dict[tuple[str, str], Path] = {}
        self._contexts, self._examples = [], []
        for name, path in self.paths.items():
            self._add(name, path, is_target)
        if not self._examples:
            raise DatasetError(f"No image in {data} serves as a target: see the split and the pixels that are needed.")

    def read(self, example: Example) -> tuple[np.ndarray, np.ndarray]:
        """Image and mask of one label."""
        path = self._files[example.dataset, example.case]
        labels = self._labels(example.dataset, path)
        return _grey(path, self.folders.longest), labels == int(example.label)

    def _labels(self, name: str, image_path: Path) -> np.ndarray:
        label_path = image_path.with_name(image_path.name.replace("_image.png", "_label.png"))
        labels = _grey(label_path, self.folders.longest).astype(np.int32)
        if labels.shape != _grey(image_path, self.folders.longest).shape:
            raise DatasetError(f"{label_path} has another size than its image.")
        return (labels > 0).astype(np.int32) if INSTANCES in name or name in self.folders.join_labels else labels

    def _add(self, name: str, folder: Path, is_target: Callable[[Path], bool]) -> None:
        files = [p for p in sorted(folder.glob("*_image.png")) if _label_of(p).is_file()]
        cases = [p.name.removesuffix("_image.png") for p in files]
        subjects = subjects_of(cases)
        for number, (path, case) in enumerate(zip(files, cases, strict=True)):
            self._files[name, case] = path
            values, counts = np.unique(self._labels(name, path), return_counts=True)
            shown = [int(v) for v, c in zip(values, counts, strict=True) if v > 0 and c >= self.folders.minimum_pixels]
            several = [Example(name, subjects[case], case, str(value), "", number) for value in shown]
            self._contexts += several
            if is_target(Path(name) / path.name):
                self._examples += several


def subjects_of(cases: list[str]) -> dict[str, str]:
    """Subject of each case: its name without a number at the end, unless that would make all cases one subject.

    Example:
        >>> subjects_of(["p1_20", "p1_31", "p2_4"])
        {'p1_20': 'p1', 'p1_31': 'p1', 'p2_4': 'p2'}
    """
    short = {
        case: head if (parts := case.rpartition("_"))[2].isdigit() and (head := parts[0]) else case for case in cases
    }
    return short if len(set(short.values())) > 1 else {case: case for case in cases}


def _label_of(image_path: Path) -> Path:
    return image_path.with_name(image_path.name.replace("_image.png", "_label.png"))


@functools.lru_cache(maxsize=1024)
def _grey(path: Path, longest: int) -> np.ndarray:
    """(H, W) float32, thinned out to at most ``longest`` pixels a side."""
    try:
        array = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    except RuntimeError as error:
        raise DatasetError(f"{path} cannot be read as a picture: remove it or get it again.") from error
    grey = array.astype(np.float32) if array.ndim == 2 else array[..., :3].astype(np.float32).mean(-1)
    step = -(-max(grey.shape) // longest)
    return grey[::step, ::step]
