"""The summary as tables for a terminal."""

from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

_COLUMNS = (
    ("dice", "Dice", "{:.3f}"),
    ("surface_dice", "surface\n2 mm", "{:.3f}"),
    ("hausdorff95", "HD95\nmm", "{:.1f}"),
    ("no_edit_share", "no\nedit", "{:.0%}"),
    ("dice_within", "Dice\nwithin", "{:.3f}"),
    ("dice_changed", "Dice\nchanged", "{:.3f}"),
    ("seconds_per_slice", "s/\nslice", "{:.3f}"),
)


def propagation_tables(summary: dict[str, Any]) -> Group:
    """For each setting: methods over all sources with 95 % intervals, then Dice by source, then the comparison."""
    parts: list[Table | Text] = []
    for entry in summary["settings"]:
        parts += [_overall(entry), _by_source(entry)]
        parts += [Text(line) for line in comparison_lines(entry)]
    return Group(*parts)


def comparison_lines(entry: dict[str, Any]) -> list[str]:
    """How the product stands against its peers, in words."""
    against = entry["against_peers"]
    lines = []
    if entry["left_out"]:
        lines.append(f"{entry['left_out']} structures left out: not every method has finished them.")
    for product, result in (against or {"products": {}})["products"].items():
        gain, wins, ideal = result["gain"], result["best_peer"], result["best_of_each_structure"]
        lost = ", ".join(result["sources_where_a_peer_wins"]) or "none"
        lines.append(
            f"{product} against {against['best_peer']} (best peer, {against['best_peer_dice']:.3f}): "
            f"{gain['mean']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}], better on {wins['share_better']:.0%} of "
            f"structures, worse by more than .05 on {wins['share_clearly_worse']:.1%} "
            f"({ideal['share_clearly_worse']:.1%} against the best peer of each structure); "
            f"sources where a peer wins: {lost}."
        )
    return lines


def _overall(entry: dict[str, Any]) -> Table:
    table = _table(f"{entry['placement']}, k = {entry['k']}: {entry['structures']} structures, mean over sources")
    table.add_column("method", no_wrap=True)
    for _, heading, _ in _COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    best = max((method["overall"]["dice"]["mean"] for method in entry["methods"].values()), default=0.0)
    for name, method in entry["methods"].items():
        cells = [form.format(method["overall"][metric]["mean"]) for metric, _, form in _COLUMNS]
        estimate = method["overall"]["dice"]
        cells[0] += f" ({estimate['low']:.3f}-{estimate['high']:.3f})"
        table.add_row(name, *(Text(cell) for cell in cells), style="bold" if estimate["mean"] == best else "")
    return table


def _by_source(entry: dict[str, Any]) -> Table:
    table = _table(f"Dice by source ({entry['placement']}, k = {entry['k']})")
    table.add_column("source", overflow="fold")
    table.add_column("n", justify="right")
    for name in entry["methods"]:
        table.add_column(
            name.replace("-", " "), justify="right", overflow="fold"
        )  # breaks where the terminal is narrow
    for source, count in entry["sources"].items():
        values = [method["by_source"][source]["dice"] for method in entry["methods"].values()]
        cells = [Text(f"{value:.3f}", style="bold" if value == max(values) else "") for value in values]
        table.add_row(source, str(count), *cells)
    return table


def _table(title: str) -> Table:
    return Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
