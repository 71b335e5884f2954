"""Runs `patchicl cohort` and prints its report."""

import time
from typing import Any

from rich import box
from rich.table import Table

from PatchICLLib.cohort.case import CaseResult, CohortModel
from PatchICLLib.cohort.dask_pool import DaskPool
from PatchICLLib.cohort.local_pool import LocalPool
from PatchICLLib.cohort.run import Pool, check_cases, run_cohort, summarise
from PatchICLLib.command_line.cohort import CohortRequest
from PatchICLLib.command_line.cohort_manifest import read_manifest
from PatchICLLib.command_line.console import plain_console
from PatchICLLib.command_line.model_options import Engine
from PatchICLLib.command_line.options import open_library
from PatchICLLib.command_line.progress_display import ProgressDisplay, time_text
from PatchICLLib.errors import InputError, Stopped
from PatchICLLib.outputs import Output, check_outputs, write_json


def run_from_manifest(request: CohortRequest, engine: Engine, options: dict[str, Any]) -> None:
    """Do the cohort, print its report; ``options`` are of cases that say nothing else.

    Raises:
        InputError: bad manifest, options or weights, and nothing was done; or, after the report, some cases failed.
        Stopped: by Ctrl-C.
    """
    from PatchICLLib.runtime.device import resolve_device
    from PatchICLLib.weights import find_weights, load_weights, sha256_of, weights_file

    library, said = open_library(request.library, request.match)
    cases = read_manifest(request.manifest, options, None if library is None else library.path, said)
    inputs = {"MANIFEST": request.manifest, "--weights": weights_file(engine.weights, engine.preset)}
    summaries = [] if request.json_file is None else [Output("--json", request.json_file, (".json",))]
    check_outputs(summaries, inputs)
    check_cases(cases, inputs, summaries)
    resolve_device(engine.device)
    load_weights(engine.weights, engine.preset)  # a wrong file is told once, not by every case
    file = find_weights(engine.weights, engine.preset)
    digests = sha256_of(file), sha256_of(file.with_suffix(".json"))
    model = CohortModel(engine.weights, engine.preset, engine.device, *digests)
    pool: Pool = LocalPool(request.processes, request.attempts)
    if request.dask is not None:
        pool = DaskPool(request.dask, request.processes, request.attempts)
    results: list[CaseResult] = []
    began = time.monotonic()
    with ProgressDisplay(request.quiet, unit="scans") as display:
        display.show("Looking for finished scans", 0, len(cases))

        def progress(result: CaseResult) -> None:
            results.append(result)
            new = sum(r.status != "skipped" for r in results)
            left = (time.monotonic() - began) / new * (len(cases) - len(results)) if new else None
            display.show("Segmenting", len(results), len(cases), "" if left is None else f"{time_text(left)} left")

        try:
            final = run_cohort(cases, model, pool, request.resume, progress)
        except KeyboardInterrupt as error:
            finished = sum(r.status != "failed" for r in results)
            raise Stopped(
                f"Stopped after {finished} of {len(cases)} scans; the same command goes on from there."
            ) from error
    summary = summarise(final, model)
    summary["seconds"] = round(time.monotonic() - began, 2)
    if request.json_file is not None:
        write_json(summary, request.json_file)
    _tell(summary, request.quiet)
    if summary["failed"]:
        raise InputError(f"{summary['failed']} of {summary['cases']} scans failed; the same command tries them again.")


def _tell(summary: dict[str, Any], quiet: bool) -> None:
    console = plain_console(stderr=quiet)
    failures = [result for result in summary["results"] if result["status"] == "failed"]
    if failures:
        table = Table(title="Failed", box=box.SIMPLE_HEAD)
        table.add_column("scan", overflow="fold")
        table.add_column("why", overflow="fold")
        for result in failures:
            table.add_row(result["name"], result["message"])
        console.print(table)
    if quiet:
        return
    mean = summary["seconds_per_case"]
    pace = "" if mean is None else f", {mean:.1f} s a scan"
    again = sum(result["attempts"] > 1 for result in summary["results"])
    console.print(
        f"{summary['cases']} scans in {time_text(summary['seconds'])}: {summary['done']} done, {summary['skipped']} "
        f"finished before, {summary['failed']} failed{pace}"
        + (f"; {again} begun again after their process died" if again else "")
        + "."
    )
    suggested = [r for r in summary["results"] if r["suggested_slice"] is not None]
    if suggested:
        console.print(f"{len(suggested)} reports suggest a slice to paint next; see suggested_next_slice in them.")
