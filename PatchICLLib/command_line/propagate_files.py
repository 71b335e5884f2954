"""Runs the propagation engine on files: everything checked first, outputs moved into place together at the end."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from PatchICLLib.command_line.console import plain_console, wrote
from PatchICLLib.command_line.interrupt import interrupt_cancels
from PatchICLLib.command_line.options import open_library
from PatchICLLib.command_line.painted_text import painted_text
from PatchICLLib.command_line.progress_display import ProgressDisplay, time_text
from PatchICLLib.images import Volume, check_can_hold_grid, image_output, read_scalar_image
from PatchICLLib.images.writing import stage_image
from PatchICLLib.library import with_library
from PatchICLLib.outputs import Output, StagedFiles, check_outputs, stage_json
from PatchICLLib.propagation import CancelToken, PropagationResult, Propagator
from PatchICLLib.segmentations import Segmentation
from PatchICLLib.segmentations.files import (
    check_can_hold,
    numbered_path,
    read_segmentation,
    segmentation_output,
    stage_segmentation,
)
from PatchICLLib.segmentations.limits import LimitFiles, Limits
from PatchICLLib.weights import weights_file


@dataclass(frozen=True)
class PropagationFiles:
    """What is read and what is written; None for an output that is not wanted.

    `match` says which label is which structure of the library; `limits` are segmentations of other structures.
    `candidates` is how many answers are wanted at most: the usual result is `output`, the others lie beside it.
    """

    image: Path
    painted: Path
    output: Path | None
    probability: Path | None = None
    entropy: Path | None = None
    selections: Path | None = None
    report: Path | None = None
    library: Path | None = None
    match: str | None = None
    limits: LimitFiles = LimitFiles()
    candidates: int = 1

    @property
    def answers(self) -> list[Path]:
        """Where the answers go, the best first; the last ones may not be needed."""
        if self.output is None:
            return []
        return [self.output, *(numbered_path(self.output, number) for number in range(2, self.candidates + 1))]

    def outputs(self) -> list[Output]:
        """All that will be written."""
        maps = {"--probability": self.probability, "--entropy": self.entropy}
        texts = {"--selections": self.selections, "--report": self.report}
        return [
            *(segmentation_output("OUTPUT", path) for path in self.answers[:1]),
            *(segmentation_output("--candidates", path, is_new=True) for path in self.answers[1:]),
            *(image_output(name, path, real_numbers=True) for name, path in maps.items() if path is not None),
            *(Output(name, path, (".json",)) for name, path in texts.items() if path is not None),
        ]


@dataclass(frozen=True, eq=False)
class PropagationInputs:
    """What a propagation is given, read and checked; `options` as `Propagator.propagate` takes them, but `limits`."""

    image: Volume
    painted: Segmentation
    options: dict[str, Any]
    limits: Limits = Limits()


def read_inputs(files: PropagationFiles, weights: str | None, options: dict[str, Any]) -> PropagationInputs:
    """Read the files, and see that the outputs can be written.

    Args:
        files: inputs and outputs.
        weights: name or file.
        options: of `Propagator.propagate`; labels may be names.

    Raises:
        InputError: bad input.
    """
    inputs: dict[str, Path | None] = {"IMAGE": files.image, "PAINTED": files.painted, "--library": files.library}
    inputs |= files.limits.named("--")
    check_outputs(files.outputs(), {**inputs, "--weights": weights_file(weights)})
    library, said = open_library(files.library, files.match)
    image = read_scalar_image(files.image)
    painted = read_segmentation(files.painted, like=image)
    if library is None:
        options = {**options, "labels": painted.chosen(options.get("labels"))}
    else:
        painted, options = with_library(library, painted, said, options, image)
    if files.output is not None:
        check_can_hold(image, painted, files.output)
    check_can_hold_grid(image, files.probability, files.entropy)
    return PropagationInputs(image, painted, options, files.limits.read(image, painted.array, "--"))


def propagate_files(
    files: PropagationFiles, model: dict[str, Any], options: dict[str, Any], quiet: bool = False
) -> PropagationResult:
    """Read, propagate, write.

    Args:
        files: inputs and outputs.
        model: arguments of `Propagator.from_pretrained`.
        options: options of `Propagator.propagate`, without `outputs`, which follow from `files`.
        quiet: print neither progress nor summary.

    Raises:
        InputError: bad input; nothing was written.
        Cancelled: by Ctrl-C before files took their places; nothing was written.
    """
    started = time.monotonic()
    inputs = read_inputs(files, model.get("weights"), options)
    image, painted = inputs.image, inputs.painted
    maps = {"probability": files.probability, "entropy": files.entropy, "selections": files.selections}
    wanted = frozenset(name for name, path in maps.items() if path is not None)
    given = {**inputs.options, **inputs.limits.options(), "candidates": files.candidates}
    result = propagated(image, painted.array, model, quiet, outputs=wanted, **given)
    filled, report = painted.filled(result.labels), inputs.limits.told(result.report)
    _write(files, result, report, filled, image)
    if not quiet:
        _summarise(files, report, filled, time.monotonic() - started)
    return result


def propagated(
    image: Volume, painted: np.ndarray | None, model: dict[str, Any], quiet: bool, **options: Any
) -> PropagationResult:
    """What the engine makes of a scan, with a progress bar unless ``quiet``; Ctrl-C cancels.

    Args:
        image: the scan.
        painted: on its grid; None with a library.
        model: arguments of `Propagator.from_pretrained`.
        quiet: show no progress.
        options: of `Propagator.propagate`.

    Raises:
        InputError: bad input.
        Cancelled: by Ctrl-C.
    """
    token = CancelToken()
    with interrupt_cancels(token), ProgressDisplay(quiet) as display:
        propagator = Propagator.from_pretrained(**model)
        token.raise_if_cancelled()
        result = propagator.propagate(
            image.array, painted, image.spacing_kji, progress=display, cancel=token, **options
        )
        token.raise_if_cancelled()
    return result


def _write(
    files: PropagationFiles, result: PropagationResult, report: dict[str, Any], filled: Segmentation, image: Volume
) -> None:
    assert files.output is not None
    with StagedFiles() as staged:
        stage_segmentation(staged, filled, image, files.output)
        others = (result.candidates or ())[1:]
        for candidate, beside in zip(others, files.answers[1:], strict=False):
            stage_segmentation(staged, filled.filled(candidate.labels), image, beside)
        for array, path in ((result.probability, files.probability), (result.entropy, files.entropy)):
            if path is not None:
                assert array is not None  # it was asked for
                stage_image(staged, array, image, path)
        if files.selections is not None:
            assert result.selections is not None
            content = {"axis": report["axis"], "selections": [one.to_json() for one in result.selections]}
            stage_json(staged, content, files.selections)
        if files.report is not None:
            names = {"image": str(files.image), "painted": str(files.painted), "output": str(files.output)}
            if result.candidates is not None:
                said = zip(report["candidates"], files.answers, strict=False)
                report = {**report, "candidates": [{**one, "file": str(answer)} for one, answer in said]}
            stage_json(staged, {**names, **report, "names": filled.names}, files.report)
        staged.commit()


def _summarise(files: PropagationFiles, report: dict[str, Any], filled: Segmentation, seconds: float) -> None:
    assert files.output is not None
    console = plain_console()
    console.print(wrote(files.output, f"  ({time_text(seconds)}, {report['device']})"), soft_wrap=True)
    for label, planes in report["painted_planes"].items():
        console.print(f"  {filled.called(int(label))}: painted on {painted_text(planes)}", soft_wrap=True)
    _summarise_candidates(files, report)
    for sentence in report["warnings"]:
        console.print(f"  {sentence}", style="yellow", markup=False, soft_wrap=True)
    if report.get("suggested_next_slice") is not None:
        axes = {axis for by_axis in report["painted_planes"].values() for axis in by_axis}
        along = f" along {report['axis']}" if len(axes) > 1 else ""
        console.print(f"  to improve it most, paint slice {report['suggested_next_slice']}{along} next")


def _summarise_candidates(files: PropagationFiles, report: dict[str, Any]) -> None:
    candidates = report.get("candidates", ())
    if not candidates:
        return
    console = plain_console()
    if len(candidates) == 1:
        console.print("  one answer: the model is not torn")
        return
    console.print(f"  probability of this answer: {candidates[0]['probability']:.0%}")
    for path, candidate in zip(files.answers[1:], candidates[1:], strict=False):
        text = f"  ({candidate['probability']:.0%}, differs most on slice {candidate['most_different_slice']})"
        console.print(wrote(path, text), soft_wrap=True)
