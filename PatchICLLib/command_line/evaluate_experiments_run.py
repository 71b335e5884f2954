"""What the experiments of `patchicl evaluate` do once their options are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PatchICLLib.command_line.console import plain_console
from PatchICLLib.command_line.evaluate_options import Compared, Sliced
from PatchICLLib.command_line.evaluate_run import shard_from_text
from PatchICLLib.command_line.options import numbers_from_text, words
from PatchICLLib.command_line.progress_display import ProgressDisplay
from PatchICLLib.datasets.class_split import class_split
from PatchICLLib.datasets.context import ContextRule
from PatchICLLib.datasets.slicing import Slicing
from PatchICLLib.datasets.totalsegmentator import Selection, TotalSegmentator
from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.missing_cases import keep_missing, missing_lines, read_missing
from PatchICLLib.evaluation.runner import Shard
from PatchICLLib.experiments.cost import cost_records
from PatchICLLib.experiments.figures import draw_by_resolution, draw_cascade
from PatchICLLib.experiments.processes import run_in_processes
from PatchICLLib.experiments.published import published_tables
from PatchICLLib.experiments.request import Chosen, ExperimentRequest, layout_of
from PatchICLLib.experiments.rows import read_rows
from PatchICLLib.experiments.runner import (
    Experiment,
    all_results,
    choose_targets,
    read_settings,
    run_experiment,
    under_settings,
)
from PatchICLLib.experiments.scenes import cascade_scenes
from PatchICLLib.experiments.summary import summarise
from PatchICLLib.experiments.tables import experiment_tables
from PatchICLLib.outputs import Output, check_outputs, is_drawn, output_folder, write_json

if TYPE_CHECKING:
    from PatchICLLib.datasets.example import Examples
    from PatchICLLib.experiments.models import Model
    from PatchICLLib.experiments.rows import Row

FIGURES = COST_FIGURE, CASCADE_FIGURE = "accuracy_against_compute.png", "cascade.png"


@dataclass(frozen=True)
class Run:
    """An experiment's options, see `patchicl evaluate totalsegmentator --help`."""

    kind: str
    data: Path
    chosen: Chosen
    compared: Compared
    same_case: bool = True
    max_per_class: int | None = None
    max_per_source: int | None = None

    def request(self) -> ExperimentRequest:
        options = self.compared
        return ExperimentRequest(
            self.kind,
            self.data,
            self.chosen,
            words(options.models),
            tuple(numbers_from_text(options.resolutions, "--resolutions")),
            ContextRule(options.context, self.same_case, options.seed),
            self.max_per_class,
            self.max_per_source,
            options.output,
            options.device,
        )


def slicing(sliced: Sliced) -> Slicing:
    """How the options cut volumes into slices."""
    return Slicing(sliced.minimum_pixels, sliced.slices, words(sliced.axes))


def run_evaluation(run: Run) -> None:
    """Evaluate, then print the tables and draw the figures of this run's models.

    Raises:
        InputError: bad options or data; nothing was written but, for volumes, the index of slices.
    """
    options, request, shard = run.compared, run.request(), shard_from_text(run.compared.shard)
    experiment = request.experiment(shard)
    if options.processes > 1 and shard.count > 1:
        raise InputError("Give --shard or --processes, not both.")
    if isinstance(run.chosen, Selection):
        class_split().choose(run.chosen.classes)
    with output_folder(options.output):
        _check_outputs(options.output, FIGURES, options.json_file, {"DATA": run.data})
        summary = _evaluated(options, request, experiment)
    _show(summary, experiment.settings(), options.output, FIGURES, options.json_file)


