"""Runs `patchicl benchmark` and prints its tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from PatchICLLib.benchmark.compute import PUBLISHED, measure_compute
from PatchICLLib.benchmark.plots import plot_compute, plot_slices, plot_volumes
from PatchICLLib.benchmark.savings import measure_savings
from PatchICLLib.benchmark.slices import measure_slices
from PatchICLLib.benchmark.volumes import measure_volumes
from PatchICLLib.command_line.console import plain_console
from PatchICLLib.command_line.options import numbers_from_text
from PatchICLLib.command_line.progress_display import ProgressDisplay
from PatchICLLib.errors import InputError
from PatchICLLib.outputs import Output, check_outputs, write_json
from PatchICLLib.runtime.device import resolve_device
from PatchICLLib.weights import weights_file

Records = list[dict[str, Any]]


@dataclass(frozen=True)
class SpeedPlan:
    """The options of `patchicl benchmark speed`, as they were typed."""

    models: str
    resolutions: str
    context: str
    volumes: str
    rounds: int
    sample: int
    device: str
    threads: int | None
    weights: str | None


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
    names, sides, counts = _names(models), _positive(resolutions, "--resolutions"), _positive(context, "--context")
    with ProgressDisplay(quiet, "cases") as display:
        records = measure_compute(
            names, sides, counts, weights, progress=lambda done, total: display.show("Counting", done, total)
        )
    for count in counts:
        chosen = [record for record in records if record["context"] == count]
        title = f"GFLOPs per target slice, {count} context image{'s' if count > 1 else ''}"
        _print(_grid(title, chosen, "gflops", lambda value: f"{value:,.2f}"))
    if 3 in counts and 512 in sides:
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
        records = measure_training(_names(recipes), progress=lambda done, total: display.show("Counting", done, total))
    table = Table(title="Operations of a training")
    table.add_column("recipe")
    for heading in ("steps", "GFLOPs a step", "TFLOPs in all"):
        table.add_column(heading, justify="right")
    for record in records:
        table.add_row(record["recipe"], f"{record['steps']:,}", f"{record['gflops']:,.1f}", f"{record['tflops']:,.0f}")
    _print(table)
    _finish(records, json_file)


def run_speed(plan: SpeedPlan, json_file: Path | None, plot: Path | None, quiet: bool) -> None:
    """`patchicl benchmark speed`."""
    _check_outputs(json_file, plot, plan.weights)
    names, counts = _names(plan.models), _positive(plan.context, "--context")
    sides = [] if plan.resolutions == "none" else _positive(plan.resolutions, "--resolutions")
    shapes = [] if plan.volumes == "none" else [_shape(text) for text in plan.volumes.split(",")]
    if not sides and not shapes:
        raise InputError("Neither --resolutions nor --volumes name anything to measure; give one of them.")
    common: dict[str, Any] = {
        "device": str(resolve_device(plan.device)),
        "rounds": plan.rounds,
        "threads": plan.threads,
        "weights": plan.weights,
    }
    records: Records = []
    with ProgressDisplay(quiet, "cases") as display:
        if sides:
            records += measure_slices(
                names, sides, counts, progress=lambda done, total: display.show("Slices", done, total), **common
            )
        if shapes:
            records += measure_volumes(
                shapes,
                sample=plan.sample,
                progress=lambda done, total: display.show("Volumes", done, total),
                **common,
            )
    slices = [record for record in records if record["mode"] in ("first", "further")]
    for count in counts if slices else []:
        chosen = [record for record in slices if record["context"] == count]
        title = f"Seconds per target slice, {count} context images, {common['device']}"
        _print(_grid(title, chosen, "seconds", lambda value: f"{value:,.3f}"))
        _print(_memory(chosen))
    if shapes:
        _print(_volume_table([record for record in records if "slices" in record]))
    _finish(records, json_file)
    if plot is not None:
        (plot_volumes if shapes else plot_slices)(records, plot)


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
    shape, chosen = _shape(volume), None if variants == "all" else _names(variants)
    with ProgressDisplay(quiet, "propagations") as display:
        records = measure_savings(
            shape,
            chosen,
            rounds=rounds,
            threads=threads,
            weights=weights,
            progress=lambda done, total: display.show("Propagating", done, total),
        )
    _print(_savings_table(records))
    _finish(records, json_file)


# ---- tables ------------------------------------------------------------------------------------------------------


def _grid(title: str, records: Records, key: str, text: Any) -> Table:
    """Models and modes by resolution, with the ratio to UniverSeg where that was measured."""
    table = Table(title=title)
    sides = sorted({record["resolution"] for record in records})
    table.add_column("model")
    table.add_column("slice")
    for side in sides:
        table.add_column(f"{side} x {side}", justify="right")
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


def _memory(records: Records) -> Table:
    table = Table(title="Peak memory of the process in MiB")
    sides = sorted({record["resolution"] for record in records})
    table.add_column("model")
    for side in sides:
        table.add_column(f"{side} x {side}", justify="right")
    peaks = {(r["model"], r["resolution"]): r["peak_mib"] for r in records}
    for name in dict.fromkeys(record["model"] for record in records):
        table.add_row(name, *(_mib(peaks[name, side]) for side in sides))
    return table


def _volume_table(records: Records) -> Table:
    table = Table(title=f"Volumes with {records[0]['context']} painted slices, {records[0]['device']}")
    for heading in ("volume", "model", "what"):
        table.add_column(heading)
    for heading in ("seconds", "peak MiB"):
        table.add_column(heading, justify="right")
    for record in records:
        size = f"{record['resolution']} x {record['resolution']} x {record['slices']}"
        what = record["mode"].removeprefix("volume").strip("_").replace("_", " ") or "whole volume"
        guess = " (extrapolated)" if record["extrapolated"] else ""
        table.add_row(size, record["model"], what + guess, f"{record['seconds']:,.2f}", _mib(record["peak_mib"]))
    return table


def _savings_table(records: Records) -> Table:
    product = records[0]
    size = f"{product['resolution']} x {product['resolution']} x {product['slices']}"
    threads = f"{product['threads']} thread{'s' if product['threads'] > 1 else ''}"
    table = Table(title=f"{size} with {product['context']} painted slices, {product['device']}, {threads}")
    table.add_column("variant")
    for heading in ("seconds", "over product", "peak MiB", "voxels changed", "Dice to product", "Dice to truth"):
        table.add_column(heading, justify="right")
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


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _positive(text: str, option: str) -> list[int]:
    numbers = numbers_from_text(text, option)
    if 0 in numbers:
        raise InputError(f"{option} must be 1 or larger, but one is 0.")
    return sorted(set(numbers))


def _shape(text: str) -> tuple[int, int, int]:
    """Slices, rows, columns of "512x512x300"."""
    match = re.fullmatch(r"\s*([0-9]{1,6})x([0-9]{1,6})x([0-9]{1,6})\s*", text)
    columns, rows, slices = (int(number) for number in match.groups()) if match else (0, 1, 0)
    if columns != rows or columns % 8 or columns < 32 or slices < 8:
        raise InputError(
            "A volume must be COLUMNSxROWSxSLICES such as 512x512x300, square, with sides that are multiples of 8 and "
            f"at least 8 slices, but it is {text[:60]}."
        )
    return slices, rows, columns


def _check_outputs(json_file: Path | None, plot: Path | None = None, weights: str | None = None) -> None:
    wanted = (("--json", json_file, (".json",)), ("--plot", plot, (".png", ".svg", ".pdf")))
    outputs = [Output(name, path, endings) for name, path, endings in wanted if path is not None]
    check_outputs(outputs, {"--weights": weights_file(weights)})


def _finish(records: Sequence[dict[str, Any]], json_file: Path | None) -> None:
    if json_file is not None:
        write_json(list(records), json_file)
