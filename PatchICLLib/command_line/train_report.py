"""What `patchicl train` prints: the data that it found, and what came of them."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from PatchICLLib.command_line.console import columns
from PatchICLLib.command_line.progress_display import time_text
from PatchICLLib.training.data_folder import DataFolder


def data_table(offered: DataFolder) -> Table:
    """What there is to learn from."""
    names = {
        "labelled": "labelled scans",
        "development": "development scans (measured only)",
        "label_maps": "label maps without scan",
        "unlabelled": "scans without labels",
        "images": "2D images",
    }
    table = Table(*columns(["kind", "source"], ["cases"]), title="Training data")
    for field, name in names.items():
        for source, count in getattr(offered, field).items():
            table.add_row(name, source, str(count))
    return table


def print_summary(console: Console, summary: dict[str, Any]) -> None:
    """What came of a training, and where its files are."""
    total = summary["recipe"]["steps"]
    ending = "Done." if summary["complete"] else "Time is up; the same command goes on from here."
    console.print(f"Step {summary['step']} of {total} after {time_text(summary['seconds'])}. {ending}")
    if summary["validation"]:
        mean = summary["validation"]["mean"]
        console.print(
            f"Dice on development cases: {mean['hints']:.3f} with painted slices, {mean['bare']:.3f} without; "
            f"interpolation alone {mean['shape']:.3f}, image-aware vote alone {mean['vote']:.3f}."
        )
    for name, path in summary["files"].items():
        if Path(path).exists():
            console.print(f"{name.capitalize()}: {path}", soft_wrap=True)
