"""`patchicl demo`: the main job on the embedded real scan."""

from pathlib import Path
from typing import Annotated

import typer

from PatchICLLib.command_line.model_options import DeviceOption, WeightsOption


def demo(
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the picture and the segmentation; created if needed.")
    ] = Path("patchicl-demo"),
    device: DeviceOption = "auto",
    weights: WeightsOption = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the table as JSON.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print errors only.")] = False,
) -> None:
    """Show what it does, on a real MRI that comes with it.

    Three slices of each structure are painted with the reference segmentation, all other slices are propagated and
    compared with the reference. Writes the segmentation and a picture.
    """
    from PatchICLLib.command_line.demo_report import run_and_report

    run_and_report(output, {"device": device, "weights": weights}, json_file, quiet)
