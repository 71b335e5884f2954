"""Several data sets as one."""

import numpy as np
import pytest

from PatchICLLib.datasets.example import DatasetError, Example
from PatchICLLib.datasets.joined import Joined


class Part:
    """One case of each data set; its pixels tell which part read them."""

    def __init__(self, *datasets: str) -> None:
        self.all = [Example(name, "s", "c", "1", "", 0) for name in datasets]

    def examples(self) -> list[Example]:
        return self.all[:1]

    def contexts(self) -> list[Example]:
        return self.all

    def category(self, example: Example) -> str:
        return f"{len(self.all)} {example.dataset}"

    def class_name(self, example: Example) -> str:
        return f"class {len(self.all)}"

    def read(self, example: Example) -> tuple[np.ndarray, np.ndarray]:
        return np.full((2, 2), len(self.all), np.float32), np.ones((2, 2), bool)


def test_each_part_answers_for_its_own() -> None:
    data = Joined(Part("b", "c"), Part("a"))
    assert [e.dataset for e in data.examples()] == ["a", "b"]
    assert [e.dataset for e in data.contexts()] == ["a", "b", "c"]
    for example, size in zip(data.contexts(), (1, 2, 2), strict=True):
        assert data.read(example)[0][0, 0] == size
        assert (data.category(example), data.class_name(example)) == (f"{size} {example.dataset}", f"class {size}")


def test_one_name_twice_is_refused() -> None:
    with pytest.raises(DatasetError, match="The folder a holds both volumes and pictures"):
        Joined(Part("a", "b"), Part("a"))
