"""Runs `patchicl benchmark` and prints its tables."""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.table import Table

from PatchICLLib.benchmark.compute import PUBLISHED, PUBLISHED_CONTEXT, PUBLISHED_SIDE, measure_compute
from PatchICLLib.benchmark.models import check_models
from PatchICLLib.benchmark.operators import count_operators
from PatchICLLib.benchmark.plots import plot_compute, plot_propagations
from PatchICLLib.benchmark.propagations import COLD, CORRECTED, OUTPUTS, WARM, measure_propagations
from PatchICLLib.benchmark.savings import measure_savings
from PatchICLLib.benchmark.scans import Scan
from PatchICLLib.benchmark.slices import CONTEXT, extrapolated, measure_slices
from PatchICLLib.command_line.benchmark import SpeedPlan
from PatchICLLib.command_line.console import columns, plain_console
from PatchICLLib.command_line.options import numbers_from_text, words
from PatchICLLib.command_line.progress_display import ProgressDisplay
from PatchICLLib.errors import InputError
from PatchICLLib.outputs import Output, check_outputs, write_json
from PatchICLLib.runtime.device import resolve_device
from PatchICLLib.weights import weights_file

Records = list[dict[str, Any]]

_ENGINE_SHARE = 0.7  # of the seconds; the rest is for the slices of other models
_MODES = {
    COLD: "cold",
    WARM: "warm",
    CORRECTED: "again after a correction",
    OUTPUTS: "with entropy and selections",
}


def run_compute(
    models: str,
    resolutions: str,
    context: str,
    weights: str | None,
    json_file: Path | None,
    plot: Path | None,
    quiet: bool,
) -> None:
    """`patchicl benchmark compute`."""
    _check_outputs(json_file, plot, weights)
    names, sides, counts = words(models), _positive(resolutions, "--resolutions"), _positive(context, "--context")
    with ProgressDisplay(quiet, "cases") as display:
        records = measure_compute(names, sides, counts, weights, progress=partial(display.show, "Counting"))
    for count in counts:
        chosen = [record for record in records if record["context"] == count]
        title = f"GFLOPs per target slice, {count} context image{'s' if count > 1 else ''}"
        _print(_grid(title, chosen, "gflops", lambda value: f"{value:,.2f}"))
    if PUBLISHED_CONTEXT in counts and PUBLISHED_SIDE in sides:
        reported = ", ".join(f"{name} {gflops:.0f}" for name, gflops in PUBLISHED.items() if name in names)
        if reported:
            _print(f"Reported in the paper at 512 with 3 context images: {reported}.")
    _finish(records, json_file)
    if plot is not None:
        plot_compute(records, plot)


def run_training(recipes: str, json_file: Path | None, quiet: bool) -> None:
    """`patchicl benchmark training`."""
    from PatchICLLib.benchmark.training import measure_training

    _check_outputs(json_file)
    with ProgressDisplay(quiet, "shapes") as display:
        records = measure_training(words(recipes), progress=partial(display.show, "Counting"))
    numbers = ["steps", "GFLOPs a step", "TFLOPs in all"]
    table = Table(*columns(["recipe"], numbers), title="Operations of a training")
    for record in records:
        table.add_row(record["recipe"], f"{record['steps']:,}", f"{record['gflops']:,.1f}", f"{record['tflops']:,.0f}")
    _print(table)
    _finish(records, json_file)


