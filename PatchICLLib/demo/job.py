"""Runs the demo: paint, propagate, compare with the reference, save."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PatchICLLib.baselines.interpolation import interpolate_shapes
from PatchICLLib.baselines.nearest import nearest_slice
from PatchICLLib.demo.figure import draw_figure
from PatchICLLib.demo.painting import dice_on_unpainted, paint_span
from PatchICLLib.demo.result import INTERPOLATION, NEAREST, OURS, DemoResult
from PatchICLLib.demo.sample import Sample
from PatchICLLib.images.writing import stage_image
from PatchICLLib.outputs import Output, StagedFiles, is_drawn, write_errors

if TYPE_CHECKING:
    from PatchICLLib.propagation import CancelToken, Progress, Propagator

AXIS = 0  # the sample's axial slices
SLICES_PER_STRUCTURE = 3
SEGMENTATION, PAINTED, PICTURE = "segmentation.nii.gz", "painted.nii.gz", "propagation.png"


def run_demo(
    sample: Sample,
    propagator: Propagator,
    progress: Callable[[Progress], None] | None = None,
    cancel: CancelToken | None = None,
) -> DemoResult:
    """Paint three slices of each structure, propagate all structures at once, and score the unpainted slices.

    Args:
        sample: scan and reference.
        propagator: the engine.
        progress, cancel: as in `Propagator.propagate`.
    """
    spacing = sample.image.spacing_kji
    painted, painted_slices = paint_span(sample.reference, AXIS, SLICES_PER_STRUCTURE)
    started = time.perf_counter()
    propagation = propagator.propagate(
        sample.image.array, painted, spacing, progress=progress, cancel=cancel, axis=AXIS
    )
    seconds = time.perf_counter() - started
    found = {
        OURS: propagation.labels,
        NEAREST: nearest_slice(painted, AXIS, spacing=spacing),
        INTERPOLATION: interpolate_shapes(painted, AXIS, spacing=spacing),
    }
    dice = {
        label: {
            method: dice_on_unpainted(labels, sample.reference, label, AXIS, slices) for method, labels in found.items()
        }
        for label, slices in painted_slices.items()
    }
    return DemoResult(sample, AXIS, painted, painted_slices, propagation, dice, seconds)


def demo_outputs(folder: Path) -> list[Output]:
    """What `save_demo` will write; it replaces files of an earlier demo only."""

    def ours(_: Path) -> bool:
        return is_drawn(folder / PICTURE)

    return [Output("The demo", folder / name, recognised=ours) for name in (PICTURE, SEGMENTATION, PAINTED)]


def save_demo(result: DemoResult, folder: Path) -> tuple[Path, ...]:
    """Write what was painted, the segmentation, and the picture into an existing folder; returns their paths.

    Raises:
        InputError: the folder is not writable or full; nothing was written.
    """
    paths = tuple(folder / name for name in (PICTURE, SEGMENTATION, PAINTED))
    with StagedFiles() as files:
        with write_errors(paths[0]):
            draw_figure(result, files.path_for(paths[0]))
        stage_image(files, result.propagation.labels, result.sample.image, paths[1])
        stage_image(files, result.painted, result.sample.image, paths[2])
        files.commit()
    return paths
