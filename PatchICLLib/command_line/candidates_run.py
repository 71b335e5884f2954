"""What `patchicl evaluate candidates` does once its options are read."""

from typing import Any, cast

from rich.table import Table

from PatchICLLib.command_line.console import plain_console
from PatchICLLib.command_line.evaluate import CandidatesRequest
from PatchICLLib.command_line.evaluate_run import chosen_cases
from PatchICLLib.command_line.options import axis_from_text, numbers_from_text, words
from PatchICLLib.command_line.progress_display import ProgressDisplay
from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.candidates import Answers, judged_answers, summarise_answers
from PatchICLLib.evaluation.kept_predictions import predictions
from PatchICLLib.evaluation.methods import Weights, load_methods
from PatchICLLib.evaluation.protocol import PLACEMENTS, Placement
from PatchICLLib.evaluation.runner import Settings
from PatchICLLib.outputs import Output, check_outputs, output_folder, write_json
from PatchICLLib.propagation.candidates.choice import SPREAD
from PatchICLLib.weights import weights_file


def run_candidates(request: CandidatesRequest) -> None:
    """Predict what is not kept yet, find and score the answers, and print what they are worth."""
    ks, placements, count = numbers_from_text(request.k, "--k"), words(request.protocol), request.most
    if 0 in ks or not placements or any(placement not in PLACEMENTS for placement in placements):
        raise InputError("Give protocols among span and inset, and numbers of painted slices from 1 on.")
    settings = Settings(
        tuple(ks), cast(tuple[Placement, ...], placements), axis_from_text(request.axis), request.max_structures
    )
    with output_folder(request.output):
        outputs = [] if request.json_file is None else [Output("--json", request.json_file, (".json",))]
        check_outputs(outputs, {"--weights": weights_file(request.weights)}, {"DATA": request.data})
        cases = chosen_cases(request.data, request)
        (method,) = load_methods(["patchicl"], Weights(request.weights), request.device)
        answers: dict[float, list[Answers]] = {spread: [] for spread in request.spread or [SPREAD]}
        with ProgressDisplay(request.quiet, unit="predictions") as display:
            for kept in predictions(cases, method, settings, request.output, display.show_stage):
                for spread, found in answers.items():
                    found.append(judged_answers(kept, count, request.seed, spread))
        if not all(answers.values()):
            raise InputError("No structure can be painted so: choose other data.")
        summaries = {spread: summarise_answers(found, count) for spread, found in answers.items()}
        for spread, summary in summaries.items():
            _show(spread, summary, count)
        if request.json_file is not None:
            write_json({str(spread): summary for spread, summary in summaries.items()}, request.json_file)


def _show(spread: float, summary: dict[str, Any], count: int) -> None:
    console = plain_console()
    headings = "k", "one answer", "the best of all", "gained (95 %)", "the most probable"
    title = f"Up to {count} answers, spread {spread:g}, {summary['predictions']} predictions: mean Dice"
    table = Table(*headings, title=title)
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
    truth_headings = "answer or probability", "answers", "stated", "was the best"
    truths = Table(*truth_headings, title="Where there are several: stated, and how often it was the best")
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
