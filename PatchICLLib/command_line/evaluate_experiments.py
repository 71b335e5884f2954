"""`patchicl evaluate totalsegmentator | totalsegmentator-mri | medsegbench | images | volumes | paper | tables`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from PatchICLLib.command_line.evaluate_options import (
    Compared,
    ComparedByResolution,
    JsonOption,
    PixelsOption,
    Sliced,
    SourcesOption,
    SplitOption,
    is_development_only,
)
from PatchICLLib.command_line.option_groups import with_groups
from PatchICLLib.command_line.options import words

MostOption = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="At most so many examples of each class, always the same.")
]


@dataclass(frozen=True)
class Subjects:
    """Which cases of TotalSegmentator are judged."""

    split: Annotated[str, typer.Option(help="train, val, test, or all, as meta.csv has it.")] = "val"
    max_cases: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first so many cases.")] = None
    max_per_class: MostOption = None


def totalsegmentator(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA", show_default=False, help="The data set as it was unpacked: sNNNN/ct.nii.gz, meta.csv."
        ),
    ],
    subjects: Subjects,
    compared: Compared,
    sliced: Sliced,
    classes: Annotated[
        str, typer.Option(help="validation (the paper's 45 held-out classes), training (47), or all.")
    ] = "validation",
) -> None:
    """Table 2 of the paper: held-out classes of TotalSegmentator CT.

    Slices along all three axes with at least 30 pixels of a structure, at most 6 of each case and axis; context from
    other slices of the same case, from other patients where those are too few. Prints mean and standard deviation by
    category beside the paper's, classes won and paired tests, and draws Dice and operations by resolution and the patch
    cascade.

    Example: `patchicl evaluate totalsegmentator Totalsegmentator_dataset_v201 --output table2 --models
    sparse,universeg=universeg_v1_nf64_ss64_STA.pt --resolutions 128,256,512`
    """
    _totalsegmentator("totalsegmentator", data, compared, sliced, classes, subjects)


def totalsegmentator_mri(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA", show_default=False, help="The data set as it was unpacked: sNNNN/mri.nii.gz, meta.csv."
        ),
    ],
    subjects: Subjects,
    compared: Compared,
    sliced: Sliced,
    classes: Annotated[str, typer.Option(help="all, training (the paper's 47 of CT), or validation (45).")] = "all",
) -> None:
    """Table 3 of the paper: all classes of TotalSegmentator MRI, a modality that training never saw.

    As `patchicl evaluate totalsegmentator`, see there.

    Example: `patchicl evaluate totalsegmentator-mri TotalsegmentatorMRI_dataset_v200 --output table3`
    """
    _totalsegmentator("totalsegmentator-mri", data, compared, sliced, classes, subjects)


def medsegbench(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", show_default=False, help="Folder with files such as promise12_256.npz.")
    ],
    compared: Compared,
    size: Annotated[int, typer.Option(help="128, 256, or 512: which files are read.")] = 256,
    datasets: Annotated[str, typer.Option(metavar="LIST", help="Only these data sets; all that are there.")] = "",
    split: Annotated[str, typer.Option(help="train, val, or test: where targets come from.")] = "val",
    context_split: Annotated[
        str | None, typer.Option(help="Where context comes from; the same split, other images.", show_default=False)
    ] = None,
    join_labels: Annotated[
        bool, typer.Option("--join-labels", help="Take all labels of a multi-class data set as one.")
    ] = False,
    max_images: Annotated[int | None, typer.Option(min=1, metavar="N", help="Targets of each data set.")] = None,
) -> None:
    """Table 4 of the paper: the 35 data sets of MedSegBench by modality.

    Each image is segmented from other images of its data set; the labels of a multi-class image count as one, by
    their mean. A data set counts as a class where classes won are counted.

    Example: `patchicl evaluate medsegbench ~/.medsegbench --output table4 --models sparse,universeg=official.pt`
    """
    from PatchICLLib.command_line.evaluate_experiments_run import Run, run_evaluation
    from PatchICLLib.datasets.medsegbench import Bench

    bench = Bench(size, split, context_split or split, words(datasets), join_labels, 1, max_images)
    run_evaluation(Run("medsegbench", data, bench, compared, same_case=False))


def images(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            show_default=False,
            help="Folder with CASE_image.png and CASE_label.png, or a folder of such folders.",
        ),
    ],
    compared: Compared,
    folders: SourcesOption = "",
    join_labels: Annotated[
        str, typer.Option(metavar="LIST", help="Folders whose labels count as one, as instances do.")
    ] = "",
    split: SplitOption = "all",
    minimum_pixels: PixelsOption = 30,
    max_per_class: MostOption = None,
) -> None:
    """The same table for your own folders of pictures, each folder a data set.

    Each picture is segmented from pictures of other subjects in its folder (SUBJECT_NUMBER_image.png names the
    subject).

    Example: `patchicl evaluate images pictures --output own --models sparse,mean-mask`
    """
    from PatchICLLib.command_line.evaluate_experiments_run import Run, run_evaluation
    from PatchICLLib.datasets.image_folders import Folders
    from PatchICLLib.experiments.request import FoldersSplit

    chosen = FoldersSplit(Folders(words(folders), words(join_labels), minimum_pixels), is_development_only(split))
    run_evaluation(Run("images", data, chosen, compared, same_case=False, max_per_class=max_per_class))


def volumes(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA", show_default=False, help="Folder, searched recursively, with CASE_image and CASE_label."
        ),
    ],
    compared: Compared,
    sliced: Sliced,
    sources: SourcesOption = "",
    split: SplitOption = "all",
    max_per_class: MostOption = None,
) -> None:
    """The paper's protocol on slices of your own volumes, each folder a line of the table.

    Volumes and labels as for `patchicl evaluate propagation`; slices and context as for `patchicl evaluate
    totalsegmentator`.

    Example: `patchicl evaluate volumes scans --output own --models sparse,mean-mask`
    """
    from PatchICLLib.command_line.evaluate_experiments_run import Run, run_evaluation, slicing
    from PatchICLLib.datasets.volume_folders import Volumes

    chosen = Volumes(words(sources), is_development_only(split), slicing(sliced))
    run_evaluation(Run("volumes", data, chosen, compared, sliced.same_case, max_per_class))


def paper(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA", show_default=False, help="Folder of volumes and pictures, as of `volumes` and `images`."
        ),
    ],
    compared: ComparedByResolution,
    split: SplitOption = "all",
    max_per_source: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="At most so many examples of each source, its classes taking turns."),
    ] = None,
) -> None:
    """The paper's experiments in small: all models, Dice and operations by resolution, the paper's own figures beside.

    Slices of volumes with context of the same case first, and pictures with context of other subjects, each folder a
    line of the table. Draws the paper's figure 4.

    Example: `patchicl evaluate paper DATA --split development --max-per-source 6 --output paper`
    """
    from PatchICLLib.command_line.evaluate_experiments_run import Run, run_evaluation
    from PatchICLLib.datasets.volume_folders import Volumes
    from PatchICLLib.experiments.request import FoldersSplit, VolumesAndPictures

    development = is_development_only(split)
    chosen = VolumesAndPictures(Volumes(development_only=development), FoldersSplit(development_only=development))
    run_evaluation(Run("paper", data, chosen, compared, max_per_source=max_per_source))


def tables(
    output: Annotated[
        Path, typer.Argument(metavar="DIR", show_default=False, help="--output of earlier runs, of all shards.")
    ],
    models: Annotated[str, typer.Option(metavar="LIST", help="Only these, in this order.")] = "",
    json_file: JsonOption = None,
) -> None:
    """Print the tables of the commands above again, all shards and all models together, and draw their figure.

    Example: `patchicl evaluate tables own`
    """
    from PatchICLLib.command_line.evaluate_experiments_run import print_tables

    print_tables(output, words(models), json_file)


def add_experiments(evaluate: typer.Typer) -> None:
    """Add these commands to `patchicl evaluate`."""
    for command in (totalsegmentator, totalsegmentator_mri, medsegbench, images, volumes, paper, tables):
        name = command.__name__.replace("_", "-")
        evaluate.command(name, no_args_is_help=True)(with_groups(command))


def _totalsegmentator(
    kind: str, data: Path, compared: Compared, sliced: Sliced, classes: str, subjects: Subjects
) -> None:
    from PatchICLLib.command_line.evaluate_experiments_run import Run, run_evaluation, slicing
    from PatchICLLib.datasets.totalsegmentator import Selection

    selection = Selection(subjects.split, classes, slicing(sliced), subjects.max_cases)
    run_evaluation(Run(kind, data, selection, compared, sliced.same_case, subjects.max_per_class))
