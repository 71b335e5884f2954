"""A whole cohort: what is finished is left alone, the rest is done, and everything is reported."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from PatchICLLib.cohort.case import CaseResult, CohortCase, CohortModel, finished_result


class Pool(Protocol):
    """Something that does cases somewhere."""

    def run(self, cases: Sequence[CohortCase], model: CohortModel) -> Iterator[CaseResult]: ...


def run_cohort(
    cases: Sequence[CohortCase],
    model: CohortModel,
    pool: Pool,
    resume: bool = True,
    progress: Callable[[CaseResult], None] = lambda result: None,
) -> list[CaseResult]:
    """Do all cases that are not finished.

    Args:
        cases: names are distinct.
        model: of all cases.
        pool: does them.
        resume: keep finished cases; otherwise their reports are removed first, and all are done again.
        progress: called with each result as it comes, also with those of earlier runs.

    Returns:
        Results in the order of the cases.
    """
    results: dict[str, CaseResult] = {}
    for case in cases:
        if not resume:
            case.report.unlink(missing_ok=True)
        before = finished_result(case, model)
        if before is not None:
            results[case.name] = before
            progress(before)
    pending = [case for case in cases if case.name not in results]
    for case in pending:
        _sweep(case)
    for result in pool.run(pending, model) if pending else ():
        results[result.name] = result
        progress(result)
    return [results[case.name] for case in cases]


def summarise(results: Sequence[CaseResult], model: CohortModel) -> dict[str, Any]:
    """Plain JSON: numbers by status, seconds, weights, and every case.

    Returns:
        {"cases", "done", "skipped", "failed", "seconds_per_case": mean over finished ones or None,
        "weights_sha256", "results": [...]}
    """
    finished = [result.seconds for result in results if result.status != "failed"]
    return {
        "cases": len(results),
        **{status: sum(r.status == status for r in results) for status in ("done", "skipped", "failed")},
        "seconds_per_case": sum(finished) / len(finished) if finished else None,
        "weights_sha256": model.sha256,
        "results": [result.to_json() for result in results],
    }


def _sweep(case: CohortCase) -> None:
    """Remove what a process that was killed while it wrote this case has left beside the outputs."""
    names = {path.name for path in case.outputs}
    for parent in {path.parent for path in case.outputs}:
        for folder in parent.glob(".patchicl-*"):
            if folder.is_dir() and any(file.name in names for file in folder.iterdir()):
                shutil.rmtree(folder, ignore_errors=True)


def cases_are_distinct(cases: Sequence[CohortCase]) -> str | None:
    """The first clash of names, outputs or inputs as a sentence; None if there is none."""
    inputs = {path.resolve() for case in cases for path in (case.image, case.painted)}
    names: set[str] = set()
    written: dict[Path, str] = {}
    for case in cases:
        if case.name in names:
            return f"Two cases are called {case.name}; give each a name of its own."
        names.add(case.name)
        for path in case.outputs:
            resolved = path.resolve()
            if resolved in inputs:
                return f"The case {case.name} would write over the input {path}."
            if resolved in written:
                return f"The cases {written[resolved]} and {case.name} both write {path}."
            written[resolved] = case.name
    return None
