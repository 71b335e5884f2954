"""Runs the demo from the command line, and prints how good and how fast it was."""

from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from PatchICLLib.command_line.console import columns, plain_console, wrote
from PatchICLLib.command_line.interrupt import interrupt_cancels
from PatchICLLib.command_line.progress_display import ProgressDisplay
from PatchICLLib.demo.job import demo_outputs, run_demo, save_demo
from PatchICLLib.demo.result import METHODS, OURS, DemoResult
from PatchICLLib.demo.sample import load_sample
from PatchICLLib.outputs import Output, check_outputs, output_folder, write_json
from PatchICLLib.propagation import CancelToken, Propagator
from PatchICLLib.weights import weights_file


def run_and_report(folder: Path, model: dict[str, Any], json_file: Path | None, quiet: bool) -> DemoResult:
    """Run, save, print.

    Args:
        folder: where to save; created if its parent exists.
        model: arguments of `Propagator.from_pretrained`.
        json_file: where to write the table, or None.
        quiet: print nothing.

    Raises:
        InputError: the folder cannot be written to.
        Cancelled: by Ctrl-C.
    """
    with output_folder(folder, parents=False):
        outputs = demo_outputs(folder)
        if json_file is not None:
            outputs.append(Output("--json", json_file, (".json",)))
        check_outputs(outputs, {"--weights": weights_file(model.get("weights"))})
        token = CancelToken()
        with interrupt_cancels(token), ProgressDisplay(quiet) as display:
            result = run_demo(load_sample(), Propagator.from_pretrained(**model), display, token)
            display.show("Drawing", 1, 1)
            paths = save_demo(result, folder)
    if json_file is not None:
        write_json(_as_json(result), json_file)
    if not quiet:
        _print(result, paths)
    return result


def _print(result: DemoResult, paths: tuple[Path, ...]) -> None:
    console = plain_console()
    headings, title = columns(["Structure", "Painted slices"], METHODS), "Dice on the slices nobody painted"
    table = Table(*headings, title=title, title_justify="left", title_style="bold", header_style="bold")
    for label, scores in result.dice.items():
        painted = ", ".join(str(index) for index in result.painted_slices[label])
        best = max(scores.values())
        cells = [_score(scores[method], scores[method] == best) for method in METHODS]
        table.add_row(result.sample.names[label], painted, *cells)
    means = [result.mean_dice(method) for method in METHODS]
    table.add_section()
    table.add_row("Mean", "", *(_score(mean, mean == max(means)) for mean in means), style="bold")
    console.print(table)
    console.print(f"Propagated in {result.seconds:.1f} s on {result.propagation.report['device']}.")
    for path in paths:
        console.print(wrote(path), soft_wrap=True)


def _score(value: float, best: bool) -> Text:
    return Text(f"{value:.3f}", style="green" if best else "")


def _as_json(result: DemoResult) -> dict[str, Any]:
    structures = [
        {
            "label": label,
            "name": result.sample.names[label],
            "painted_slices": list(result.painted_slices[label]),
            "dice": scores,
        }
        for label, scores in result.dice.items()
    ]
    means = {method: result.mean_dice(method) for method in METHODS}
    return {
        "seconds": result.seconds,
        "device": result.propagation.report["device"],
        "weights": result.propagation.report["weights"],
        "structures": structures,
        "mean_dice": means,
        "ours": OURS,
    }
