"""Small scans with finished structures, for libraries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from PatchICLLib.images import Grid
from PatchICLLib.library import Added, Filled, Library, Structure

OBLIQUE = (0.96, 0.0, 0.28, 0.0, -1.0, 0.0, 0.28, 0.0, -0.96)
SHAPE = (12, 20, 24)


@dataclass(frozen=True, eq=False)
class Finished:
    """A scan with a liver (5), inside it, in a second layer, a lesion (2), and something without a name (9)."""

    image: np.ndarray
    labels: np.ndarray
    grid: Grid

    @classmethod
    def of(cls, seed: int) -> Finished:
        image = np.random.default_rng(seed).integers(-900, 900, SHAPE).astype(np.int16)
        labels = np.zeros((2, *SHAPE), np.uint8)
        labels[0, 4:8, 6:12, 8:15] = 5
        labels[0, 1, 1, 1] = 9
        labels[1, 5:7, 8:10, 10:12] = 2
        return cls(image, labels, Grid(SHAPE, (2.5, 0.8, 0.7), (-31.0, 42.5, 7.25), OBLIQUE))


LIVER, LESION = Structure(5, "Liver"), Structure(2, "lesion", None, (1.0, 0.5, 0.25))


def put(library: Library, seed: int, *structures: Structure, replace_scan: bool = False) -> Added:
    one = Finished.of(seed)
    return library.add(
        one.image, one.labels, one.grid, structures or (LIVER, LESION), Filled("imported"), replace_scan
    )  # fmt: skip
