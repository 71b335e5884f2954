"""What `patchicl evaluate hard` does once its options are read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from PatchICLLib.command_line.console import plain_console
from PatchICLLib.command_line.evaluate_options import Product
from PatchICLLib.command_line.progress_display import ProgressDisplay
from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.hard_cases import HardCase, against_best_peer, evaluate_hard_cases, hard_cases
from PatchICLLib.evaluation.methods import Weights, load_methods
from PatchICLLib.evaluation.missing_cases import missing_lines
from PatchICLLib.evaluation.report import PRODUCT
from PatchICLLib.evaluation.results import Row
from PatchICLLib.outputs import Output, check_outputs, output_folder, write_json
from PatchICLLib.weights import weights_file


def run_hard_cases(
    data: Path,
    *,
    method_names: Sequence[str],
    output: Path,
    json_file: Path | None,
    product: Product,
) -> None:
    """Evaluate the set and print a row for each case."""
    if PRODUCT not in method_names or len(set(method_names)) < 2:
        raise InputError(f"Give --methods with {PRODUCT} and at least one peer.")
    with output_folder(output):
        outputs = [] if json_file is None else [Output("--json", json_file, (".json",))]
        check_outputs(outputs, {"--weights": weights_file(product.weights)}, {"DATA": data})
        methods = load_methods(list(dict.fromkeys(method_names)), Weights(product.weights), product.device)
        with ProgressDisplay(product.quiet, unit="cases") as display:
            found, absent = evaluate_hard_cases(hard_cases(), data, methods, output, display.show_stage)
    compared = list(against_best_peer(found, PRODUCT))
    console = plain_console()
    console.print(_table(compared))
    for line in missing_lines(absent):
        console.print(line, soft_wrap=True)
    if json_file is not None:
        write_json({"cases": [_entry(case, rows) for case, rows in found], "missing": absent}, json_file)


def _table(compared: Sequence[tuple[HardCase, Row, Row]]) -> Table:
    better = sum(own.dice >= peer.dice for _, own, peer in compared)
    title = f"Dice on hard cases: {PRODUCT} is at least as good as the best peer on {better} of {len(compared)}"
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("kind", "structure", "painted", PRODUCT, "best peer", "gain"):
        table.add_column(heading, overflow="fold")
    for case, own, peer in compared:
        painted = case.painting if case.k == 0 else f"{case.painting} {case.k}"
        where = f"{own.structure} ({own.source}/{own.case})"
        table.add_row(
            case.kind,
            where,
            painted,
            f"{own.dice:.3f}",
            f"{peer.dice:.3f} {peer.method}",
            f"{own.dice - peer.dice:+.3f}",
        )
    mean_own = float(np.mean([own.dice for _, own, _ in compared]))
    mean_peer = float(np.mean([peer.dice for _, _, peer in compared]))
    table.add_row("mean", "", "", f"{mean_own:.3f}", f"{mean_peer:.3f}", f"{mean_own - mean_peer:+.3f}")
    return table


def _entry(case: HardCase, rows: Sequence[Row]) -> dict[str, Any]:
    methods = {
        row.method: {"dice": row.dice, "surface_dice": row.surface_dice, "hausdorff95": row.hausdorff95} for row in rows
    }
    return {
        "kind": case.kind,
        "source": case.source,
        "case": rows[0].case,
        "label": case.label,
        "painting": case.painting,
        "painted_slices": list(rows[0].painted_slices),
        "methods": methods,
    }
