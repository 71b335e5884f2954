"""What `patchicl evaluate` does once its options are read."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

from rich.table import Table

from PatchICLLib.command_line.console import plain_console
from PatchICLLib.command_line.evaluate import FailuresRequest, PropagationRequest
from PatchICLLib.command_line.evaluate_options import Judged, Product, is_development_only
from PatchICLLib.command_line.evaluate_planes_run import planes_from_text, run_planes
from PatchICLLib.command_line.options import axis_from_text, numbers_from_text, whole_number, words
from PatchICLLib.command_line.progress_display import ProgressDisplay
from PatchICLLib.datasets.cases import Case, find_cases
from PatchICLLib.datasets.split import is_development
from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.failures import FailedSlice, replay, worst
from PatchICLLib.evaluation.library_methods import has_company, methods_with_libraries
from PatchICLLib.evaluation.methods import Weights, load_methods
from PatchICLLib.evaluation.missing_cases import keep_missing, missing_lines, read_missing
from PatchICLLib.evaluation.next_slice import evaluate_next_slice, summarise_sessions
from PatchICLLib.evaluation.plots import FIGURES, write_plots
from PatchICLLib.evaluation.protocol import PLACEMENTS, Placement
from PatchICLLib.evaluation.report import summarise
from PatchICLLib.evaluation.results import Row, read_rows
from PatchICLLib.evaluation.runner import Settings, Shard, evaluate_propagation
from PatchICLLib.evaluation.tables import propagation_tables
from PatchICLLib.outputs import Output, check_outputs, is_drawn, output_folder, write_json
from PatchICLLib.weights import weights_file


def run_propagation(request: PropagationRequest) -> None:
    """Evaluate, then print the table and write the figures of this run's rows."""
    ks, placements, method_names = numbers_from_text(request.k, "--k"), words(request.protocol), words(request.methods)
    counts = None
    if request.library_cases is not None:
        counts = numbers_from_text(request.library_cases, "--library-cases")
    unknown = [placement for placement in placements if placement not in PLACEMENTS]
    if unknown or not placements or not method_names or (0 in ks and not counts):
        raise InputError(
            f"There is no protocol {unknown[0]}: choose from span and inset."
            if unknown
            else "Give at least one protocol, one method, and numbers of painted slices from 1 on."
        )
    variants = None if request.planes is None else planes_from_text(request.planes)
    if variants is not None and counts is not None:
        raise InputError("--planes and --library-cases are two questions: ask one at a time.")
    settings = Settings(
        tuple(ks),
        cast(tuple[Placement, ...], placements),
        axis_from_text(request.axis),
        request.max_structures,
        shard_from_text(request.shard),
    )
    data, output, json_file = request.data, request.output, request.json_file
    with output_folder(output):
        check_outputs(_outputs(output, json_file), {"--weights": weights_file(request.weights)}, {"DATA": data})
        cases = chosen_cases(data, request)
        chosen = Weights(request.weights, request.universeg_weights)
        if variants is not None:
            run_planes(cases, variants, settings, chosen, request)
            return
        if counts is None:
            methods = load_methods(list(method_names), chosen, request.device)
        else:
            everybody = find_cases(data, words(request.sources))
            cases = [case for case in cases if has_company(case, everybody)]
            if not cases:
                raise InputError("No case of DATA shows structures that another subject shows too: choose other data.")
            methods = methods_with_libraries(list(method_names), counts, everybody, chosen, request.device)
        unreadable: dict[str, str] = {}
        with ProgressDisplay(request.quiet, unit="predictions") as display:
            rows = evaluate_propagation(
                cases,
                methods,
                settings,
                output,
                request.resume,
                display.show_stage,
                unreadable,
            )
        missing = keep_missing(output, [case.full_name for case in cases], unreadable)
        _show(rows, missing, output, json_file)


def print_report(output: Path, json_file: Path | None) -> None:
    """Tables and figures of all rows below `output`."""
    check_outputs(_outputs(output, json_file), {})
    _show(_rows_of(output), read_missing(output), output, json_file)


def _outputs(folder: Path, json_file: Path | None) -> list[Output]:
    figures = [Output("The figure", folder / name, recognised=is_drawn) for name in FIGURES]
    return figures if json_file is None else [*figures, Output("--json", json_file, (".json",))]


def _rows_of(output: Path) -> list[Row]:
    files = sorted(output.glob("results*.jsonl"))
    if not files:
        raise InputError(f"There are no results in {output}: give the --output of `patchicl evaluate propagation`.")
    return read_rows(files)


