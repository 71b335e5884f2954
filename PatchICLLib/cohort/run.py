"""A whole cohort: what is finished is left alone, the rest is done, and everything is reported."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from PatchICLLib.cohort.case import CaseResult, CohortCase, CohortModel, finished_result
from PatchICLLib.errors import InputError
from PatchICLLib.outputs import Output, check_distinct, recover_folders


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
        resume: keep finished cases; otherwise all are done again, and what was there is
            replaced case by case.
        progress: called with each result as it comes, also with those of earlier runs.

    Returns:
        Results in the order of the cases.
    """
    results: dict[str, CaseResult] = {}
    recover_folders(path for case in cases for path in case.outputs)
    for case in cases:
        before = finished_result(case, model) if resume else None
        if before is not None:
            results[case.name] = before
            progress(before)
    pending = [replace(case, anew=not resume) for case in cases if case.name not in results]
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


def check_cases(cases: Sequence[CohortCase], inputs: Mapping[str, Path | None], outputs: Sequence[Output] = ()) -> None:
    """Check names, inputs and outputs of all cases at once, before any is done.

    Args:
        cases: of the cohort.
        inputs: what the cohort reads beside the cases, such as its manifest.
        outputs: what it writes beside the cases.

    Raises:
        InputError: a name twice, or an output that is an input of any case or another output.
    """
    names: set[str] = set()
    read = dict(inputs)
    written: dict[str, Path | None] = {output.name: output.path for output in outputs}
    for case in cases:
        if case.name in names:
            raise InputError(f"Two cases are called {case.name}; give each a name of its own.")
        names.add(case.name)
        read |= {f"the image of {case.name}": case.image, f"the painting of {case.name}": case.painted}
        read |= case.limits.named(f"of {case.name} ")
        read["--library"] = case.library
        for output in case.declared_outputs():
            written[f"the {output.name.removeprefix('its ')} of {case.name}"] = output.path
    check_distinct(written, read)
