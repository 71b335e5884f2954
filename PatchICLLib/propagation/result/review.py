"""What to look at first, and which slice to paint next."""

from collections.abc import Sequence
from typing import Any


def suggest_next_slice(figures: Sequence[dict[str, Any]], painted: dict[int, tuple[int, ...]]) -> int | None:
    """The unpainted slice where one more drawing should help most.

    A drawing helps its neighbours too: each slice is credited with the entropy of the slices around it, falling off
    linearly to nothing at half the distance to the nearest painted slice (at least two slices).

    Args:
        figures: of each predicted slice: "index", "label", "entropy" (bits, summed).
        painted: painted slices of each label.

    Returns:
        Index of the slice, or None if nothing was predicted.
    """
    best, chosen = 0.0, None
    by_label: dict[int, dict[int, float]] = {}
    for figure in figures:
        by_label.setdefault(figure["label"], {})[figure["index"]] = figure["entropy"]
    for label, entropies in by_label.items():
        for index in sorted(entropies):
            # of what is not painted, a drawing helps all
            nearest = min((abs(index - p) for p in painted.get(label, ())), default=len(entropies))
            reach = max(2.0, nearest / 2 + 1)
            around = range(int(index - reach), int(index + reach) + 1)
            gain = sum(entropies.get(z, 0.0) * max(0.0, 1 - abs(z - index) / reach) for z in around)
            if gain > best:
                best, chosen = gain, index
    return chosen
