"""`patchicl evaluate totalsegmentator | totalsegmentator-mri | medsegbench | images | tables`: the paper's tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ModelsOption = Annotated[
    str,
    typer.Option(
        metavar="LIST",
        help="sparse, paper, universeg, mean-mask, a weights file, or NAME=FILE; UniverSeg's official FILE.pt too.",
    ),
]
ResolutionsOption = Annotated[
    str, typer.Option(metavar="LIST", help="Sides of the network's input in pixels, such as 128,256,512.")
]
ContextOption = Annotated[int, typer.Option(min=1, metavar="N", help="Context pairs of each target.")]
MostOption = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="At most so many examples of each class, always the same.")
]
ShardOption = Annotated[
    str, typer.Option(metavar="I/N", help="Do only part I of N, on any machine; all parts share one --output.")
]
ProcessesOption = Annotated[int, typer.Option(min=1, metavar="N", help="Processes on this machine.")]
OutputOption = Annotated[
    Path, typer.Option(metavar="DIR", show_default=False, help="Where results (JSON lines) and figures go.")
]
JsonOption = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write the summary as JSON.")]
ResumeOption = Annotated[
    bool, typer.Option("--resume/--no-resume", help="Keep what an earlier run has finished, or start anew.")
]
ComputeOption = Annotated[
    bool, typer.Option("--compute/--no-compute", help="Count operations, and draw Dice against them.")
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, or mps.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Of the draw of context.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress bar.")]

SplitOption = Annotated[str, typer.Option(help="train, val, test, or all, as meta.csv has it.")]
AxesOption = Annotated[str, typer.Option(metavar="LIST", help="Axes across the slices, of i, j, and k.")]
PixelsOption = Annotated[int, typer.Option(min=1, metavar="N", help="Foreground pixels that a slice needs.")]
SlicesOption = Annotated[int, typer.Option(min=1, metavar="N", help="Slices of a structure, by case and axis.")]
CasesOption = Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first so many cases.")]
SameCaseOption = Annotated[
    bool,
    typer.Option("--same-case/--other-cases", help="Take context from the target's own case first, or never."),
]

DEFAULT_MODELS = "sparse,mean-mask"


def totalsegmentator(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA", show_default=False, help="The data set as it was unpacked: sNNNN/ct.nii.gz, meta.csv."
        ),
    ],
    output: OutputOption,
    models: ModelsOption = DEFAULT_MODELS,
    resolutions: ResolutionsOption = "128",
    classes: Annotated[
        str, typer.Option(help="validation (the paper's 45 held-out classes), training (47), or all.")
    ] = "validation",
    split: SplitOption = "val",
    context: ContextOption = 3,
    same_case: SameCaseOption = True,
    axes: AxesOption = "i,j,k",
    minimum_pixels: PixelsOption = 30,
    slices: SlicesOption = 6,
    max_cases: CasesOption = None,
    max_per_class: MostOption = None,
    shard: ShardOption = "1/1",
    processes: ProcessesOption = 1,
    json_file: JsonOption = None,
    resume: ResumeOption = True,
    compute: ComputeOption = True,
    device: DeviceOption = "auto",
    seed: SeedOption = 0,
    quiet: QuietOption = False,
) -> None:
    """Table 2 of the paper: held-out classes of TotalSegmentator CT.

    Slices along all three axes with at least 30 pixels of a structure, at most 6 of each case and axis; context from
    other slices of the same case, from other patients where those are too few. Prints mean and standard deviation by
    category, classes won and paired tests, and draws accuracy against compute and the patch cascade.

    Example: `patchicl evaluate totalsegmentator Totalsegmentator_dataset_v201 --output table2 --models
    sparse,universeg=universeg_v1_nf64_ss64_STA.pt --resolutions 128,256,512`
    """
    _volumes(**locals(), kind="totalsegmentator")


def totalsegmentator_mri(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA", show_default=False, help="The data set as it was unpacked: sNNNN/mri.nii.gz, meta.csv."
        ),
    ],
    output: OutputOption,
    models: ModelsOption = DEFAULT_MODELS,
    resolutions: ResolutionsOption = "128",
    classes: Annotated[str, typer.Option(help="all, training (the paper's 47 of CT), or validation (45).")] = "all",
    split: SplitOption = "val",
    context: ContextOption = 3,
    same_case: SameCaseOption = True,
    axes: AxesOption = "i,j,k",
    minimum_pixels: PixelsOption = 30,
    slices: SlicesOption = 6,
    max_cases: CasesOption = None,
    max_per_class: MostOption = None,
    shard: ShardOption = "1/1",
    processes: ProcessesOption = 1,
    json_file: JsonOption = None,
    resume: ResumeOption = True,
    compute: ComputeOption = True,
    device: DeviceOption = "auto",
    seed: SeedOption = 0,
    quiet: QuietOption = False,
) -> None:
    """Table 3 of the paper: all classes of TotalSegmentator MRI, a modality that training never saw.

    As `patchicl evaluate totalsegmentator`, see there.

    Example: `patchicl evaluate totalsegmentator-mri TotalsegmentatorMRI_dataset_v200 --output table3`
    """
    _volumes(**locals(), kind="totalsegmentator-mri")


def medsegbench(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", show_default=False, help="Folder with files such as promise12_256.npz.")
    ],
    output: OutputOption,
    models: ModelsOption = DEFAULT_MODELS,
    resolutions: ResolutionsOption = "128",
    size: Annotated[int, typer.Option(help="128, 256, or 512: which files are read.")] = 256,
    datasets: Annotated[str, typer.Option(metavar="LIST", help="Only these data sets; all that are there.")] = "",
    split: Annotated[str, typer.Option(help="train, val, or test: where targets come from.")] = "val",
    context_split: Annotated[
        str | None, typer.Option(help="Where context comes from; the same split, other images.", show_default=False)
    ] = None,
    context: ContextOption = 3,
    join_labels: Annotated[
        bool, typer.Option("--join-labels", help="Take all labels of a multi-class data set as one.")
    ] = False,
    max_images: Annotated[int | None, typer.Option(min=1, metavar="N", help="Targets of each data set.")] = None,
    shard: ShardOption = "1/1",
    processes: ProcessesOption = 1,
    json_file: JsonOption = None,
    resume: ResumeOption = True,
    compute: ComputeOption = True,
    device: DeviceOption = "auto",
    seed: SeedOption = 0,
    quiet: QuietOption = False,
) -> None:
    """Table 4 of the paper: the 35 data sets of MedSegBench by modality.

    Each image is segmented from other images of its data set; the labels of a multi-class image count as one, by
    their mean. A data set counts as a class where classes won are counted.

    Example: `patchicl evaluate medsegbench ~/.medsegbench --output table4 --models sparse,universeg=official.pt`
    """
    from PatchICLLib.command_line.evaluate_experiments_run import Run, run_evaluation, words
    from PatchICLLib.datasets.medsegbench import Bench

    bench = Bench(size, split, context_split or split, words(datasets), join_labels, 1, max_images)
    run_evaluation(
        Run("medsegbench", data, bench, words(models), resolutions, context, False, seed, None, shard, processes,
            output, json_file, resume, compute, device, quiet)
    )  # fmt: skip


def images(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            show_default=False,
            help="Folder with CASE_image.png and CASE_label.png, or a folder of such folders.",
        ),
    ],
    output: OutputOption,
    models: ModelsOption = DEFAULT_MODELS,
    resolutions: ResolutionsOption = "128",
    folders: Annotated[str, typer.Option(metavar="LIST", help="Only these folders; all of them.")] = "",
    join_labels: Annotated[
        str, typer.Option(metavar="LIST", help="Folders whose labels count as one, as instances do.")
    ] = "",
    split: Annotated[
        str, typer.Option(help="all, or development: targets are only what training never sees (datasets/split.py).")
    ] = "all",
    minimum_pixels: PixelsOption = 30,
    context: ContextOption = 3,
    max_per_class: MostOption = None,
    shard: ShardOption = "1/1",
    processes: ProcessesOption = 1,
    json_file: JsonOption = None,
    resume: ResumeOption = True,
    compute: ComputeOption = True,
    device: DeviceOption = "auto",
    seed: SeedOption = 0,
    quiet: QuietOption = False,
) -> None:
    """The same table for your own folders of pictures, each folder a data set.

    Each picture is segmented from pictures of other subjects in its folder (SUBJECT_NUMBER_image.png names the
    subject).

    Example: `patchicl evaluate images pictures --output own --models sparse,mean-mask`
    """
    from PatchICLLib.command_line.evaluate_experiments_run import Run, run_evaluation, words
    from PatchICLLib.datasets.image_folders import Folders
    from PatchICLLib.experiments.request import FoldersSplit

    chosen = FoldersSplit(Folders(words(folders), words(join_labels), minimum_pixels), _is_development(split))
    run_evaluation(
        Run("images", data, chosen, words(models), resolutions, context, False, seed, max_per_class, shard, processes,
            output, json_file, resume, compute, device, quiet)
    )  # fmt: skip


def volumes(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA", show_default=False, help="Folder, searched recursively, with CASE_image and CASE_label."
        ),
    ],
    output: OutputOption,
    models: ModelsOption = DEFAULT_MODELS,
    resolutions: ResolutionsOption = "128",
    sources: Annotated[str, typer.Option(metavar="LIST", help="Only these folders; all of them.")] = "",
    split: Annotated[
        str, typer.Option(help="all, or development: targets are only what training never sees (datasets/split.py).")
    ] = "all",
    context: ContextOption = 3,
    same_case: SameCaseOption = True,
    axes: AxesOption = "i,j,k",
    minimum_pixels: PixelsOption = 30,
    slices: SlicesOption = 6,
    max_per_class: MostOption = None,
    shard: ShardOption = "1/1",
    processes: ProcessesOption = 1,
    json_file: JsonOption = None,
    resume: ResumeOption = True,
    compute: ComputeOption = True,
    device: DeviceOption = "auto",
    seed: SeedOption = 0,
    quiet: QuietOption = False,
) -> None:
    """The paper's protocol on slices of your own volumes, each folder a line of the table.

    Volumes and labels as for `patchicl evaluate propagation`; slices and context as for `patchicl evaluate
    totalsegmentator`.

    Example: `patchicl evaluate volumes scans --output own --models sparse,mean-mask`
    """
    from PatchICLLib.command_line.evaluate_experiments_run import Run, run_evaluation, words
    from PatchICLLib.datasets.slicing import Slicing
    from PatchICLLib.datasets.volume_folders import Volumes

    slicing = Slicing(minimum_pixels, slices, words(axes))
    chosen = Volumes(words(sources), _is_development(split), slicing)
    run_evaluation(
        Run("volumes", data, chosen, words(models), resolutions, context, same_case, seed, max_per_class, shard,
            processes, output, json_file, resume, compute, device, quiet)
    )  # fmt: skip


def tables(
    output: Annotated[
        Path, typer.Argument(metavar="DIR", show_default=False, help="--output of earlier runs, of all shards.")
    ],
    models: Annotated[str, typer.Option(metavar="LIST", help="Only these, in this order.")] = "",
    json_file: JsonOption = None,
) -> None:
    """Print the tables of the commands above again, all shards and all models together."""
    from PatchICLLib.command_line.evaluate_experiments_run import print_tables, words

    print_tables(output, words(models), json_file)


def add_experiments(evaluate: typer.Typer) -> None:
    """Add these commands to `patchicl evaluate`."""
    evaluate.command("totalsegmentator", no_args_is_help=True)(totalsegmentator)
    evaluate.command("totalsegmentator-mri", no_args_is_help=True)(totalsegmentator_mri)
    evaluate.command("medsegbench", no_args_is_help=True)(medsegbench)
    evaluate.command("images", no_args_is_help=True)(images)
    evaluate.command("volumes", no_args_is_help=True)(volumes)
    evaluate.command("tables", no_args_is_help=True)(tables)


def _is_development(split: str) -> bool:
    from PatchICLLib.errors import InputError

    if split not in ("all", "development"):
        raise InputError(f"--split must be all or development, but it is {split}.")
    return split == "development"


def _volumes(
    kind: str,
    data: Path,
    output: Path,
    models: str,
    resolutions: str,
    classes: str,
    split: str,
    context: int,
    same_case: bool,
    axes: str,
    minimum_pixels: int,
    slices: int,
    max_cases: int | None,
    max_per_class: int | None,
    shard: str,
    processes: int,
    json_file: Path | None,
    resume: bool,
    compute: bool,
    device: str,
    seed: int,
    quiet: bool,
) -> None:
    from PatchICLLib.command_line.evaluate_experiments_run import Run, run_evaluation, words
    from PatchICLLib.datasets.slicing import Slicing
    from PatchICLLib.datasets.totalsegmentator import Selection

    selection = Selection(split, classes, Slicing(minimum_pixels, slices, words(axes)), max_cases)
    run_evaluation(
        Run(kind, data, selection, words(models), resolutions, context, same_case, seed, max_per_class, shard,
            processes, output, json_file, resume, compute, device, quiet)
    )  # fmt: skip
