"""`patchicl benchmark`: what the models cost, side by side."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from PatchICLLib.command_line.model_options import DeviceOption, WeightsOption
from PatchICLLib.command_line.option_groups import with_groups

benchmark = typer.Typer(
    help="Measure what a slice and a volume cost, beside UniverSeg and the published PatchICL, and what saves it.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

JsonOption = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write all records as JSON.")]
PlotOption = Annotated[Path | None, typer.Option("--plot", metavar="FILE.png", help="Also draw a figure.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress bar.")]


@benchmark.command()
def compute(
    models: Annotated[
        str, typer.Option(metavar="LIST", help="Of universeg, paper, sparse.")
    ] = "universeg,paper,sparse",
    resolutions: Annotated[str, typer.Option(metavar="LIST", help="Sides of the images in pixels.")] = (
        "128,256,512,1024"
    ),
    context: Annotated[str, typer.Option(metavar="LIST", help="Numbers of context images.")] = "1,3,5",
    weights: WeightsOption = None,
    json_file: JsonOption = None,
    plot: PlotOption = None,
    quiet: QuietOption = False,
) -> None:
    """Count floating point operations per target slice (in 10^9, by torch's own counter, attention included).

    Two figures for each case: a first slice with its context, and one more slice with the context at hand. UniverSeg
    mixes context and target in every layer, so that both are the same. The published PatchICL code computes the context
    anew for each slice; `paper` keeps what does not depend on the target.
    """
    from PatchICLLib.command_line.benchmark_run import run_compute

    run_compute(models, resolutions, context, weights, json_file, plot, quiet)


@benchmark.command()
def training(
    recipes: Annotated[
        str,
        typer.Option(
            metavar="LIST", help="Of `patchicl train --recipe`: bundled, finish, universeg, paper, paper-finish."
        ),
    ] = "bundled,universeg",
    json_file: JsonOption = None,
    quiet: QuietOption = False,
) -> None:
    """Count the floating point operations of a training: of a mean step, forward and backward, and of all steps.

    Trainings of different models are of the same length if these agree.
    """
    from PatchICLLib.command_line.benchmark_run import run_training

    run_training(recipes, json_file, quiet)


@dataclass(frozen=True)
class SpeedPlan:
    """What is timed, and where."""

    volumes: Annotated[
        str,
        typer.Option(
            metavar="LIST", help="Synthetic scans as 256x256x100 (columns x rows x slices), or 192x192x120:24 (labels)."
        ),
    ] = "256x256x100,512x512x300,192x192x120:24"
    peers: Annotated[
        str, typer.Option(metavar="LIST", help="Of universeg, paper, whose slices are timed, or none.")
    ] = "universeg,paper"
    seconds: Annotated[
        float, typer.Option(min=1, help="To be done in: what does not fit is left out, and the tables say so.")
    ] = 90.0
    device: DeviceOption = "auto"
    threads: Annotated[int | None, typer.Option(min=1, help="Threads on the CPU; default: torch's.")] = None
    weights: WeightsOption = None


@benchmark.command()
@with_groups
def speed(plan: SpeedPlan, json_file: JsonOption = None, plot: PlotOption = None, quiet: QuietOption = False) -> None:
    """Measure the seconds from three painted slices to labels in memory, in all and of each part of the work.

    Each scan is propagated; again after one structure was drawn anew on one slice; and with entropy and selections, as
    the module asks for. The first is also measured cold, with loading the weights. The first slice is waited for in a
    run of its own. Parts are measured by the card's own events on CUDA, else by the clock; what is short is repeated,
    and the median counts.

    Then single slices of the other models with three context images, untrained, at the same sizes, each model in a
    process of its own; for UniverSeg also what a scan would take slice by slice.
    """
    from PatchICLLib.command_line.benchmark_run import run_speed

    run_speed(plan, json_file, plot, quiet)


@benchmark.command()
def operators(
    volume: Annotated[str, typer.Option(metavar="SIZE", help="Of the synthetic scan, as 256x256x100.")] = "256x256x100",
    labels: Annotated[str, typer.Option(metavar="LIST", help="Numbers of labels.")] = "4,8",
    batches: Annotated[
        str, typer.Option(help="As much computed at once as on a usual card, or as on the cpu.")
    ] = "card",
    weights: WeightsOption = None,
    json_file: JsonOption = None,
    quiet: QuietOption = False,
) -> None:
    """Count the operators of torch in a propagation from three painted slices, in all and of each part.

    A graphics card needs some microseconds for each, however little it computes. They are counted on the CPU, those
    that others call as well.
    """
    from PatchICLLib.command_line.benchmark_run import run_operators

    run_operators(volume, labels, batches, weights, json_file, quiet)


@benchmark.command()
def savings(
    volume: Annotated[
        str, typer.Option(metavar="SIZE", help="Of the synthetic volume, as 256x256x60 (columns x rows x slices).")
    ] = "256x256x60",
    variants: Annotated[str, typer.Option(metavar="LIST", help="Some of those in brackets above, or all.")] = "all",
    rounds: Annotated[int, typer.Option(min=1, help="Measurements of each variant, after one to warm up.")] = 5,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads on the CPU; default: torch's.")] = None,
    weights: WeightsOption = None,
    json_file: JsonOption = None,
    quiet: QuietOption = False,
) -> None:
    """Measure what each optimisation on the CPU is worth, and whether it changes the result.

    A synthetic volume with three painted slices is propagated as always, and again with one thing done otherwise: no
    batches (one-slice-at-a-time), painted slices encoded again for every batch (context-anew), vote and motion again
    for every batch (guides-anew), all patches of all levels (every-patch), a second round of the vote's sweeps
    (two-sweeps), the vote at 256 pixels a side (whole-resolution-vote), slices as the network has them, not averaged
    with those beside them (without-averaging) or without the outlines drawn between painted slices (without-outlines),
    gradients tracked (without-inference-mode), half precision (bfloat16), and, if there are several threads, threads
    that sleep whenever they wait (sleeping-threads) and one alone (one-thread).

    All take turns, each in a process of its own. The table has the time over the product's, the voxels that are
    labelled otherwise, and the Dice with the product's labels and with the truth, all over the unpainted slices.
    """
    from PatchICLLib.command_line.benchmark_run import run_savings

    run_savings(volume, variants, rounds, threads, weights, json_file, quiet)