def run_speed(plan: SpeedPlan, json_file: Path | None, plot: Path | None, quiet: bool) -> None:
    """`patchicl benchmark speed`."""
    began = time.time()
    _check_outputs(json_file, plot, plan.weights)
    scans = [Scan.parse(text) for text in plan.volumes.split(",")]
    peers = () if plan.peers == "none" else (*words(plan.peers), "sparse")
    if peers:
        check_models(peers)
    device = str(resolve_device(plan.device))
    common: dict[str, Any] = {"device": device, "threads": plan.threads, "weights": plan.weights}
    with ProgressDisplay(quiet, "measurements") as display:
        share = _ENGINE_SHARE if peers else 1.0
        records = measure_propagations(
            scans,
            until=began + share * plan.seconds,
            progress=partial(display.show, "Propagating"),
            **common,
        )
        slices: Records = []
        if peers:
            slices = measure_slices(
                tuple(dict.fromkeys(peers)),
                sorted({scan.shape[1] for scan in scans if scan.labels == 1}) or [scans[0].shape[1]],
                until=began + plan.seconds,
                progress=partial(display.show, "Slices"),
                **common,
            )
    for scan in dict.fromkeys((record["scan"], record["labels"]) for record in records):
        _print(_propagation_table([record for record in records if (record["scan"], record["labels"]) == scan]))
    if slices:
        _print(_slice_table(slices))
    records += slices + extrapolated(scans, slices)
    for record in records:
        if record["mode"] == "extrapolated":
            _print(f"UniverSeg, {record['scan']}: {record['seconds']:,.0f} s, extrapolated from one slice.")
    _print(f"Measured in {time.time() - began:.0f} of {plan.seconds:.0f} s.")
    _finish(records, json_file)
    if plot is not None:
        plot_propagations(records, plot)


def run_operators(
    volume: str, labels: str, batches: str, weights: str | None, json_file: Path | None, quiet: bool
) -> None:
    """`patchicl benchmark operators`."""
    _check_outputs(json_file, None, weights)
    counts = _positive(labels, "--labels")
    if batches not in ("card", "cpu"):
        raise InputError(f"--batches must be card or cpu, but it is {batches[:20]}.")
    with ProgressDisplay(quiet, "propagations") as display:
        records: Records = []
        for count in counts:
            display.show("Counting", len(records), len(counts))
            records.append(count_operators(Scan(Scan.parse(volume).shape, count), batches, weights))
    machine = "a usual card" if batches == "card" else "the CPU"
    _print(f"Operators of torch, nested ones too, in a propagation of {records[0]['scan']}")
    _print(f"from three painted slices, with as much at once as on {machine}:")
    labels_of = [f"{record['labels']} label{'s' if record['labels'] > 1 else ''}" for record in records]
    table = Table(*columns(["part"], labels_of))
    for name in dict.fromkeys(name for record in records for name in record["parts"]):
        table.add_row(name, *(f"{record['parts'].get(name, 0):,}" for record in records))
    table.add_row("all", *(f"{record['operators']:,}" for record in records))
    _print(table)
    _finish(records, json_file)


def run_savings(
    volume: str,
    variants: str,
    rounds: int,
    threads: int | None,
    weights: str | None,
    json_file: Path | None,
    quiet: bool,
) -> None:
    """`patchicl benchmark savings`."""
    _check_outputs(json_file, None, weights)
    shape, chosen = Scan.parse(volume).shape, None if variants == "all" else words(variants)
    with ProgressDisplay(quiet, "propagations") as display:
        records = measure_savings(
            shape,
            chosen,
            rounds=rounds,
            threads=threads,
            weights=weights,
            progress=partial(display.show, "Propagating"),
        )
    _print(_savings_table(records))
    _finish(records, json_file)


# ---- tables ------------------------------------------------------------------------------------------------------


def _grid(title: str, records: Records, key: str, text: Any) -> Table:
    """Models and modes by resolution, with the ratio to UniverSeg where that was measured."""
    sides = sorted({record["resolution"] for record in records})
    table = Table(*columns(["model", "slice"], (f"{side} x {side}" for side in sides)), title=title)
    values = {(r["model"], r["mode"], r["resolution"]): r[key] for r in records}
    for name in dict.fromkeys(record["model"] for record in records):
        for mode in ("first", "further"):
            cells = []
            for side in sides:
                value, rival = values[name, mode, side], values.get(("universeg", mode, side))
                share = f"  ({_ratio(value / rival)})" if rival and name != "universeg" else ""
                cells.append(text(value) + share)
            table.add_row(name, mode, *cells)
    return table


