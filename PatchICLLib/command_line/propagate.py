"""`patchicl propagate`: from a few painted slices to a full segmentation."""

from pathlib import Path
from typing import Annotated

import typer

from PatchICLLib.command_line.model_options import Engine
from PatchICLLib.command_line.option_groups import with_groups
from PatchICLLib.command_line.painting_options import (
    InsideOption,
    LibraryOption,
    MatchOption,
    OutsideOption,
    ScanPainting,
)

ImageArgument = Annotated[
    Path, typer.Argument(metavar="IMAGE", show_default=False, help="3D scalar image, or a DICOM folder.")
]
PaintedArgument = Annotated[
    Path,
    typer.Argument(
        metavar="PAINTED",
        show_default=False,
        help="Integer label map on the image's grid, 0 where nothing is painted; Slicer's .seg.nrrd; or a DICOM SEG.",
    ),
]
OutputArgument = Annotated[
    Path,
    typer.Argument(
        metavar="OUTPUT",
        show_default=False,
        help="Segmentation to write: .nii.gz, .nii, .nrrd, .nhdr, .mha, .mhd; .seg.nrrd with names; .dcm, a DICOM SEG.",
    ),
]
CandidatesOption = Annotated[
    int,
    typer.Option(
        min=1,
        max=4,
        metavar="N",
        help="Where the model is torn, up to so many answers: OUTPUT as ever, NAME.2.EXT and so on beside.",
    ),
]


@with_groups
def propagate(
    image: ImageArgument,
    painted: PaintedArgument,
    output: OutputArgument,
    painting: ScanPainting,
    engine: Engine,
    patch_budget: Annotated[
        float,
        typer.Option(
            min=0.1, max=10, metavar="FACTOR", help="Patches per level, times the model's own; less is faster."
        ),
    ] = 1.0,
    field_of_view: Annotated[
        float | None,
        typer.Option(min=1, max=10, metavar="FACTOR", help="Side of what the model sees over the painted extent."),
    ] = None,
    outside: OutsideOption = None,
    inside: InsideOption = None,
    library: LibraryOption = None,
    match: MatchOption = None,
    candidates: CandidatesOption = 1,
    seed: Annotated[
        int,
        typer.Option(help="Of random choices: those of --candidates; preset sparse makes none otherwise."),
    ] = 0,
    probability: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the probability of any label, 0 to 1.")
    ] = None,
    entropy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write where the model is unsure, in bits, 0 to 1.")
    ] = None,
    selections: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Also write the patches chosen at each level.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Also write settings, timings, and uncertainty per slice.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print errors only.")] = False,
) -> None:
    """Fill the slices between and beyond a few painted ones.

    Paint a structure on 2 to 5 slices of any axis, save the painting as a label map, and the model segments the
    other slices, nearest first. Painted slices come back unchanged. Several labels are done at once; a slice counts
    as painted for those that it holds. What a slip of the brush left on a slice stays and is not learned from; the
    summary and the report name such slices.

    Segments of a .seg.nrrd or DICOM SEG keep their names, colors and codes where OUTPUT is one, too, and may overlap;
    each is filled as if alone. Plain label maps get 1, 2, ... in the order of the segments.

    Other structures that are segmented already, in files on the voxels of IMAGE, say where these are not: --outside for
    neighbors, --inside for what contains them. They are taken into account while slices are filled, not only cut off;
    painted voxels stay wherever they are.

    With --library, finished cases of earlier patients help where they fit, and labels that are not painted at all are
    found by them alone; the report says which cases and slices were used, and where the library was not listened to.

    With --candidates, up to four answers that differ visibly where the model is torn, each with the probability that it
    is the nearest to the truth of them; OUTPUT is the usual result, even where another one is more probable. Where it
    is sure, there is just one.

    All outputs lie on the image's grid, and appear together when everything is done.

    Exit codes: 0 done, 2 bad input, 130 cancelled with Ctrl-C. After 2 nothing is written; after
    130 the last line says what was, which is all or nothing.

    Example: `patchicl propagate scan.nii.gz painted.nii.gz liver.nii.gz --entropy unsure.nii.gz`
    """
    from PatchICLLib.command_line.propagate_files import PropagationFiles, propagate_files
    from PatchICLLib.segmentations.limits import LimitFiles

    options = {
        **painting.options(),
        **engine.options(),
        "patch_budget": patch_budget,
        "field_of_view": field_of_view,
        "seed": seed,
    }
    propagate_files(
        PropagationFiles(
            image,
            painted,
            output,
            probability,
            entropy,
            selections,
            report,
            library,
            match,
            LimitFiles(outside, inside),
            candidates,
        ),
        engine.arguments(),
        options,
        quiet,
    )
