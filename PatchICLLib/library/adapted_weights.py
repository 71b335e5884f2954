"""Weights that were adapted to a library's cases, kept beside them; they hold something of every case they saw."""

import json
from collections.abc import Collection
from pathlib import Path

from PatchICLLib.outputs import StagedFiles, remove_empty

ADAPTED = "adapted"
WEIGHTS_FILE = "weights.safetensors"
UNFINISHED = "unfinished"  # folder of a training that can go on
CARD_KEY = "library_cases"  # of a model card: numbers of the cases that the weights saw


def adapted_with(folder: Path, numbers: Collection[int]) -> list[Path]:
    """Files of all weights that saw one of some cases, or that do not say which they saw; also of unfinished ones.

    Args:
        folder: `Library.adapted`.
        numbers: of the cases.
    """
    found = [path for path in sorted((folder / UNFINISHED).glob("*")) if path.is_file()]
    for weights in sorted(folder.glob("*.safetensors")):
        if not weights.is_symlink():
            card = weights.with_suffix(".json")
            seen = _seen(card)
            if seen is None or not seen.isdisjoint(numbers):
                found += [path for path in (weights, card) if path.is_file()]
    return found


def drop_unfinished(folder: Path) -> None:
    """Remove a training that could go on from `Library.adapted`."""
    unfinished = folder / UNFINISHED
    with StagedFiles() as files:
        for path in sorted(unfinished.glob("*")):
            if path.is_file():
                files.remove(path)
        files.commit()
    remove_empty(unfinished)


def _seen(card: Path) -> set[int] | None:
    try:
        return {int(number) for number in json.loads(card.read_text(encoding="utf-8"))[CARD_KEY]}
    except (OSError, ValueError, TypeError, KeyError):
        return None
