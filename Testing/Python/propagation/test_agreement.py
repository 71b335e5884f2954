"""Runs along several axes: what one finds alone, two others know better."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from PatchICLLib.propagation import PropagationOptions
from PatchICLLib.propagation.agreement import trust
from PatchICLLib.propagation.fusion import Fusion
from PatchICLLib.propagation.plan import Plan
from PatchICLLib.propagation.result.filled_slices import FilledSlices
from PatchICLLib.propagation.voice import Box

SHAPE = (6, 5, 4)
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Said:
    """Attributes: axis: of a run; inside: (K, J, I) bool, what it finds; known: (slices,) bool, of its axis."""

    axis: int
    inside_: np.ndarray
    known: np.ndarray

    def inside(self, box: Box, device: torch.device) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(self.seen[box]), torch.from_numpy(self.slices[self._cut(box)])

    @property
    def slices(self) -> np.ndarray:
        return self.known.reshape([-1 if a == self.axis else 1 for a in range(3)])

    @property
    def seen(self) -> np.ndarray:
        return self.inside_ & self.slices

    def _cut(self, box: Box) -> Box:
        k, j, i = (span if a == self.axis else slice(None) for a, span in enumerate(box))
        return k, j, i


def three(seed: int) -> list[Said]:
    rng = np.random.default_rng(seed)
    truth = rng.random(SHAPE) < 0.4
    wrong = rng.random(3)[:, None, None, None] * 0.6
    return [Said(axis, truth ^ (rng.random(SHAPE) < wrong[axis]), rng.random(SHAPE[axis]) < 0.7) for axis in range(3)]


@given(seed=st.integers(0, 2**32 - 1), cut=st.integers(1, 5))
def test_it_is_the_cube_of_the_mean_dice_where_both_know(seed: int, cut: int) -> None:
    said = three(seed)
    whole: Box = (slice(0, 6), slice(0, 5), slice(0, 4))
    parts = [(slice(0, cut), *whole[1:]), (slice(cut, 6), *whole[1:])]
    found = trust(said, parts, CPU)  # type: ignore[arg-type]
    dice = np.ones((3, 3))
    for a in range(3):
        for b in range(3):
            both = np.broadcast_to(said[a].slices & said[b].slices, SHAPE)
            one, other = said[a].inside_[both], said[b].inside_[both]
            dice[a, b] = (2 * (one & other).sum() + 1) / (one.sum() + other.sum() + 1)
    expected = [np.delete(dice[a], a).mean() ** 3 for a in range(3)]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


def test_of_two_nobody_knows_which_is_right() -> None:
    whole: Box = (slice(0, 6), slice(0, 5), slice(0, 4))
    assert trust(three(3)[:2], [whole], CPU).tolist() == [1, 1]  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", range(3))
def test_two_that_agree_overrule_a_third(wrong: int) -> None:
    """Beside its own slice, too, where it would be listened to."""
    shape = (22, 20, 18)
    at, middle = np.indices(shape), np.array([11, 10, 9])
    mask = (((at - middle[:, None, None, None]) / np.array([8, 7, 6])[:, None, None, None]) ** 2).sum(0) < 1
    planes = [(a, int(z)) for a, z in enumerate(middle)]
    painted, free = np.zeros(shape, np.uint8), np.ones(shape, bool)
    for a, z in planes:
        np.moveaxis(painted, a, 0)[z] = mask.take(z, a)
        np.moveaxis(free, a, 0)[z] = False
    image = np.where(mask, 9.0, 2.0)
    plan = Plan.of(image, painted, (1.0, 1.0, 1.0), PropagationOptions(painted_slices=planes))
    assert len(plan.runs) == 3
    fusion = Fusion(plan)
    for number, run in enumerate(plan.runs):
        seen = run.orientation.view(np.zeros(shape, bool) if run.axis == wrong else mask)
        for _, gap in run.jobs:
            logits = torch.from_numpy(np.where(seen[list(gap.slices)], 9.0, -9.0).astype(np.float32))
            window = slice(0, logits.shape[1]), slice(0, logits.shape[2])
            fusion.add(number, [FilledSlices(1, gap.slices, window, logits)])
        fusion.end(number)
    found = np.zeros(shape, bool)
    for filled in fusion.slices():
        plan.orientation.view(found)[list(filled.indices), *filled.window] = (filled.logits > 0).numpy()
    missed = (found != mask)[free].sum()
    assert missed < 0.05 * mask.sum(), missed  # every second slice is between two others
