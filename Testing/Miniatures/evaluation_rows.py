"""Rows of an evaluation."""

from typing import Any

from PatchICLLib.evaluation.results import Row


def evaluation_row(source: str, method: str, dice: float, **more: Any) -> Row:
    """Of a liver painted on three slices, with the same Dice by all ways of counting; values by name may differ."""
    values: dict[str, Any] = {
        "case": "case", "label": 1, "structure": "liver", "axis": 0, "k": 3, "placement": "span", "identity": "",
        "painted_slices": (1, 5, 9), "slice_count": 9, "dice_within": dice, "dice_changed": dice, "surface_dice": dice,
        "hausdorff95": 1.0, "no_edit_share": 0.5, "seconds_per_slice": 0.1, "slices": ((2.0, dice), (4.0, dice)),
    }  # fmt: skip
    return Row(source=source, method=method, dice=dice, **{**values, **more})
