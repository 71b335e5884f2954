"""What `patchicl evaluate propagation --planes` does once its options are read."""

from collections.abc import Sequence
from typing import Any, cast

from rich import box
from rich.console import Group
from rich.table import Table

from PatchICLLib.command_line.console import columns, plain_console
from PatchICLLib.command_line.evaluate import PropagationRequest
from PatchICLLib.command_line.options import whole_number
from PatchICLLib.command_line.progress_display import ProgressDisplay
from PatchICLLib.datasets.cases import Case
from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.methods import NetworkMethod, Weights, load_methods
from PatchICLLib.evaluation.mixed_planes import WORSE, PlaneCounts, evaluate_planes, summarise_planes
from PatchICLLib.evaluation.runner import Settings
from PatchICLLib.outputs import write_json


def planes_from_text(text: str) -> list[PlaneCounts]:
    """The variants of --planes, such as "3,3+1", each once."""
    variants = []
    for part in text.split(","):
        counts = [whole_number(count) for count in part.split("+")]
        if None in counts:
            raise InputError(
                "--planes must be numbers of planes along the axes with commas between them, such as 3,4,3+1,1+1+1, "
                f"but it is {text[:60]}."
            )
        variants.append(PlaneCounts(tuple(count for count in counts if count is not None)))
    return list(dict.fromkeys(variants))


def run_planes(
    cases: Sequence[Case],
    variants: Sequence[PlaneCounts],
    settings: Settings,
    weights: Weights,
    request: PropagationRequest,
) -> None:
    """Evaluate, then print the table."""
    method = cast(NetworkMethod, load_methods(["patchicl"], weights, request.device)[0])
    unreadable: dict[str, str] = {}
    with ProgressDisplay(request.quiet, unit="structures") as display:
        rows = evaluate_planes(
            cases,
            method,
            variants,
            settings,
            request.output,
            request.resume,
            display.show_stage,
            unreadable,
        )
    summary = summarise_planes(rows, variants)
    console = plain_console()
    console.print(planes_tables(summary))
    for name, reason in unreadable.items():
        console.print(f"{name} could not be read: {reason}", soft_wrap=True)
    if request.json_file is not None:
        write_json({"planes": summary, "missing": unreadable}, request.json_file)


def planes_tables(summary: dict[str, Any]) -> Group:
    """A table for each placement: variants against the first."""
    tables = []
    for placement, entry in summary.items():
        left_out = f", {entry['left_out']} left out" if entry["left_out"] else ""
        first = next(iter(entry["variants"]), "")
        headings = ("Dice", f"against {first} (95 %)", f"worse by > {WORSE}", "time", "processor time")
        title = f"{placement}: {entry['structures']} structures{left_out}, mean over sources"
        table = Table(*columns(["planes"], headings), title=title, box=box.SIMPLE_HEAD)
        for name, found in entry["variants"].items():
            gain = found["gain"]
            table.add_row(
                name,
                f"{found['dice']['mean']:.4f}",
                f"{gain['mean']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f})",
                str(found["worse"]),
                f"{found['seconds']:.2f} x",
                f"{found['processor_seconds']:.2f} x",
            )
        tables.append(table)
    return Group(*tables)
