"""What the experiments of `patchicl evaluate` do once their options are read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PatchICLLib.command_line.console import plain_console
from PatchICLLib.command_line.evaluate_run import shard_from_text
from PatchICLLib.command_line.options import numbers_from_text
from PatchICLLib.command_line.progress_display import ProgressDisplay
from PatchICLLib.datasets.class_split import class_split
from PatchICLLib.datasets.context import ContextRule
from PatchICLLib.datasets.totalsegmentator import Selection, TotalSegmentator
from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.missing_cases import keep_missing, missing_lines, read_missing
from PatchICLLib.evaluation.runner import Shard
from PatchICLLib.experiments.request import Chosen, ExperimentRequest, Layout, layout_of
from PatchICLLib.experiments.rows import read_rows
from PatchICLLib.experiments.runner import (
    SETTINGS,
    Experiment,
    all_results,
    choose_targets,
    run_experiment,
    under_settings,
)
from PatchICLLib.experiments.summary import summarise
from PatchICLLib.experiments.tables import experiment_tables
from PatchICLLib.outputs import Output, check_output_file, check_outputs, is_drawn, output_folder, write_json

if TYPE_CHECKING:
    from PatchICLLib.datasets.example import Examples
    from PatchICLLib.experiments.models import Model
    from PatchICLLib.experiments.rows import Row

COST_FIGURE, CASCADE_FIGURE = "accuracy_against_compute.png", "cascade.png"


@dataclass(frozen=True)
class Run:
    """The options of an experiment, see `patchicl evaluate totalsegmentator --help`."""

    kind: str
    data: Path
    chosen: Chosen
    models: tuple[str, ...]
    resolutions: str
    context: int
    same_case: bool
    seed: int
    max_per_class: int | None
    shard: str
    processes: int
    output: Path
    json_file: Path | None
    resume: bool
    compute: bool
    device: str
    quiet: bool

    def request(self) -> ExperimentRequest:
        sides = tuple(numbers_from_text(self.resolutions, "--resolutions"))
        rule = ContextRule(self.context, self.same_case, self.seed)
        return ExperimentRequest(
            self.kind, self.data, self.chosen, self.models, sides, rule, self.max_per_class, self.output, self.device
        )


def words(text: str) -> tuple[str, ...]:
    """The parts of a list such as "a,b"."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def run_evaluation(run: Run) -> None:
    """Evaluate, then print the tables and draw the figures of this run's models.

    Raises:
        InputError: bad options or data; nothing was written but, for volumes, the index of slices.
    """
    request, shard = run.request(), shard_from_text(run.shard)
    experiment = request.experiment(shard)
    if run.processes > 1 and shard.count > 1:
        raise InputError("Give --shard or --processes, not both.")
    if isinstance(run.chosen, Selection):
        class_split().choose(run.chosen.classes)
    with output_folder(run.output):
        check_outputs(_outputs(run), {}, {"DATA": run.data})
        summary, layout = _evaluated(run, request, experiment)
    console = plain_console()
    console.print(experiment_tables(summary, layout.heading))
    for line in missing_lines(summary["missing"]):
        console.print(line, soft_wrap=True)
    for name in (COST_FIGURE, CASCADE_FIGURE):
        if (run.output / name).exists():
            console.print(f"Figure: {run.output / name}", soft_wrap=True)
    if run.json_file is not None:
        write_json({"settings": experiment.settings(), **summary}, run.json_file)


def _outputs(run: Run) -> list[Output]:
    figures = [Output("The figure", run.output / name, recognised=is_drawn) for name in (COST_FIGURE, CASCADE_FIGURE)]
    return figures if run.json_file is None else [*figures, Output("--json", run.json_file, (".json",))]


