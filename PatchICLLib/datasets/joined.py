"""Several data sets as one: volumes by slices beside pictures, in one experiment."""

import numpy as np

from PatchICLLib.datasets.example import DatasetError, Example, Examples


class Joined(Examples):
    """The examples of all parts; each part reads its own.

    Args:
        parts: whose data sets have different names.

    Raises:
        DatasetError: two parts have a data set of the same name.
    """

    def __init__(self, *parts: Examples) -> None:
        self._part_of: dict[str, Examples] = {}
        for part in parts:
            names = {example.dataset for example in part.contexts()}
            shared = sorted(names & self._part_of.keys())
            if shared:
                raise DatasetError(f"The folder {shared[0]} holds both volumes and pictures: give each its own.")
            self._part_of |= dict.fromkeys(names, part)
        self._examples = sorted(example for part in parts for example in part.examples())
        self._contexts = sorted(example for part in parts for example in part.contexts())

    def category(self, example: Example) -> str:
        return self._part_of[example.dataset].category(example)

    def class_name(self, example: Example) -> str:
        return self._part_of[example.dataset].class_name(example)

    def read(self, example: Example) -> tuple[np.ndarray, np.ndarray]:
        """Image (H, W) float32 and mask (H, W) bool."""
        return self._part_of[example.dataset].read(example)
