"""Reads the examples of `patchicl segment` and brings them to the size of the image to segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PatchICLLib.errors import InputError
from PatchICLLib.images.reading import read_label_map, read_slices


@dataclass(frozen=True)
class ContextPair:
    """An example: an image and its label map."""

    image: Path
    mask: Path


def split_pair(text: str) -> ContextPair:
    """Split IMAGE:MASK at the colon that leaves two existing names (names may hold colons, as on Windows).

    Raises:
        InputError: there is no such colon.
    """
    colons = [position for position, letter in enumerate(text) if letter == ":"]
    candidates = [ContextPair(Path(text[:position]), Path(text[position + 1 :])) for position in colons]
    for pair in candidates:
        if pair.image.exists() and pair.mask.is_file():
            return pair
    if len(candidates) == 1 and all(str(name) != "." for name in (candidates[0].image, candidates[0].mask)):
        missing = candidates[0].mask if candidates[0].image.exists() else candidates[0].image
        raise InputError(f"The context file {missing} does not exist; check the name and the folder.")
    raise InputError(f"--context must be IMAGE:MASK, the names of two existing files, but it is {text}.")


def read_context(pairs: Sequence[ContextPair], shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Read all examples, resampled to `shape`.

    Args:
        pairs: the files; a volume counts with its slices along k on which something is labelled.
        shape: (H, W) of the image to segment.

    Returns:
        Images (k, H, W) float32 and label maps (k, H, W).

    Raises:
        InputError: a file is missing or unreadable, sizes differ, or nothing is labelled.
    """
    images, masks = [], []
    for pair in pairs:
        image = read_slices(pair.image)
        mask = read_label_map(pair.mask, like=image)
        if image.array.ndim == 2:
            planes = [(image.array, mask.array)]
        else:
            planes = [(image.array[k], mask.array[k]) for k in np.flatnonzero(mask.array.any(axis=(1, 2)))]
        if not any(labels.any() for _, labels in planes):
            raise InputError(f"The context mask {pair.mask} is empty, but it must show what to segment.")
        for plane, labels in planes:
            images.append(_resized(plane.astype(np.float32), shape, sitk.sitkLinear))
            masks.append(_resized(labels, shape, sitk.sitkNearestNeighbor))
    return np.stack(images), np.stack(masks)


def _resized(plane: np.ndarray, shape: tuple[int, int], interpolator: int) -> np.ndarray:
    """The plane with the same field of view on `shape` pixels; smoothed first where it gets smaller."""
    if plane.shape == shape:
        return plane
    image = sitk.GetImageFromArray(plane)
    factors = [old / new for old, new in zip(plane.shape[::-1], shape[::-1], strict=True)]
    if interpolator == sitk.sitkLinear:
        sigmas = [max(0.01, 0.35 * factor) if factor > 1 else 0.01 for factor in factors]
        image = sitk.SmoothingRecursiveGaussian(image, sigmas)
    resampled = sitk.Resample(
        image,
        shape[::-1],
        sitk.Transform(),
        interpolator,
        [(factor - 1) / 2 for factor in factors],
        factors,
        image.GetDirection(),
        0.0,
        image.GetPixelID(),
    )
    return sitk.GetArrayFromImage(resampled)
