"""Runs the in-context segmenter on files, one label after the other, slice by slice."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from PatchICLLib.command_line.console import plain_console, wrote
from PatchICLLib.command_line.context_pairs import Context, read_context, split_pair
from PatchICLLib.command_line.progress_display import ProgressDisplay, time_text
from PatchICLLib.errors import InputError
from PatchICLLib.images import check_can_hold_grid, image_output
from PatchICLLib.images.reading import read_slices
from PatchICLLib.images.writing import stage_image
from PatchICLLib.outputs import StagedFiles, check_distinct, check_outputs
from PatchICLLib.propagation.geometry.painted_slices import MOST_LABELS
from PatchICLLib.segmentations import Segmentation
from PatchICLLib.segmentations.files import check_can_hold, segmentation_output, stage_segmentation
from PatchICLLib.segmenter import InContextSegmenter
from PatchICLLib.weights import weights_file


@dataclass(frozen=True)
class SegmentationFiles:
    """What is read and what is written; None for an output that is not wanted."""

    target: Path
    context: tuple[str, ...]
    output: Path
    probability: Path | None = None
    entropy: Path | None = None


@dataclass(frozen=True)
class SlicesSegmented:
    """Results of all slices: labels, and probability and entropy (bits) of the likeliest label, each (S, H, W)."""

    labels: np.ndarray
    probability: np.ndarray
    entropy: np.ndarray


def segment_files(
    files: SegmentationFiles,
    model: dict[str, Any],
    labels: Sequence[int | str] | None = None,
    quiet: bool = False,
    most_labels: int = MOST_LABELS,
) -> None:
    """Read, segment, write.

    Args:
        files: inputs and outputs.
        model: arguments of `InContextSegmenter.from_pretrained`.
        labels: labels of the context masks to segment; None for all.
        quiet: print neither progress nor summary.
        most_labels: refuse more than these where all are to be segmented.

    Raises:
        InputError: bad input; nothing was written.
    """
    started = time.monotonic()
    pairs = [split_pair(text) for text in files.context]
    inputs: dict[str, Path | None] = {"TARGET": files.target, "--weights": weights_file(model.get("weights"))}
    for number, pair in enumerate(pairs, 1):
        inputs[f"the image of context {number}"] = pair.image
        inputs[f"the mask of context {number}"] = pair.mask
    check_distinct({"OUTPUT": files.output, "--probability": files.probability, "--entropy": files.entropy}, inputs)
    target = read_slices(files.target)
    maps = {"--probability": files.probability, "--entropy": files.entropy}
    is_volume = target.array.ndim == 3
    outputs = [segmentation_output("OUTPUT", files.output) if is_volume else image_output("OUTPUT", files.output, 2)]
    outputs += [image_output(name, path, target.array.ndim, True) for name, path in maps.items() if path is not None]
    check_outputs(outputs, inputs)
    check_can_hold_grid(target, files.probability, files.entropy)
    slices = target.array if is_volume else target.array[None]
    context = read_context(pairs)
    wanted = chosen_labels(context, labels, most_labels)
    empty = Segmentation(np.zeros(target.array.shape, np.uint8), context.segments)
    if is_volume:
        check_can_hold(target, empty, files.output)
    with ProgressDisplay(quiet) as display:
        segmenter = InContextSegmenter.from_pretrained(**model)
        result = segment_slices(segmenter, slices, context.images, context.masks, wanted, display)
    with StagedFiles() as staged:
        found = empty.filled(result.labels.reshape(target.array.shape))
        if is_volume:
            stage_segmentation(staged, found, target, files.output)
        else:
            stage_image(staged, found.array, target, files.output)
        for array, extra in ((result.probability, files.probability), (result.entropy, files.entropy)):
            if extra is not None:
                stage_image(staged, array.reshape(target.array.shape), target, extra)
        staged.commit()
    if not quiet:
        seconds = time_text(time.monotonic() - started)
        plain_console().print(wrote(files.output, f"  ({seconds})"), soft_wrap=True)


def chosen_labels(context: Context, wanted: Sequence[int | str] | None, most: int = MOST_LABELS) -> list[int]:
    """The labels to segment, by value or name.

    Raises:
        InputError: nothing is labelled, one that was asked for is in no context mask, or there are too many.
    """
    labels = Segmentation(context.masks, context.segments).chosen(wanted)
    present = [int(label) for label in np.unique(context.masks) if label != 0]
    if not present:
        raise InputError("The context masks are empty, but at least one must show what to segment.")
    missing = [label for label in labels or () if label not in present]
    if missing:
        known = ", ".join(str(label) for label in present)
        raise InputError(f"The context masks have no label {missing[0]}; they have {known}.")
    chosen = present if labels is None else list(dict.fromkeys(labels))
    if len(chosen) > (most if labels is None else MOST_LABELS):
        remedy = f"at most {MOST_LABELS}" if labels is not None or most == MOST_LABELS else "or write --labels all"
        raise InputError(
            f"The context masks have {len(chosen)} labels to segment: are image and mask of a --context swapped? If "
            f"not, name the labels, {remedy}."
        )
    return chosen


def segment_slices(
    segmenter: InContextSegmenter,
    slices: np.ndarray,
    images: np.ndarray,
    masks: np.ndarray,
    labels: Sequence[int],
    display: ProgressDisplay,
) -> SlicesSegmented:
    """Segment each slice (S, H, W) for each label from the context (k, H, W); the likeliest label above 0.5 wins."""
    found = np.zeros(slices.shape, np.min_scalar_type(max(labels)))
    probability = np.zeros(slices.shape, np.float32)
    entropy = np.zeros(slices.shape, np.float32)
    total, done = len(labels) * len(slices), 0
    for label in labels:
        segmenter.set_context(images, masks == label)
        for index, image in enumerate(slices):
            prediction = segmenter.segment(image)
            better = prediction.probability > probability[index]
            probability[index][better] = prediction.probability[better]
            entropy[index][better] = prediction.entropy[better]
            found[index][better & prediction.mask] = label
            done += 1
            display.show("Segmenting", done, total)
    return SlicesSegmented(found, probability, entropy)
