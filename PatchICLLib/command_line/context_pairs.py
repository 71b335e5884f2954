"""Reads the examples of `patchicl segment` and brings them to one size."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PatchICLLib.errors import InputError
from PatchICLLib.images.reading import read_slices
from PatchICLLib.segmentations import Segment, Segmentation
from PatchICLLib.segmentations.files import read_segmentation

_FEW_LABELS = 8  # that may all be specks


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
        if os.path.exists(pair.image) and os.path.isfile(pair.mask):
            return pair
    if len(candidates) == 1 and all(str(name) != "." for name in (candidates[0].image, candidates[0].mask)):
        missing = candidates[0].mask if os.path.exists(candidates[0].image) else candidates[0].image
        raise InputError(f"The context file {missing} does not exist; check the name and the folder.")
    raise InputError(f"--context must be IMAGE:MASK, the names of two existing files, but it is {text}.")


@dataclass(frozen=True)
class Context:
    """Examples of one size.

    Attributes:
        images: (k, H, W) float32.
        masks: (k, H, W) labels.
        segments: with the names of the labels; empty if the files say none.
    """

    images: np.ndarray
    masks: np.ndarray
    segments: tuple[Segment, ...] = ()


def read_context(pairs: Sequence[ContextPair]) -> Context:
    """Read all examples; if their sizes differ, each is fitted into the same square, its proportions kept.

    Args:
        pairs: the files; a volume counts with its slices along k on which something is labelled.

    Raises:
        InputError: a file is missing or unreadable, an image and its mask differ in size, nothing is labelled, segments
            overlap, some masks have names and others not, or a mask has grey levels.
    """
    images: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    segments: dict[str, Segment] = {}
    named = None
    for pair in pairs:
        image = read_slices(pair.image)
        mask = read_segmentation(pair.mask, like=image)
        if not mask.array.any():
            raise InputError(f"The context mask {pair.mask} is empty, but it must show what to segment.")
        if named not in (None, bool(mask.segments)):
            raise InputError(
                "Either all context masks have named segments or none: labels cannot be matched otherwise."
            )
        named = bool(mask.segments)
        if named:
            mask = _matched(mask, segments, pair.mask)
        else:
            _check_labels_not_grey(mask.array, pair.mask)
        if image.array.ndim == 2:
            images.append(image.array.astype(np.float32))
            masks.append(mask.array)
        else:
            labelled = np.flatnonzero(mask.array.any(axis=(1, 2)))
            images += [image.array[k].astype(np.float32) for k in labelled]
            masks += [mask.array[k] for k in labelled]
    if len({image.shape for image in images}) > 1:
        side = max(max(image.shape) for image in images)
        images = [_fitted(image, side, sitk.sitkLinear) for image in images]
        masks = [_fitted(mask, side, sitk.sitkNearestNeighbor) for mask in masks]
    return Context(np.stack(images), np.stack(masks), tuple(segments.values()))


def _check_labels_not_grey(labels: np.ndarray, path: Path) -> None:
    """Refuse pictures whose compression or smooth edges made grey levels of labels: few of these fill 2 x 2 pixels."""
    values = np.unique(labels[labels != 0])
    is_lossy = path.suffix.lower() in (".jpg", ".jpeg")
    even = (labels[..., 1:, 1:] == labels[..., :-1, 1:]) & (labels[..., 1:, 1:] == labels[..., 1:, :-1])
    even &= labels[..., 1:, 1:] == labels[..., :-1, :-1]
    filling = np.setdiff1d(labels[..., 1:, 1:][even], [0])
    if (is_lossy and len(values) > 1) or (len(values) > _FEW_LABELS and 2 * len(filling) < len(values)):
        reason = "JPEG changes values when it compresses" if is_lossy else "hardly any covers an area"
        raise InputError(
            f"The context mask {path} has {len(values)} values that look like grey levels, not labels ({reason}): save "
            "it as PNG or TIFF with one value for each label, without smooth edges."
        )


def _matched(mask: Segmentation, known: dict[str, Segment], path: Path) -> Segmentation:
    """The mask with the labels that segments of the same names have in the masks before; new ones are added to them."""
    if mask.array.ndim == 4:
        raise InputError(f"Segments of the context mask {path} overlap, but each voxel may have one label only.")
    table = np.zeros(len(mask.segments) + 1, np.min_scalar_type(len(mask.segments) + len(known)))
    for segment in mask.segments:
        match = known.setdefault(segment.name, replace(segment, label=len(known) + 1))
        table[segment.label] = match.label
    return mask.filled(table[mask.array])


def _fitted(plane: np.ndarray, side: int, interpolator: int) -> np.ndarray:
    """The plane enlarged to fill a square of `side` pixels, centred; beyond it, its lowest value."""
    lowest = float(plane.min()) if interpolator == sitk.sitkLinear else 0.0
    step = max(plane.shape) / side  # old pixels per new one, at most 1
    start = [(count - 1) / 2 - (side - 1) / 2 * step for count in plane.shape[::-1]]
    image = sitk.GetImageFromArray(plane)
    resampled = sitk.Resample(
        image, (side, side), sitk.Transform(2, sitk.sitkIdentity), interpolator, start, (step, step),
        image.GetDirection(), lowest, image.GetPixelID(),
    )  # fmt: skip
    return sitk.GetArrayFromImage(resampled)