def _evaluated(run: Run, request: ExperimentRequest, experiment: Experiment) -> tuple[dict[str, Any], Layout]:
    models = request.load_models()
    with ProgressDisplay(run.quiet, unit="") as display:
        data = request.open_data(
            lambda done, total: display.show("Looking for slices", done, total), processes=run.processes
        )
        missing = {}
        if isinstance(data, TotalSegmentator):
            missing = keep_missing(run.output, [*data.cases, *data.missing], data.missing)
        with under_settings(run.output, experiment.settings(), run.resume):
            if run.processes > 1:
                rows = _spread(run, request, data, models, display)
            else:
                rows = run_experiment(
                    data, models, experiment, run.output, lambda done, total, stage: display.show(stage, done, total)
                )
            if not rows:
                raise InputError("No example of this part has context: use fewer shards or more data.")
        display.show("Counting operations and drawing", 0, 1)
        layout = layout_of(experiment.settings())
        summary = summarise(_in_order(rows, [model.name for model in models]), layout.order, layout.joined)
        summary["missing"] = missing
        _finish(summary, request, models, data, run)
    return summary, layout


def print_tables(output: Path, models: Sequence[str], json_file: Path | None) -> None:
    """Tables of all rows below ``output``.

    Raises:
        InputError: there are none, or none of a model that was asked for.
    """
    if json_file is not None:
        check_output_file(json_file, (".json",), "--json")
    files = all_results(output)
    if not files or not (output / SETTINGS).is_file():
        raise InputError(f"There are no results in {output}: give the --output of an experiment.")
    settings = json.loads((output / SETTINGS).read_text(encoding="utf-8"))
    layout = layout_of(settings)
    rows = list(read_rows(files).values())
    missing = [name for name in models if name not in {row.model for row in rows}]
    if missing:
        raise InputError(f"There is no result of a model {missing[0]} in {output}.")
    chosen = [row for row in rows if not models or row.model in models]
    if not chosen:
        raise InputError(f"There are no results in {output} yet.")
    summary = summarise(_in_order(chosen, models), layout.order, layout.joined)
    from PatchICLLib.experiments.cost import cost_records

    summary["compute"] = cost_records(summary, [], settings["context"], output)
    summary["missing"] = read_missing(output)
    console = plain_console()
    console.print(experiment_tables(summary, layout.heading))
    for line in missing_lines(summary["missing"]):
        console.print(line, soft_wrap=True)
    if json_file is not None:
        write_json({"settings": settings, **summary}, json_file)


def _spread(
    run: Run, request: ExperimentRequest, data: Examples, models: Sequence[Model], display: ProgressDisplay
) -> list[Row]:
    from PatchICLLib.experiments.processes import run_in_processes

    total = len(choose_targets(data, request.experiment())) * len(models) * len(request.resolutions)
    run_in_processes(request, run.processes, lambda rows: display.show("Segmenting", rows, total))
    # everything is there now: this only collects, and does what a change of --processes may have left
    return run_experiment(data, models, request.experiment(Shard()), run.output)


def _finish(
    summary: dict[str, Any], request: ExperimentRequest, models: Sequence[Model], data: Examples, run: Run
) -> None:
    """Figures, and what the operations cost, into the summary and the output folder."""
    from PatchICLLib.experiments.cost import cost_records
    from PatchICLLib.experiments.figures import draw_cascade, draw_cost
    from PatchICLLib.experiments.scenes import cascade_scenes

    summary["compute"] = []
    if run.compute:
        summary["compute"] = cost_records(summary, models, request.rule.size, run.output)
        draw_cost(summary["compute"], run.output / COST_FIGURE)
    scenes = cascade_scenes(data, models, request.experiment(shard_from_text(run.shard)))
    if scenes:
        draw_cascade(scenes, run.output / CASCADE_FIGURE)


def _in_order(rows: Sequence[Row], names: Sequence[str]) -> list[Row]:
    """Rows with the models as they were named; the table's columns follow."""
    place = {name: number for number, name in enumerate(names)}
    return sorted(rows, key=lambda row: (place.get(row.model, len(place)), row.key))
