"""Segments a scan on which nothing is painted, from a library of finished cases."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PatchICLLib.command_line.console import plain_console, wrote
from PatchICLLib.command_line.progress_display import time_text
from PatchICLLib.command_line.propagate_files import propagated
from PatchICLLib.images import check_can_hold_grid, image_output, read_scalar_image
from PatchICLLib.images.writing import stage_image
from PatchICLLib.library import Library, with_library
from PatchICLLib.outputs import Output, StagedFiles, check_outputs, stage_json
from PatchICLLib.segmentations.files import check_can_hold, segmentation_output, stage_segmentation
from PatchICLLib.weights import weights_file


@dataclass(frozen=True)
class LibraryFiles:
    """What is read and what is written; None for an output that is not wanted."""

    target: Path
    library: Path
    output: Path
    probability: Path | None = None
    entropy: Path | None = None
    report: Path | None = None

    def outputs(self) -> list[Output]:
        """All that will be written."""
        maps = {"--probability": self.probability, "--entropy": self.entropy}
        return [
            segmentation_output("OUTPUT", self.output),
            *(image_output(name, path, real_numbers=True) for name, path in maps.items() if path is not None),
            *([] if self.report is None else [Output("--report", self.report, (".json",))]),
        ]


def segment_from_library(files: LibraryFiles, model: dict[str, Any], options: dict[str, Any], quiet: bool) -> None:
    """Read, segment, write.

    Args:
        files: inputs and outputs.
        model: arguments of `Propagator.from_pretrained`.
        options: of `Propagator.propagate`; labels may be names.
        quiet: print neither progress nor summary.

    Raises:
        InputError: bad input; nothing was written.
        Cancelled: by Ctrl-C before files took their places; nothing was written.
    """
    started = time.monotonic()
    inputs = {"TARGET": files.target, "--library": files.library, "--weights": weights_file(model.get("weights"))}
    check_outputs(files.outputs(), inputs)
    library = Library.open(files.library)
    image = read_scalar_image(files.target)
    empty, given = with_library(library, None, {}, options, image)
    given["labels"] = given["labels"] or list(given["match"])
    check_can_hold(image, empty, files.output)
    check_can_hold_grid(image, files.probability, files.entropy)
    maps = {"probability": files.probability, "entropy": files.entropy}
    wanted = frozenset(name for name, path in maps.items() if path is not None)
    result = propagated(image, None, model, quiet, outputs=wanted, **given)
    found = empty.filled(result.labels)
    with StagedFiles() as staged:
        stage_segmentation(staged, found, image, files.output)
        for name, path in maps.items():
            if path is not None:
                stage_image(staged, getattr(result, name), image, path)
        if files.report is not None:
            names = {"image": str(files.target), "library_folder": str(files.library), "output": str(files.output)}
            stage_json(staged, {**names, **result.report, "names": found.names}, files.report)
        staged.commit()
    if not quiet:
        seconds, count = time_text(time.monotonic() - started), len(library.cases)
        cases = f"{count} case" if count == 1 else f"{count} cases"
        plain_console().print(wrote(files.output, f"  ({seconds}, {cases})"), soft_wrap=True)
        for sentence in result.report["warnings"]:
            plain_console().print(f"  {sentence}", style="yellow", soft_wrap=True)
