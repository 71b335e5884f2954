"""What cannot be propagated is refused in one sentence, before anything is computed."""

from typing import Any

import numpy as np
import pytest

from PatchICLLib.errors import InputError
from PatchICLLib.propagation import Propagator

SHAPE = (5, 8, 9)


def arguments() -> dict[str, Any]:
    image = np.random.default_rng(0).normal(0, 1, SHAPE).astype(np.float32)
    painted = np.zeros(SHAPE, np.int16)
    painted[[1, 3], 2:6, 2:7] = 1
    return {"image": image, "painted": painted, "spacing": (2.0, 1.0, 1.0)}


def spoilt(value: float) -> np.ndarray:
    image = arguments()["image"].astype(np.float64)
    image[2, 3, 4] = value
    return image


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "2D": ({"image": np.ones((8, 9))}, "must have 3 dimensions"),
    "colour": ({"image": np.ones((*SHAPE, 3))}, r"one component, but its shape is \(5, 8, 9, 3\)"),
    "grids": ({"painted": np.ones((5, 9, 8), int)}, r"the shape \(5, 9, 8\), but the image has \(5, 8, 9\)"),
    "one slice": ({"image": np.ones((1, 8, 9)), "painted": np.ones((1, 8, 9), int)}, "one slice only"),
    "complex": ({"image": np.ones(SHAPE, complex)}, "real numbers"),
    "float labels": ({"painted": np.ones(SHAPE)}, "integers, not float32 and float64"),
    "negative labels": ({"painted": -arguments()["painted"]}, "0 or more, but the smallest is -1"),
    "nan": ({"image": spoilt(np.nan)}, "not numbers"),
    "infinite": ({"image": spoilt(-np.inf)}, "not numbers"),
    "huge": ({"image": spoilt(1e200)}, r"values up to 1e\+200"),
    "constant": ({"image": np.full(SHAPE, 7)}, r"constant \(7\)"),
    "spacing of 0": ({"spacing": (1.0, 0.0, 1.0)}, "three positive lengths"),
    "spacing of nan": ({"spacing": (1.0, np.nan, 1.0)}, "three positive lengths"),
    "one spacing": ({"spacing": 1.0}, "three positive lengths"),
    "spacing in words": ({"spacing": ("1 mm", 1.0, 1.0)}, "three positive lengths"),
    "lists": ({"image": arguments()["image"].tolist()}, "must be numpy arrays, not list and ndarray"),
    "empty": ({"image": np.ones((0, 8, 9)), "painted": np.ones((0, 8, 9), int)}, r"empty, its shape is \(0, 8, 9\)"),
    "two spacings": ({"spacing": (1.0, 1.0)}, "three positive lengths"),
    "nothing painted": ({"painted": np.zeros(SHAPE, int)}, "Nothing is painted"),
    "nothing painted, axis named": ({"painted": np.zeros(SHAPE, int), "axis": 0}, "Nothing is painted"),
    "all painted": ({"painted": np.ones(SHAPE, int), "axis": 0}, "Every slice is painted"),
    "axis": ({"axis": 3}, r"must be 0 \(k\), 1 \(j\), 2 \(i\) or None, but it is 3"),
    "axis by name": ({"axis": "k"}, "but it is 'k'"),
    "label": ({"labels": [2]}, "Label 2 is not painted on any slice; painted are 1"),
    "no label": ({"labels": []}, "empty"),
    "one label": ({"labels": 1}, "The labels must be given as a list of whole numbers, not as 1"),
    "half a slice": ({"painted_slices": [2.5]}, r"declared painted must be given as a list .* not as \[2.5\]"),
    "declared": ({"painted_slices": [5]}, "Slice 5 is declared painted, but the slices go from 0 to 4"),
    "extent": ({"extent": "everything"}, "must be auto, painted, or first and last slice"),
    "extent in reverse": ({"extent": (3, 1)}, "in order"),
    "extent beyond": ({"extent": (0, 5)}, "beyond the last slice, 4"),
    "context": ({"context_size": 0}, "at least 1"),
    "outputs": ({"outputs": {"labels"}}, "Outputs are among entropy, probability, selections, not labels"),
}


@pytest.mark.parametrize("name", BAD)
def test_refused_in_one_sentence(engine: Propagator, name: str) -> None:
    changes, message = BAD[name]
    given = arguments() | changes
    with pytest.raises(InputError, match=message) as error:
        engine.propagate(given.pop("image"), given.pop("painted"), given.pop("spacing"), **given)
    text = str(error.value)
    assert text.endswith(".") and "\n" not in text and ". " not in text


def test_unknown_option_is_a_programming_error(engine: Propagator) -> None:
    with pytest.raises(TypeError, match="colour"):
        engine.propagate(**arguments(), colour=3)
