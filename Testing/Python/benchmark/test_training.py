"""Operations of trainings."""

import json
from dataclasses import replace

import pytest
import torch

from PatchICLLib.benchmark.flops import count_flops
from PatchICLLib.benchmark.training import measure_training, step_flops
from PatchICLLib.errors import InputError
from PatchICLLib.presets import build
from PatchICLLib.training.recipe import RECIPES


def test_a_backward_pass_costs_twice_the_forward_one():
    """Closed form for a convolution with gradients of input and weight: three times 2 x 9 x 5 x 7 a pixel."""
    image = torch.randn(2, 5, 8, 8, requires_grad=True)
    convolution = torch.nn.Conv2d(5, 7, 3, padding=1)
    count = count_flops(lambda: convolution(image).sum().backward(), gradients=True)
    assert count == 3 * 2 * 9 * 5 * 7 * 2 * 8 * 8


def test_counting_without_computing_changes_nothing():
    torch.manual_seed(0)
    image, convolution = torch.randn(1, 2, 8, 8), torch.nn.Conv2d(2, 3, 3)
    linear = torch.nn.Linear(6, 4)

    def step():
        (linear(convolution(image)[..., :6]).tanh() ** 2).sum().backward()

    assert count_flops(step, gradients=True) == count_flops(step, gradients=True, compute=True) > 0


def test_a_step_costs_in_proportion_to_its_tasks_and_a_training_to_its_steps():
    recipe = RECIPES["check"]
    model = build(recipe.model)
    one = step_flops(model, recipe, 64, 2, 2)
    twice = replace(recipe, plan=replace(recipe.plan, tasks=2 * recipe.plan.tasks))
    assert step_flops(model, twice, 64, 2, 2) == pytest.approx(2 * one, rel=0.01)  # some is done once for all tasks
    (record,) = measure_training(["check"])
    assert record == {"recipe": "check", "steps": 20, "gflops": one / 1e9, "tflops": pytest.approx(20 * one / 1e12)}
    assert json.loads(json.dumps(record))


def test_smaller_pictures_and_recital_count_for_as_long_as_they_last(monkeypatch):
    whole = RECIPES["check"]
    plan = replace(whole.plan, smaller_first=((5, 32, 3),))
    monkeypatch.setitem(RECIPES, "check", replace(whole, plan=plan))
    small, large = (step_flops(build(whole.model), whole, *shape) for shape in ((32, 3, 2), (64, 2, 2)))
    (record,) = measure_training(["check"])
    assert record["tflops"] * 1e12 == pytest.approx(5 * small + 15 * large)


@pytest.mark.slow
def test_counts_of_universeg_are_those_of_its_convolutions():
    """Closed form: three times the forward pass, less the gradients of images and of support maps nobody reads."""
    recipe = RECIPES["universeg"]
    count = step_flops(build(recipe.model), recipe, 128, recipe.plan.targets, 3)
    slices, product = recipe.plan.tasks * recipe.plan.targets, 2 * 9 * 64 * 128**2
    unread, images = 3 * 64 * product, 3 * 3 * product
    assert count == pytest.approx(slices * (3 * 34.33e9 - 2 * unread - images), rel=1e-3)


def test_unknown_recipes_are_refused():
    with pytest.raises(InputError, match="some of bundled"):
        measure_training(["large"])
