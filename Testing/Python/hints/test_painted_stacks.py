"""Guides and hints of painted slices, in the shapes that the cascade reads, whatever they are batched with."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from PatchICLLib.cascade.hint_channels import Hints
from PatchICLLib.hints import painted_runs, shape_prior
from PatchICLLib.hints.likelihood import Likelihoods
from PatchICLLib.hints.painted_runs import Guides, PaintedRuns, guides_on_runs
from PatchICLLib.hints.painted_stacks import PaintedStacks
from PatchICLLib.runtime.transfers import to_device
from Testing.Miniatures.device_purity import DevicePurity
from Testing.Miniatures.mps_operators import missing_on_mps

SIDE = 64
STEP = 0.05


def cylinder(depth: int = 9, seed: int = 0, side: int = SIDE) -> tuple[torch.Tensor, torch.Tensor]:
    """A bright cylinder in noise: images (Z, v, v) and its masks."""
    generator = torch.Generator().manual_seed(seed)
    masks = torch.zeros(depth, side, side)
    masks[:, side // 3 : 2 * side // 3, 3 * side // 8 : 5 * side // 8] = 1
    return (0.2 + 0.6 * masks + 0.03 * torch.randn(masks.shape, generator=generator)).clamp(0, 1), masks


def run_of(images: torch.Tensor, masks: torch.Tensor, painted: list[int], wanted: list[int]) -> PaintedRuns:
    """A batch of one run."""
    learned = Likelihoods.learned(images[None, painted], masks[None, painted])
    depth, step = np.array([len(images)]), np.array([STEP])
    return PaintedRuns(images, depth, step, masks[painted], np.array(painted), np.array(wanted), learned)


def stack_of(images: torch.Tensor, masks: torch.Tensor, painted: list[int]) -> PaintedStacks:
    """A batch of one task."""
    places = np.array(painted) * STEP
    return PaintedStacks(images[None, painted], masks[None, painted], places[None], np.array([len(painted)]))


def test_both_votes_find_a_bright_cylinder_in_the_order_asked_for() -> None:
    images, masks = cylinder()
    votes = guides_on_runs(run_of(images, masks, [1, 7], [5, 2])).votes
    assert votes.shape == (2, 2, SIDE, SIDE) and votes.abs().max() <= 1
    for vote in votes.unbind(1):
        assert ((vote > 0) == (masks[[5, 2]] > 0)).float().mean() > 0.97
    torch.testing.assert_close(guides_on_runs(run_of(images, masks, [1, 7], [2])).votes[0], votes[1])


def test_nothing_painted_votes_for_nothing() -> None:
    images, masks = cylinder()
    votes = guides_on_runs(run_of(images, torch.zeros_like(masks), [1, 7], [4])).votes
    assert (votes[:, 0] <= 0).all() and torch.isfinite(votes).all()


def test_hints_agree_on_a_still_cylinder() -> None:
    images, masks = cylinder()
    guides = guides_on_runs(run_of(images, masks, [1, 7], [3, 4]))
    hints = stack_of(images, masks, [1, 7]).hints(np.array([0, 0]), np.array([3, 4]) * STEP, guides)
    assert hints.shape.shape == hints.vote.shape == (2, 2, SIDE, SIDE)
    for channel in (*hints.shape.unbind(1), *hints.vote.unbind(1)):
        assert ((channel > 0) == (masks[[3, 4]] > 0)).float().mean() > 0.97


def test_neighbours_are_the_nearest_painted_slice_and_the_one_on_the_other_side() -> None:
    images = torch.linspace(-1, 1, 9)[:, None, None].expand(-1, SIDE, SIDE).contiguous()
    masks = cylinder()[1] * (torch.arange(9) < 4)[:, None, None]
    targets = [0, 2, 4, 6, 8]
    guides = Guides(torch.zeros(5, 2, 8, 8), torch.zeros(5, 2, 2, 8, 8))
    stacks = stack_of(images, masks, [1, 7])
    found = stacks.hints(np.zeros(5, int), np.array(targets) * STEP, guides).neighbours
    nearest, mask, opposite, other, fraction = found.unbind(1)
    expected = [(1, 1, 0), (1, 7, 1 / 6), (1, 7, 1 / 2), (7, 1, 1 / 6), (7, 7, 0)]
    for row, (near, far, way) in enumerate(expected):
        torch.testing.assert_close(nearest[row], images[near])
        torch.testing.assert_close(opposite[row], images[far])
        torch.testing.assert_close(mask[row], 2 * masks[near] - 1)
        torch.testing.assert_close(other[row], 2 * masks[far] - 1)
        torch.testing.assert_close(fraction[row], torch.full((SIDE, SIDE), float(way)))


@st.composite
def tasks(draw: st.DrawFn) -> tuple[int, list[int], list[int]]:
    """Depth, painted and wanted slices."""
    depth = draw(st.integers(2, 8))
    places = draw(st.permutations(range(depth)))
    painted = draw(st.integers(1, depth - 1))
    return depth, sorted(places[:painted]), places[painted:][: draw(st.integers(1, 4))]


def hints_of(batch: list[tuple[int, list[int], list[int]]], device: str | torch.device = "cpu") -> tuple[Guides, Hints]:
    """Of a batch of tasks with pictures of their own."""
    device = torch.device(device)
    runs, stacks, task, targets = [], [], [], []
    for number, (depth, painted, wanted) in enumerate(batch):
        images, masks = cylinder(depth, len(painted) + 10 * depth, 32)
        masks *= (torch.arange(depth) % 3 > 0)[:, None, None]  # some are empty
        rows = [to_device(x[painted], device) for x in (images, masks)]
        learned = Likelihoods.learned(rows[0][None], rows[1][None])
        depths, steps, places = np.array([depth]), np.array([STEP * (1 + depth)]), np.array([painted])
        runs.append(
            PaintedRuns(to_device(images, device), depths, steps, rows[1], places[0], np.array(wanted), learned)
        )
        stacks.append(PaintedStacks(rows[0][None], rows[1][None], places * STEP, np.array([len(painted)])))
        task += [number] * len(wanted)
        targets += [place * STEP for place in wanted]
    guides = guides_on_runs(PaintedRuns.join(runs))
    return guides, PaintedStacks.join(stacks).hints(np.array(task), np.array(targets), guides)


@settings(max_examples=15)
@given(batch=st.lists(tasks(), min_size=2, max_size=4), voted=st.sampled_from([1, 9, 1 << 22]))
def test_a_task_does_not_depend_on_what_it_is_batched_with(
    batch: list[tuple[int, list[int], list[int]]], voted: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(painted_runs._AT_ONCE, "cpu", voted * 32**2)
        guides, hints = hints_of(batch)
    alone = [hints_of([task]) for task in batch]
    for name in ("votes", "motion"):
        expected = torch.cat([getattr(g, name) for g, _ in alone])
        torch.testing.assert_close(getattr(guides, name), expected, rtol=0, atol=1e-5)
    for field in fields(Hints):
        expected = torch.cat([getattr(h, field.name) for _, h in alone])
        torch.testing.assert_close(getattr(hints, field.name), expected, rtol=0, atol=1e-3)


def test_shapes_are_measured_once_however_often_stacks_join(monkeypatch: pytest.MonkeyPatch) -> None:
    stacks = [stack_of(*cylinder(), painted) for painted in ([1, 7], [2, 4, 6])]
    guides = Guides(torch.zeros(2, 2, 8, 8), torch.zeros(2, 2, 2, 8, 8))
    first = PaintedStacks.join(stacks).hints(np.array([0, 1]), np.array([4, 5]) * STEP, guides).shape
    monkeypatch.delattr(shape_prior, "signed_distances")
    again = PaintedStacks.join(stacks[::-1]).hints(np.array([1, 0]), np.array([4, 5]) * STEP, guides).shape
    torch.testing.assert_close(again, first)


def test_no_hint_leaves_its_device() -> None:
    batch = [(5, [0, 3], [4, 1]), (3, [1], [2]), (8, [0, 2, 4, 7], [1, 5, 6])]
    expected = hints_of(batch)
    with DevicePurity(single=True) as purity:
        found = hints_of(batch, purity.device)
        assert set(purity.moved) == {"to_device"} and not missing_on_mps(purity.operators)
        with purity.setting_up():
            for here, there in zip(expected, found, strict=True):
                for field in fields(here):
                    there_again = getattr(there, field.name).to("cpu")
                    torch.testing.assert_close(there_again, getattr(here, field.name), rtol=0, atol=1e-5)
