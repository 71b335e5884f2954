"""The summary in the layout of the paper's tables 2 to 4, for a terminal."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from PatchICLLib.experiments.published import OVERALL, PublishedTable


def experiment_tables(summary: dict[str, Any], heading: str, published: Sequence[PublishedTable] = ()) -> Group:
    """For each resolution the paper's table, classes won and comparisons; then Dice and cost by resolution.

    The paper's own table is printed as columns beside, several, whose categories are others, below.

    Args:
        summary: of ``summarise``, with "compute" if operations were counted.
        heading: of the first column: Category or Modality.
        published: the paper's tables of the experiment.
    """
    parts: list[Table | Text] = []
    for side, entry in summary["resolutions"].items():
        if entry["overall"] is None:
            parts.append(Text(f"{side} x {side}: no example that all models have finished."))
            continue
        parts.append(_paper_table(entry, heading, side, published[0] if len(published) == 1 else None))
        parts += [Text(line) for line in _lines(entry)]
    if summary.get("compute"):
        parts.append(_compute_table(summary["compute"]))
    if len(published) > 1:
        parts.append(_published_table(published))
    return Group(*parts)


def _paper_table(entry: dict[str, Any], heading: str, side: str, published: PublishedTable | None) -> Table:
    models = list(entry["overall"]["models"])
    table = Table(title=f"Dice, mean ± standard deviation, {side} x {side}", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(heading, overflow="fold")
    table.add_column("n", justify="right", no_wrap=True)
    for model in models:
        table.add_column(model, justify="right", overflow="fold")
    reported = [] if published is None else list(published.dice[OVERALL])
    for model in reported:
        table.add_column(f"{model}, reported", justify="right", overflow="fold")
    for line in [*entry["categories"], {"category": OVERALL, **entry["overall"]}]:
        cells = []
        for model in models:
            values = line["models"][model]
            style = "bold" if line["winner"] == model else ""
            cells.append(Text(f"{values['mean']:.3f} ± {values['sd']:.3f}", style=style))
        if line["category"] == OVERALL:
            table.add_section()
        values_reported = {} if published is None else published.dice.get(line["category"], {})
        cells += [Text(f"{values_reported[m]:.3f}" if m in values_reported else "") for m in reported]
        table.add_row(line["category"], f"{line['n']:,}", *cells)
    return table


def _lines(entry: dict[str, Any]) -> list[str]:
    lines = []
    models, classes = list(entry["overall"]["models"]), len(entry["classes"])
    if len(models) > 1:
        for kind, wins, number in (
            ("Categories", entry["wins"], len(entry["categories"])),
            ("Classes", entry["class_wins"], classes),
        ):
            shares = ", ".join(f"{model} {wins[model]} ({wins[model] / number:.0%})" for model in models)
            lines.append(f"{kind} won, of {number}: {shares}.")
    for pair in entry["comparisons"]:
        effect = "none" if pair["effect_size"] is None else f"{pair['effect_size']:+.2f}"
        lines.append(
            f"{pair['first']} - {pair['second']}: {pair['difference']:+.3f} [{pair['low']:+.3f}, {pair['high']:+.3f}], "
            f"p = {pair['p']:.2g} (Wilcoxon, {pair['subjects']} subjects), effect size d = {effect}, better in "
            f"{pair['better']:.0%} of {pair['units']} pairs of case and class."
        )
    if entry["left_out"]:
        lines.append(f"{entry['left_out']} examples left out: not every model has finished them.")
    return lines


def _compute_table(records: list[dict[str, Any]]) -> Table:
    table = Table(title="Accuracy against compute, one slice with its context", box=box.SIMPLE_HEAD)
    for name in ("model", "resolution", "GFLOPs", "Dice", "seconds"):
        table.add_column(name, justify="left" if name == "model" else "right")
    for r in records:
        operations = "-" if r["gflops"] is None else f"{r['gflops']:,.2f}"
        table.add_row(r["model"], str(r["resolution"]), operations, f"{r['dice']:.3f}", f"{r['seconds']:.3f}")
    return table


def _published_table(published: Sequence[PublishedTable]) -> Table:
    models = list(published[0].dice[OVERALL])
    table = Table(title="Dice reported in the paper, on its data", box=box.SIMPLE_HEAD)
    for name in ("data", *models, "categories won", "classes won"):
        table.add_column(name, justify="left" if name == "data" else "right")
    for one in published:
        won = f"{one.categories_won('paper')} of {len(one.dice) - 1}"
        classes = "" if one.classes_won is None else f"{one.classes_won[0]} of {one.classes_won[1]}"
        table.add_row(one.title, *(f"{one.dice[OVERALL][model]:.3f}" for model in models), won, classes)
    return table
