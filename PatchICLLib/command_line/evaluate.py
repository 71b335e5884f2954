"""`patchicl evaluate`: measures methods on labelled scans."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from PatchICLLib.command_line.evaluate_experiments import add_experiments
from PatchICLLib.command_line.evaluate_options import (
    CasesArgument,
    JsonOption,
    Judged,
    JudgedDevelopment,
    KOption,
    Networks,
    Product,
    ResumeOption,
    ShardOption,
)
from PatchICLLib.command_line.option_groups import with_groups
from PatchICLLib.command_line.options import numbers_from_text, words

evaluate = typer.Typer(
    help="Measure propagation on labelled scans beside what people use today; the paper's experiments in 2D.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@dataclass(frozen=True, kw_only=True)
class PropagationRequest(Judged, Networks):
    """What is painted how, and what fills the rest."""

    data: CasesArgument
    k: KOption = "1,2,3,5"
    protocol: Annotated[
        str,
        typer.Option(
            metavar="LIST", help="span: equally spaced from the first to the last slice; inset: ends to be found."
        ),
    ] = "span,inset"
    methods: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="Of patchicl, nearest, interpolation, fill-between-slices, grow-from-seeds, random-walker, graph-cut, "
            "universeg; to see what hints are worth: without-shape, without-vote, without-neighbours, without-hints, "
            "shape-alone, vote-alone; with one thing done otherwise (see `patchicl benchmark savings`): "
            "without-averaging, without-outlines, every-patch, two-sweeps, whole-resolution-vote, bfloat16.",
        ),
    ] = "patchicl,nearest,interpolation,fill-between-slices,grow-from-seeds,random-walker,graph-cut"
    library_cases: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Also with libraries of so many other subjects of the same source, such as 0,1,2,5 (0: without), and "
            "averaged-without-library, the control; then --k may hold 0. Structures of single subjects are left out.",
        ),
    ] = None
    planes: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Compare paintings of several axes instead, of the method patchicl: 3,4,3+1,1+1+1 are three slices, "
            "four, three and the middle of the structure on the next axis, and one of each; differences are to the "
            "first. Judged are the voxels on no painted plane of any.",
        ),
    ] = None
    shard: ShardOption = "1/1"
    output: Annotated[Path, typer.Option(metavar="DIR", help="Where results (JSON lines) and figures go.")] = Path(
        "evaluation"
    )
    json_file: JsonOption = None
    resume: ResumeOption = True


@evaluate.command(no_args_is_help=True)
@with_groups
def propagation(request: PropagationRequest) -> None:
    """Paint k slices of every structure with its reference, let each method fill the rest, and score that.

    Judged are all slices that were not painted: volumetric Dice, surface Dice at 2 mm, 95 % Hausdorff distance, share
    of slices that need no edit (2D Dice at least 0.9), seconds per slice; means over sources with 95 % bootstrap
    intervals over structures. A run that was stopped goes on where it was.

    Libraries hold any other subjects of DATA, training cases too: they are looked at, not learned.

    Example: `patchicl evaluate propagation data --split development --k 3,5 --output results`
    """
    from PatchICLLib.command_line.evaluate_run import run_propagation

    run_propagation(request)


@evaluate.command("hard", no_args_is_help=True)
@with_groups
def hard(
    data: CasesArgument,
    product: Product,
    methods: Annotated[
        str, typer.Option(metavar="LIST", help="patchicl, and the peers that it is held against; as of propagation.")
    ] = "patchicl,nearest,interpolation,fill-between-slices,grow-from-seeds,random-walker",
    output: Annotated[Path, typer.Option(metavar="DIR", help="Where results (JSON lines) go.")] = Path(
        "evaluation-hard"
    ),
    json_file: JsonOption = None,
) -> None:
    """Score structures on which peers are hard to beat, each against the peer that is best on it.

    Parcels without an edge in the image, thick slices with one slice between painted ones, vessels and other tubes with
    several branches, thin curved sheets: a list that ships (Resources/Protocol/hard_cases.json) names them and how each
    is painted. Cases that DATA does not hold are left out and told of. A run that was stopped goes on where it was.

    Example: `patchicl evaluate hard data --output hard`
    """
    from PatchICLLib.command_line.hard_cases_run import run_hard_cases

    run_hard_cases(data, method_names=words(methods), output=output, json_file=json_file, product=product)


@evaluate.command(no_args_is_help=True)
@with_groups
def report(
    output: Annotated[
        Path, typer.Argument(metavar="DIR", show_default=False, help="--output of earlier runs, of all shards.")
    ],
    json_file: JsonOption = None,
) -> None:
    """Print the tables and draw the figures of finished runs again, all shards together."""
    from PatchICLLib.command_line.evaluate_run import print_report

    print_report(output, json_file)


@dataclass(frozen=True, kw_only=True)
class FailuresRequest(Networks):
    """Which failures are shown."""

    data: CasesArgument
    results: Annotated[
        Path, typer.Argument(metavar="DIR", show_default=False, help="--output of earlier runs of propagation.")
    ]
    output: Annotated[
        Path, typer.Option(metavar="FILE.png", show_default=False, help="The picture; its folder must exist.")
    ]
    method: Annotated[str, typer.Option(help="Whose failures.")] = "patchicl"
    k: KOption = "3,5"
    count: Annotated[int, typer.Option(min=1, help="Failures to show.")] = 6
    by_source: Annotated[int, typer.Option(min=1, help="At most so many of each source.")] = 2


@evaluate.command(no_args_is_help=True)
@with_groups
def failures(request: FailuresRequest) -> None:
    """Draw where a method loses most against its best peer: painted, wanted, and what the two made of it.

    Takes the results of `patchicl evaluate propagation` on the same data and predicts those structures again. The slice
    shown is the one where most voxels are wrong.

    Example: `patchicl evaluate failures data results --output failures.png`
    """
    from PatchICLLib.command_line.evaluate_run import run_failures

    run_failures(request)


@evaluate.command("next-slice", no_args_is_help=True)
@with_groups
def next_slice(
    data: CasesArgument,
    judged: Judged,
    product: Product,
    most: Annotated[int, typer.Option(min=3, metavar="N", help="Slices after which the reader gives up.")] = 10,
    json_file: JsonOption = None,
) -> None:
    """Count the slices one has to paint until Dice 0.9, following the suggestion or filling the largest gap.

    Both readers start from two slices and paint one more at a time.

    Example: `patchicl evaluate next-slice data --split development --max-structures 10`
    """
    from PatchICLLib.command_line.evaluate_run import run_next_slice

    run_next_slice(data, judged=judged, most=most, json_file=json_file, product=product)


@evaluate.command(no_args_is_help=True)
@with_groups
def calibration(
    data: CasesArgument,
    judged: JudgedDevelopment,
    product: Product,
    k: KOption = "2,3,5",
    store: Annotated[bool, typer.Option("--store", help="Store the temperature in the weights' model card.")] = False,
    json_file: JsonOption = None,
) -> None:
    """Fit the temperature that makes the probabilities true, and say how far off they were and are.

    Logits are divided by it before they become probabilities and entropies; masks stay as they are. With --store the
    model card keeps it, and every later use of the weights follows it.

    Example: `patchicl evaluate calibration data --weights mine.safetensors --store`
    """
    from PatchICLLib.command_line.calibration_run import run_calibration

    run_calibration(
        data,
        ks=numbers_from_text(k, "--k"),
        judged=judged,
        store=store,
        json_file=json_file,
        product=product,
    )


@dataclass(frozen=True, kw_only=True)
class CandidatesRequest(JudgedDevelopment, Product):
    """What is painted how, and how many answers are wanted."""

    data: CasesArgument
    k: KOption = "1,2,3"
    protocol: Annotated[str, typer.Option(metavar="LIST", help="span, inset, as of propagation.")] = "inset"
    most: Annotated[int, typer.Option(min=2, max=4, metavar="N", help="At most so many answers.")] = 4
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0
    spread: Annotated[
        list[float] | None,
        typer.Option(
            min=0.01,
            max=10,
            show_default="1",
            help="How far off logits of uncertain parts are taken to be; may be given several times, to compare.",
        ),
    ] = None
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Where predictions are kept; those that are there are not made anew.")
    ] = Path("evaluation")
    json_file: JsonOption = None


@evaluate.command(no_args_is_help=True)
@with_groups
def candidates(request: CandidatesRequest) -> None:
    """Say what several answers are worth: the best of them against the one, and whether their probabilities are true.

    Example: `patchicl evaluate candidates DATA --max-structures 5 --output kept`
    """
    from PatchICLLib.command_line.candidates_run import run_candidates

    run_candidates(request)


add_experiments(evaluate)
