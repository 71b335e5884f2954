"""A folder of finished cases, from which the next patient's structures are predicted."""

from PatchICLLib.library.cases import CaseEntry, Filled, FinishedCase
from PatchICLLib.library.library import Added, Library, Merged, ScanIsThereError
from PatchICLLib.library.painting_match import with_library
from PatchICLLib.library.structures import Structure, has_default_name, match_structures

__all__ = [
    "Added",
    "CaseEntry",
    "Filled",
    "FinishedCase",
    "Library",
    "Merged",
    "ScanIsThereError",
    "Structure",
    "has_default_name",
    "match_structures",
    "with_library",
]
