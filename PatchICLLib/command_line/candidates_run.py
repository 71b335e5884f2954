"""What `patchicl evaluate candidates` does once its options are read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from rich.table import Table

from PatchICLLib.command_line.console import plain_console
from PatchICLLib.command_line.evaluate_options import Judged, Product
from PatchICLLib.command_line.evaluate_run import chosen_cases
from PatchICLLib.command_line.options import axis_from_text
from PatchICLLib.command_line.progress_display import ProgressDisplay
from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.candidates import Answers, judged_answers, summarise_answers
from PatchICLLib.evaluation.kept_predictions import predictions
from PatchICLLib.evaluation.methods import Weights, load_methods
from PatchICLLib.evaluation.protocol import PLACEMENTS, Placement
from PatchICLLib.evaluation.runner import Settings
from PatchICLLib.outputs import Output, check_outputs, output_folder, write_json
from PatchICLLib.weights import weights_file


def run_candidates(
    data: Path,
    *,
    ks: Sequence[int],
    placements: Sequence[str],
    count: int,
    seed: int,
    spreads: Sequence[float],
    judged: Judged,
    output: Path,
    json_file: Path | None,
    product: Product,
) -> None:
    """Predict what is not kept yet, find and score the answers, and print what they are worth."""
    if 0 in ks or not placements or any(placement not in PLACEMENTS for placement in placements):
        raise InputError("Give protocols among span and inset, and numbers of painted slices from 1 on.")
    settings = Settings(
        tuple(ks), cast(tuple[Placement, ...], tuple(placements)), axis_from_text(judged.axis), judged.max_structures
    )
    with output_folder(output):
        outputs = [] if json_file is None else [Output("--json", json_file, (".json",))]
        check_outputs(outputs, {"--weights": weights_file(product.weights)}, {"DATA": data})
        cases = chosen_cases(data, judged)
        (method,) = load_methods(["patchicl"], Weights(product.weights), product.device)
        answers: dict[float, list[Answers]] = {spread: [] for spread in spreads}
        with ProgressDisplay(product.quiet, unit="predictions") as display:
            for kept in predictions(
                cases, method, settings, output, lambda done, total, stage: display.show(stage, done, total)
            ):
                for spread, found in answers.items():
                    found.append(judged_answers(kept, count, seed, spread))
        if not all(answers.values()):
            raise InputError("No structure can be painted so: choose other data.")
        summaries = {spread: summarise_answers(found, count) for spread, found in answers.items()}
        for spread, summary in summaries.items():
            _show(spread, summary, count)
        if json_file is not None:
            write_json({str(spread): summary for spread, summary in summaries.items()}, json_file)


def _show(spread: float, summary: dict[str, Any], count: int) -> None:
    console = plain_console()
    table = Table(title=f"Up to {count} answers, spread {spread:g}, {summary['predictions']} predictions: mean Dice")
    for heading in ("k", "one answer", "the best of all", "gained (95 %)", "the most probable"):
        table.add_column(heading)
    for k, worth in {**summary["by_k"], "all": summary["all"]}.items():
        gained = worth["gained"]
        table.add_row(
            k,
            f"{worth['one']['mean']:.3f}",
            f"{worth['best_of_all']['mean']:.3f}",
            f"{gained['mean']:.4f} ({gained['low']:.4f}-{gained['high']:.4f})",
            f"{worth['most_probable']['mean']:.3f}",
        )
    console.print(table)
    by_source = ", ".join(f"{source} {gained:.4f}" for source, gained in summary["gained_by_source"].items())
    console.print(f"gained by source: {by_source}", soft_wrap=True)
    console.print("answers given: " + ", ".join(f"{n}: {many}" for n, many in summary["answers"].items()))
    truths = Table(title="Where there are several: stated, and how often it was the best")
    for heading in ("answer or probability", "answers", "stated", "was the best"):
        truths.add_column(heading)
    for rank in summary["ranks"]:
        truths.add_row(
            f"answer {rank['answer']}", str(rank["predictions"]), f"{rank['stated']:.3f}", f"{rank['best']:.3f}"
        )
    for one in summary["reliability"]:
        truths.add_row(
            f"{one['from']:g}-{one['to']:g}", str(one["answers"]), f"{one['stated']:.3f}", f"{one['best']:.3f}"
        )
    console.print(truths)
    if summary["log_score"] is not None:
        console.print(f"mean -log probability of the best: {summary['log_score']:.3f}")
