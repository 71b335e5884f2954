"""The structures of TotalSegmentator: which are learned from, which are held out, and their categories (table 1)."""

import functools
import json
from dataclasses import dataclass
from typing import Literal

from PatchICLLib.errors import InputError
from PatchICLLib.resources import resource_path

OTHER = "Other"
Modality = Literal["ct", "mri"]


@dataclass(frozen=True)
class ClassSplit:
    """Names as TotalSegmentator spells them.

    Attributes:
        training: the 47 structures that the paper trains on.
        validation: the 45 held-out ones.
        categories: structures by category, in the order of table 2.
        headings: what a category is called in the table of a modality, where that differs from its name.
    """

    training: tuple[str, ...]
    validation: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    headings: dict[str, dict[str, str]]

    def choose(self, which: str) -> frozenset[str] | None:
        """The structures of "training" or "validation"; None, for any, of "all".

        Raises:
            InputError: another word.
        """
        if which == "all":
            return None
        if which not in ("training", "validation"):
            raise InputError(f"The classes must be training, validation or all, but they are {which}.")
        return frozenset(self.training if which == "training" else self.validation)

    def category(self, structure: str, modality: Modality) -> str:
        """The category of a structure as the table of the modality calls it; "Other" for one that table 1 lacks."""
        for name, members in self.categories.items():
            if structure in members:
                return self.headings[modality].get(name, name)
        return OTHER

    def order(self, modality: Modality) -> list[str]:
        """All categories of a modality's table, from top to bottom."""
        return list(dict.fromkeys([*(self.headings[modality].get(c, c) for c in self.categories), OTHER]))


@functools.cache
def class_split() -> ClassSplit:
    """The split that ships as `Resources/Protocol/totalsegmentator.json`."""
    content = json.loads(resource_path("Protocol/totalsegmentator.json").read_text(encoding="utf-8"))
    categories = {name: tuple(members) for name, members in content["categories"].items()}
    return ClassSplit(tuple(content["training"]), tuple(content["validation"]), categories, content["headings"])
