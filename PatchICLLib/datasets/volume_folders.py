"""Folders of volumes `CASE_image` with label maps `CASE_label`, by slices, each folder a data set of its own."""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from PatchICLLib.datasets.cases import Case, find_cases, label_names
from PatchICLLib.datasets.example import Example, Examples
from PatchICLLib.datasets.slicing import Slicing, square_slice
from PatchICLLib.datasets.split import case_stem, is_development


@dataclass(frozen=True)
class Volumes:
    """What is used.

    Attributes:
        sources: folders to use; empty for all.
        development_only: whether only cases of the development split are targets; all others serve as context only.
        slicing: how slices are chosen.
    """

    sources: tuple[str, ...] = ()
    development_only: bool = False
    slicing: Slicing = Slicing()


class VolumeFolders(Examples):
    """Slices of labelled volumes below a folder, found as for `patchicl evaluate propagation`.

    Several images that share a label map are one subject. A file `labels.json` beside the cases may name the labels.

    Args:
        data: searched recursively.
        volumes: what of it is used.

    Raises:
        InputError: no such folder, no case in it, or a case whose two files do not fit.
    """

    def __init__(self, data: Path, volumes: Volumes | None = None) -> None:
        self.volumes = volumes or Volumes()
        self._cases: dict[tuple[str, str], Case] = {}
        self._values: dict[tuple[str, str, str], int] = {}
        self._contexts, self._examples = [], []
        for case in find_cases(data, self.volumes.sources):
            found = self._slices(case)
            self._contexts += found
            if not self.volumes.development_only or is_development(case.image_path.relative_to(data)):
                self._examples += found
        self._contexts.sort()
        self._examples.sort()

    def read(self, example: Example) -> tuple[np.ndarray, np.ndarray]:
        """Image and mask of a slice; where pixels are far from square, both are resampled to square ones."""
        image, labels, spacing = _read(self._cases[example.dataset, example.case])
        value = self._values[example.dataset, example.case, example.label]
        return square_slice(image, labels == value, spacing, example.plane, example.index)

    def _slices(self, case: Case) -> list[Example]:
        self._cases[case.source, case.name] = case
        names, subject = label_names(case), case_stem(case.label_path)
        labels = _read(case)[1]
        found = []
        for value in np.unique(labels[labels > 0]).tolist():
            label = names.get(value, str(value))
            self._values[case.source, case.name, label] = value
            for plane, indices in self.volumes.slicing.choose(labels == value).items():
                found += [Example(case.source, subject, case.name, label, plane, index) for index in indices]
        return found


@functools.lru_cache(maxsize=6)
def _read(case: Case) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    image, labels = case.read()
    return image.array, labels, (image.spacing[0], image.spacing[1], image.spacing[2])
