"""`patchicl train`: trains weights on a folder of scans."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from PatchICLLib.command_line.model_options import DeviceOption
from PatchICLLib.command_line.option_groups import with_groups


@dataclass(frozen=True)
class TrainingRequest:
    """What is trained, on what, and how."""

    output: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER", show_default=False, help="Checkpoint, log, learning curves, pictures; made if missing."
        ),
    ]
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            envvar="PATCHICL_DATA",
            show_default=False,
            help="One folder a source, with cases CASE_image.nii.gz and CASE_label.nii.gz.",
        ),
    ] = None
    recipe: Annotated[
        str,
        typer.Option(
            help="bundled, finish, in-context (what ships, stage after stage, see --start-from), subjects, paper, "
            "paper-finish, universeg, or check: a minute to see that installation and data work."
        ),
    ] = "bundled"
    steps: Annotated[int | None, typer.Option(min=1, metavar="N", help="Instead of the recipe's number.")] = None
    max_minutes: Annotated[
        float | None, typer.Option(min=0, metavar="M", help="Stop with a checkpoint after so long.")
    ] = None
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on from the checkpoint in --output, or replace it.")
    ] = True
    device: DeviceOption = "auto"
    workers: Annotated[int, typer.Option(min=0, metavar="N", help="Processes that prepare tasks.")] = 1
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the recipe's seed.")] = None
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the summary as JSON.")
    ] = None
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE.safetensors", help="Also write the averaged weights, with their model card beside."),
    ] = None
    export_bits: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Of a number in --export: 32; or 16 or 8, as in weights that ship, in files of less than 4 MB.",
        ),
    ] = 32
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND=FOLDER",
            show_default=False,
            help="Train on totalsegmentator, totalsegmentator-mri, medsegbench, or images as well; may be repeated.",
        ),
    ] = None
    context: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            show_default=False,
            help="Context pairs of every task; with --dataset 5, as the paper's.",
        ),
    ] = None
    tasks: Annotated[
        int | None, typer.Option(min=1, metavar="N", show_default=False, help="Tasks of a batch, over all processes.")
    ] = None
    size: Annotated[
        int | None, typer.Option(min=16, metavar="N", show_default=False, help="Input size in pixels, for all tasks.")
    ] = None
    accumulate: Annotated[
        int, typer.Option(min=1, metavar="N", help="Parts of a batch that a process takes one after the other.")
    ] = 1
    precision: Annotated[str, typer.Option(help="32, bf16 (mixed), or auto: bf16 on CUDA.")] = "auto"
    log_to: Annotated[
        str, typer.Option(metavar="LIST", show_default=False, help="Also log to tensorboard, wandb, or both.")
    ] = ""
    start_from: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="Begin a new run with these weights instead of random ones."),
    ] = None
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="With --recipe paper: UniverSeg weights whose encoder stays as it is, the authors' .pt file too; "
            "default those that ship.",
        ),
    ] = None
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False


@with_groups
def train(request: TrainingRequest) -> None:
    """Train the model on your scans.

    A training learns from everything below --data: scans with label maps; label maps without scans (images are made
    up for them); scans without label maps (supervoxels take their place); and 2D images as CASE_image.png with
    CASE_label.png. Made-up anatomy joins them. Cases that datasets/split.py keeps for development are never
    learned from; Dice on them, and a picture of them, show how the training goes.

    In --output: checkpoint.pt, log.jsonl (an entry every few steps), curves.png, pictures/, cache/ (supervoxels).
    The same command goes on where a run was stopped, by Ctrl-C, by --max-minutes, or by a crash, as if it had never
    stopped. Use the weights with `patchicl propagate --weights FILE.safetensors`.

    Instead of --data, or beside it, --dataset names the paper's data sets: their training split, of TotalSegmentator
    the 47 training classes, labels drawn uniformly; Dice on the validation split shows how it goes.

    `torchrun --nproc-per-node N -m PatchICLLib train ...` trains with N processes, on one machine or many; a batch is
    divided among them, so --tasks must be a multiple of N.

    Exit codes: 0 done or time is up, 2 bad input, 130 stopped with Ctrl-C (a checkpoint is written).

    Example: `patchicl train --data scans --output run1 --max-minutes 120 --export run1/mine.safetensors`
    """
    from PatchICLLib.command_line.train_run import run_training

    run_training(request)
