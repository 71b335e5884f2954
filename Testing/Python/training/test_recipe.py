"""The learning rate in closed form, and averaged weights."""

import math

import pytest
import torch

from PatchICLLib.training.average import WeightAverage
from PatchICLLib.training.recipe import RECIPES, Recipe


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.01),  # a hundredth of the warm-up of 100 steps
        (49, 0.5),
        (99, 1.0),
        (500, 1.0),
        (600, 1.0),
        (700, 0.01 + 0.99 * (1 + math.cos(math.pi / 4)) / 2),
        (800, 0.01 + 0.99 / 2),
        (1000, 0.01),
        (2000, 0.01),
    ],
)
def test_rate_is_warm_up_plateau_and_half_cosine(step, expected):
    recipe = Recipe(steps=1000, learning_rate=2e-3, warm_up=100, decay=0.4)
    assert recipe.rate(step) == pytest.approx(2e-3 * expected)


@pytest.mark.parametrize("name", RECIPES)
def test_rates_of_the_recipes_rise_then_never_rise_again(name):
    recipe = RECIPES[name]
    rates = [recipe.rate(step) for step in range(recipe.steps + 1)]
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert max(rates) == pytest.approx(recipe.learning_rate)


def test_description_is_plain_and_complete():
    described = Recipe(steps=7).describe()
    assert described["steps"] == 7
    assert described["model"]["patch_size"] == 16
    assert described["plan"]["tasks"] == Recipe().plan.tasks


def test_average_by_its_formula():
    model = torch.nn.Linear(1, 1, bias=False)
    model.register_buffer("count", torch.tensor(0))
    values = [3.0, -1.0, 4.0, 1.5, 2.0]
    model.weight.data.fill_(values[0])
    average = WeightAverage(model, 0.4)
    expected = values[0]
    for step, value in enumerate(values[1:], 1):
        model.weight.data.fill_(value)
        model.count += 1
        average.update(model, step)
        decay = min(0.4, (1 + step) / (10 + step))  # 2/11, 3/12, 4/13, 5/14: early weights are forgotten soon
        expected = decay * expected + (1 - decay) * value
        assert average.weights["weight"].item() == pytest.approx(expected)
    assert average.weights["count"].item() == 4


def test_average_is_a_copy():
    model = torch.nn.Linear(2, 2)
    average = WeightAverage(model, 0.9)
    before = average.weights["weight"].clone()
    model.weight.data.add_(1)
    assert torch.equal(average.weights["weight"], before)
