"""What an experiment in 2D is made of: an image and the mask of one structure in it, told apart from its pixels."""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from PatchICLLib.errors import InputError

PLANES = ("k", "j", "i")  # by array axis


class DatasetError(InputError):
    """A data set is not where it was said to be, or not in its official form."""


@dataclass(frozen=True, order=True)
class Example:
    """One structure in one slice or picture; its pixels are read when they are needed.

    Attributes:
        dataset: name of the data set.
        subject: whose image it is; images of one subject resemble each other.
        case: the volume or the picture.
        label: name of the structure.
        plane: "k", "j" or "i", the axis across the slice; empty for a picture.
        index: of the slice along the axis, or of the picture in its data set.
    """

    dataset: str
    subject: str
    case: str
    label: str
    plane: str
    index: int

    @property
    def key(self) -> str:
        """A name that is the same in every run."""
        return f"{self.dataset}/{self.case}/{self.label}/{self.plane}{self.index}"

    @property
    def image_key(self) -> str:
        """The same for all structures of one slice or picture."""
        return f"{self.dataset}/{self.case}/{self.plane}{self.index}"


class Examples(ABC):
    """A data set, or several of one kind."""

    _examples: list[Example]
    _contexts: list[Example]

    def examples(self) -> list[Example]:
        """All that may serve as target or as context, sorted."""
        return self._examples

    def contexts(self) -> list[Example]:
        """All that may serve as context; often the same."""
        return self._contexts

    @abstractmethod
    def read(self, example: Example) -> tuple[np.ndarray, np.ndarray]:
        """Image (H, W) float32 and mask (H, W) bool."""

    def category(self, example: Example) -> str:
        """The line of the paper's table that the example belongs to."""
        return example.dataset

    def class_name(self, example: Example) -> str:
        """What counts as one class where classes won are counted: a structure, or a whole data set."""
        return f"{example.dataset} {example.label}"


def stable_number(text: str) -> int:
    """A number of 64 bits that depends on the text only, not on the machine or the run."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