def print_tables(output: Path, models: Sequence[str], json_file: Path | None) -> None:
    """Tables and figure of all rows below ``output``.

    Raises:
        InputError: there are none, or none of a model that was asked for.
    """
    _check_outputs(output, (COST_FIGURE,), json_file, {})
    settings = read_settings(output)
    rows = list(read_rows(all_results(output)).values())
    missing = [name for name in models if name not in {row.model for row in rows}]
    if missing:
        raise InputError(f"There is no result of a model {missing[0]} in {output}.")
    chosen = [row for row in rows if not models or row.model in models]
    if not chosen:
        raise InputError(f"There are no results in {output} yet.")
    summary = _summary(chosen, models, settings, read_missing(output))
    _count(summary, [], settings, output)
    _show(summary, settings, output, (COST_FIGURE,), json_file)


def _check_outputs(output: Path, figures: Sequence[str], json_file: Path | None, inputs: dict[str, Path]) -> None:
    outputs = [Output("The figure", output / name, recognised=is_drawn) for name in figures]
    check_outputs(outputs if json_file is None else [*outputs, Output("--json", json_file, (".json",))], {}, inputs)


def _evaluated(options: Compared, request: ExperimentRequest, experiment: Experiment) -> dict[str, Any]:
    models = request.load_models()
    with ProgressDisplay(options.quiet, unit="") as display:
        data = request.open_data(
            lambda done, total: display.show("Looking for slices", done, total), processes=options.processes
        )
        missing = {}
        if isinstance(data, TotalSegmentator):
            missing = keep_missing(options.output, [*data.cases, *data.missing], data.missing)
        with under_settings(options.output, experiment.settings(), options.resume):
            if options.processes > 1:
                rows = _spread(options.processes, request, data, models, display)
            else:
                rows = run_experiment(
                    data,
                    models,
                    experiment,
                    options.output,
                    display.show_stage,
                )
            if not rows:
                raise InputError("No example of this part has context: use fewer shards or more data.")
        display.show("Counting operations and drawing", 0, 1)
        summary = _summary(rows, [model.name for model in models], experiment.settings(), missing)
        if options.compute:
            _count(summary, models, experiment.settings(), options.output)
        scenes = cascade_scenes(data, models, experiment)
        if scenes:
            draw_cascade(scenes, options.output / CASCADE_FIGURE)
    return summary


def _spread(
    processes: int, request: ExperimentRequest, data: Examples, models: Sequence[Model], display: ProgressDisplay
) -> list[Row]:
    total = len(choose_targets(data, request.experiment())) * len(models) * len(request.resolutions)
    run_in_processes(request, processes, lambda rows: display.show("Segmenting", rows, total))
    # everything is there now: this only collects, and does what a change of --processes may have left
    return run_experiment(data, models, request.experiment(Shard()), request.output)


def _summary(
    rows: Sequence[Row], names: Sequence[str], settings: dict[str, Any], missing: dict[str, str]
) -> dict[str, Any]:
    """With the models as they were named; the table's columns follow."""
    place = {name: number for number, name in enumerate(names)}
    in_order = sorted(rows, key=lambda row: (place.get(row.model, len(place)), row.key))
    layout = layout_of(settings)
    return {**summarise(in_order, layout.order, layout.joined), "compute": [], "missing": missing}


def _count(summary: dict[str, Any], models: Sequence[Model], settings: dict[str, Any], output: Path) -> None:
    """Put what the operations cost into the summary, and draw it."""
    context, tables = settings["context"], published_tables(settings["experiment"])
    summary["compute"] = cost_records(summary, models, context, output)
    draw_by_resolution(summary["compute"], output / COST_FIGURE, tables[0] if tables else None, context)


def _show(
    summary: dict[str, Any], settings: dict[str, Any], output: Path, figures: Sequence[str], json_file: Path | None
) -> None:
    console = plain_console()
    console.print(experiment_tables(summary, layout_of(settings).heading, published_tables(settings["experiment"])))
    for line in missing_lines(summary["missing"]):
        console.print(line, soft_wrap=True)
    for name in figures:
        if (output / name).exists():
            console.print(f"Figure: {output / name}", soft_wrap=True)
    if json_file is not None:
        write_json({"settings": settings, **summary}, json_file)
