"""What the paper reports, to stand beside what is measured here."""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass

from PatchICLLib.resources import resource_path

OVERALL = "Overall"
_TITLES = {
    "totalsegmentator": "CT (table 2)",
    "totalsegmentator-mri": "MRI (table 3)",
    "medsegbench": "MedSegBench (table 4)",
}
_EVERYTHING = "paper"  # the experiment whose categories are none of the paper's: all tables stand beside it


@dataclass(frozen=True)
class PublishedTable:
    """One of the paper's tables 2 to 4.

    Attributes:
        title: what it is about.
        dice: mean Dice by category, "Overall" too, then by model.
        classes_won: of PatchICL, and of how many, where the paper says so.
    """

    title: str
    dice: Mapping[str, Mapping[str, float]]
    classes_won: tuple[int, int] | None

    def categories_won(self, model: str) -> int:
        """How many categories a model leads."""
        return sum(max(line, key=line.__getitem__) == model for name, line in self.dice.items() if name != OVERALL)


@functools.cache
def published_tables(experiment: str) -> tuple[PublishedTable, ...]:
    """The tables that belong beside an experiment: its own, all of them, or none."""
    content = json.loads(resource_path("Protocol/published.json").read_text(encoding="utf-8"))
    found = []
    for name, title in _TITLES.items():
        if experiment in (name, _EVERYTHING):
            lines = content["tables"][name].items()
            dice = {line: dict(zip(content["models"], values, strict=True)) for line, values in lines}
            won = content["classes_won"].get(name)
            found.append(PublishedTable(title, dice, None if won is None else (won[0], won[1])))
    return tuple(found)