def _propagation_table(records: Records) -> Table:
    """Of one scan."""
    first = records[0]
    structures = f"{first['labels']} structures, " if first["labels"] > 1 else ""
    title = f"Seconds, {first['scan']}, {structures}{first['context']} painted slices, {_machine(first)}"
    table = Table(*columns([""], (_MODES[record["mode"]] for record in records)), title=title)
    table.add_row("total", *(record["left_out"] or _seconds(record["seconds"]) for record in records))
    table.add_row("first slice", *(_seconds(record["first_slice_seconds"]) for record in records))
    for part in dict.fromkeys(part for record in records for part in record["parts"] or ()):
        table.add_row(f"  {part}", *(_seconds((record["parts"] or {}).get(part)) for record in records))
    table.add_row("peak MiB", *(_mib(record["peak_mib"]) for record in records))
    return table


def _slice_table(records: Records) -> Table:
    """Models by size, with the ratio to UniverSeg where that was measured."""
    sides = sorted({record["resolution"] for record in records})
    title = f"Seconds per further slice, {CONTEXT} context images, {_machine(records[0])}"
    table = Table(*columns(["model"], [*(f"{side} x {side}" for side in sides), "MiB"]), title=title)
    further = {(r["model"], r["resolution"]): r for r in records if r["mode"] == "further"}
    for name in dict.fromkeys(record["model"] for record in records):
        cells = []
        for side in sides:
            value = further[name, side]["seconds"]
            rival = further["universeg", side]["seconds"] if ("universeg", side) in further else None
            share = f"  ({_ratio(value / rival)})" if value and rival and name != "universeg" else ""
            cells.append("left out: no time left" if value is None else _seconds(value) + share)
        table.add_row(name, *cells, _mib(further[name, sides[0]]["peak_mib"]))
    return table


def _machine(record: dict[str, Any]) -> str:
    if record["device"].startswith("cuda"):
        return torch.cuda.get_device_name(record["device"])
    threads = f", {record['threads']} thread{'s' if record['threads'] > 1 else ''}"
    return record["device"].upper() + (threads if record["device"] == "cpu" else "")


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if value < 1 else f"{value:.2f}"


def _savings_table(records: Records) -> Table:
    product = records[0]
    size = f"{product['resolution']} x {product['resolution']} x {product['slices']}"
    threads = f"{product['threads']} thread{'s' if product['threads'] > 1 else ''}"
    numbers = "seconds", "over product", "peak MiB", "voxels changed", "Dice to product", "Dice to truth"
    title = f"{size} with {product['context']} painted slices, {product['device']}, {threads}"
    table = Table(*columns(["variant"], numbers), title=title)
    for record in records:
        table.add_row(
            record["variant"],
            f"{record['seconds']:,.2f}",
            f"{record['ratio']:.2f} x",
            _mib(record["peak_mib"]),
            _changed(record["labels_changed"]),
            f"{record['dice_to_product']:.4f}",
            f"{record['dice']:.4f}",
        )
    return table


def _changed(share: float) -> str:
    """In per cent; "none" is none at all."""
    if share == 0:
        return "none"
    return f"{share:.3%}" if share >= 1e-5 else "< 0.001%"


def _ratio(share: float) -> str:
    """Of UniverSeg's cost: "1/20.5" or "3.8 x"."""
    return f"{share:.3g} x" if share > 1 else f"1/{1 / share:.3g}"


def _mib(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.0f}"


def _print(what: Table | str) -> None:
    plain_console().print(what)


# ---- options -----------------------------------------------------------------------------------------------------


def _positive(text: str, option: str) -> list[int]:
    numbers = numbers_from_text(text, option)
    if 0 in numbers:
        raise InputError(f"{option} must be 1 or larger, but one is 0.")
    return sorted(set(numbers))


def _check_outputs(json_file: Path | None, plot: Path | None = None, weights: str | None = None) -> None:
    wanted = (("--json", json_file, (".json",)), ("--plot", plot, (".png", ".svg", ".pdf")))
    outputs = [Output(name, path, endings) for name, path, endings in wanted if path is not None]
    check_outputs(outputs, {"--weights": weights_file(weights)})


def _finish(records: Sequence[dict[str, Any]], json_file: Path | None) -> None:
    if json_file is not None:
        write_json(list(records), json_file)