def run_failures(request: FailuresRequest) -> None:
    """Find the failures in the results, predict them again, and draw them."""
    from PatchICLLib.evaluation.failure_pictures import draw_failures

    picture, weights = Output("--output", request.output, (".png",)), {"--weights": weights_file(request.weights)}
    check_outputs([picture], weights, {"DATA": request.data})
    ks = numbers_from_text(request.k, "--k")
    rows = [row for row in _rows_of(request.results) if row.k in ks]
    chosen = Weights(request.weights, request.universeg_weights)
    (own,) = load_methods([request.method], chosen, request.device)
    failures = worst(rows, own, request.count, request.by_source)
    if not failures:
        plain_console().print(
            f"On no structure is another method better than {request.method}: there is nothing to draw."
        )
        return
    peers = load_methods(list(dict.fromkeys(failure.peer.method for failure in failures)), chosen, request.device)
    replayed = replay(failures, find_cases(request.data), {loaded.name: loaded for loaded in (own, *peers)})
    with ProgressDisplay(request.quiet, unit="failures") as display:

        def watched() -> Iterator[FailedSlice]:
            for done, scene in enumerate(replayed, start=1):
                display.show("Predicting again", done, len(failures))
                yield scene

        draw_failures(watched(), len(failures), request.output)
    console = plain_console()
    for failure in failures:
        row, peer = failure.own, failure.peer
        console.print(
            f"{row.source}, {row.case}, {row.structure}, {row.placement} {row.k}: {row.method} {row.dice:.3f}, "
            f"{peer.method} {peer.dice:.3f}",
            soft_wrap=True,
        )
    console.print(f"Figure: {request.output}", soft_wrap=True)


def run_next_slice(data: Path, *, judged: Judged, most: int, json_file: Path | None, product: Product) -> None:
    """Play both readers and print how many slices each paints."""
    if json_file is not None:
        summary_file = Output("--json", json_file, (".json",))
        check_outputs([summary_file], {"--weights": weights_file(product.weights)}, {"DATA": data})
    settings = Settings(axis=axis_from_text(judged.axis), max_structures=judged.max_structures)
    cases = chosen_cases(data, judged)
    (method,) = load_methods(["patchicl"], Weights(product.weights), product.device)
    with ProgressDisplay(product.quiet, unit="readers") as display:
        sessions = evaluate_next_slice(cases, method, settings, most, display.show_stage)
    summary = summarise_sessions(sessions, most)
    headings = "reader paints", "slices (mean over sources, 95 %)", f"reached within {most}"
    title = f"Slices painted until Dice {summary['goal']}, {summary['structures']} structures"
    table = Table(*headings, title=title)
    for strategy, painted in summary["painted"].items():
        interval = f"{painted['mean']:.2f} [{painted['low']:.2f}, {painted['high']:.2f}]"
        table.add_row(strategy, interval, f"{summary['reached'][strategy]:.0%}")
    console = plain_console()
    console.print(table)
    saved = summary["saved"]
    console.print(f"Slices saved by the suggestion: {saved['mean']:.2f} ({saved['low']:.2f} to {saved['high']:.2f}).")
    if json_file is not None:
        write_json(summary, json_file)


def _show(rows: Sequence[Row], missing: dict[str, str], output: Path, json_file: Path | None) -> None:
    if not rows:
        raise InputError("No structure is in this shard: use fewer shards.")
    summary = {**summarise(rows), "missing": missing}
    console = plain_console()
    console.print(propagation_tables(summary))
    for line in missing_lines(missing):
        console.print(line, soft_wrap=True)
    for path in write_plots(summary, rows, output):
        console.print(f"Figure: {path}", soft_wrap=True)
    if json_file is not None:
        write_json(summary, json_file)


def chosen_cases(data: Path, judged: Judged) -> list[Case]:
    """Cases of the sources and the split.

    Raises:
        InputError: unknown split, or no case in it.
    """
    development_only = is_development_only(judged.split)
    cases = find_cases(data, words(judged.sources))
    if development_only:
        cases = [case for case in cases if is_development(case.image_path)]
        if not cases:
            raise InputError(f"No case below {data} belongs to the development split: leave out --split.")
    return cases


def shard_from_text(text: str) -> Shard:
    index, _, count = text.partition("/")
    part, parts = whole_number(index), whole_number(count)
    if part is None or parts is None:
        raise InputError(f"--shard must be I/N, such as 2/4, but it is {text[:60]}.")
    return Shard(part, parts)
