"""`patchicl segment`: an image from examples of other images, or a scan from a library of finished cases."""

from pathlib import Path
from typing import Annotated

import typer

from PatchICLLib.command_line.model_options import Model
from PatchICLLib.command_line.option_groups import with_groups
from PatchICLLib.command_line.options import labels_options, region_from_text
from PatchICLLib.command_line.painting_options import LibraryOption, Painting, RegionOption
from PatchICLLib.errors import InputError


@with_groups
def segment(
    target: Annotated[
        Path,
        typer.Argument(
            metavar="TARGET",
            show_default=False,
            help="2D image to segment, or a volume (every slice along k); with --library a 3D scan.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUTPUT", show_default=False, help="Label map to write: .png or .tif of a 2D image, or .nii.gz, ..."
        ),
    ],
    painting: Painting,
    model: Model,
    context: Annotated[
        list[str] | None,
        typer.Option(
            metavar="IMAGE:MASK",
            show_default=False,
            help="An example: another image and its label map. Repeat it; 3 to 16 examples work best.",
        ),
    ] = None,
    library: LibraryOption = None,
    region: RegionOption = None,
    probability: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the probability of the likeliest label, 0 to 1.")
    ] = None,
    entropy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write where the model is unsure, in bits, 0 to 1.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="With --library: also write which cases were used, and how."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print errors only.")] = False,
) -> None:
    """Segment an image from examples of other images, or a scan from a library, without training.

    The examples show what to segment: the same structure in images of the same kind. Each label of their masks is a
    task of its own. A volume given as an example counts with its slices (along k) on which something is labelled.

    With --library, finished cases of earlier patients (`patchicl library`) show what to segment in a 3D scan, and the
    engine of `patchicl propagate` fills it; numbers and names of labels are those of the library. --axis, --extent,
    --region and --report belong to it. Of --context and --library exactly one is needed.

    Exit codes: 0 done, 2 bad input, 130 cancelled with Ctrl-C. After 2 nothing is written; after
    130 the last line says what was, which is all or nothing.

    Example: `patchicl segment new.png mask.png --context a.png:a_mask.png --context b.png:b_mask.png`
    """
    if bool(context) == (library is not None):
        raise InputError("Give either --context or --library, for one of them must show what to segment.")
    if library is not None:
        from PatchICLLib.command_line.segment_library import LibraryFiles, segment_from_library

        options = {**painting.options(), "region": region_from_text(region)}
        files = LibraryFiles(target, library, output, probability, entropy, report)
        segment_from_library(files, model.arguments(), options, quiet)
        return
    if (painting.axis, painting.extent, region, report) != ("auto", "auto", None, None):
        raise InputError("--axis, --extent, --region and --report belong to --library; leave them out with --context.")
    from PatchICLLib.command_line.segment_files import SegmentationFiles, segment_files

    pairs = SegmentationFiles(target, tuple(context or ()), output, probability, entropy)
    segment_files(pairs, model.arguments(), quiet=quiet, **labels_options(painting.labels))
