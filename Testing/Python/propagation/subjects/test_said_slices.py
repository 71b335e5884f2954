"""Of a run of slices most are predicted, those between interpolated, and those beyond only where it goes on."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from PatchICLLib.propagation.subjects.said_slices import SaidProbability, SaidSlices

WINDOW = (slice(1, 4), slice(0, 2))


class Ball:
    """Says of each slice how far it is from the ends of a run that holds something, and remembers what was asked."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last, self.asked = first, last, []

    def __call__(self, indices):
        self.asked += indices
        depths = [min(z - self.first, self.last - z) + 0.5 for z in indices]
        return torch.tensor(depths)[:, None, None].expand(-1, 3, 2), WINDOW


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_all_that_is_held_is_said_and_nothing_is_asked_twice(data: st.DataObject) -> None:
    core = range(10, data.draw(st.integers(11, 60)))
    wide = range(10 - data.draw(st.integers(0, 6)), core.stop + data.draw(st.integers(0, 6)))
    painted = sorted(data.draw(st.sets(st.sampled_from(core), max_size=3)))
    ball = Ball(data.draw(st.integers(wide.start, core.start + 2)), data.draw(st.integers(core.stop, wide.stop)))
    masks = np.zeros((len(painted), 6, 2), bool)
    for n, z in enumerate(painted):
        masks[n] = ball.first <= z <= ball.last
    most = data.draw(st.integers(4, 30))
    said = SaidSlices.of(ball, core, wide, most, painted, masks)
    assert said.indices == tuple(range(said.indices[0], said.indices[-1] + 1)) and said.window == WINDOW
    assert len(set(ball.asked)) == len(ball.asked)
    assert len([z for z in ball.asked if z in core]) <= most + 2
    assert set(ball.asked) <= set(wide)
    if core.start not in painted:
        assert said.indices[0] <= core.start
    # beyond an end only what goes on there
    reaches = ball.first <= core.start
    if wide.start < core.start:
        assert (said.indices[0] < core.start) == reaches
    assert torch.isfinite(said.logits).all() and said.logits.shape == (len(said.indices), 3, 2)
    if not painted:
        expected = [min(z - ball.first, ball.last - z) + 0.5 for z in said.indices]
        known = np.isin(said.indices, ball.asked)
        np.testing.assert_allclose(said.logits[known, 0, 0], np.array(expected)[known])
        assert (said.logits[:, 0, 0].numpy() <= np.array(expected) + 1e-4).all()  # a tent is not left


def test_painted_slices_count_as_they_are_painted_for_those_beside() -> None:
    masks = np.zeros((1, 6, 2), bool)
    masks[0, 1:3, 0] = True
    said = SaidSlices.of(Ball(0, 9), range(3, 8), range(3, 8), 9, [5], masks)
    assert said.indices == (3, 4, 5, 6, 7)
    own = torch.sigmoid(said.logits / 2)
    averaged = said.probabilities(1.0, (1.0, 1.0))
    torch.testing.assert_close(averaged[1], 0.6 * own[1] + 0.2 * (own[0] + own[2]))
    assert own[2, :2, 0].min() > 0.9 and own[2, 2, 0] < 0.1 and own[2, :, 1].max() < 0.1
    far = said.probabilities(9.0, (1.0, 1.0))
    torch.testing.assert_close(far, own, atol=0.01, rtol=0)


@pytest.mark.parametrize("painted", [[3, 4, 5], []])
def test_a_run_that_is_painted_throughout_is_said_too(painted: list[int]) -> None:
    said = SaidSlices.of(Ball(3, 5), range(3, 6), range(1, 8), 9, painted, np.ones((len(painted), 6, 2), bool))
    assert set(range(3, 6)) <= set(said.indices)


def _dense(said: SaidProbability) -> np.ndarray:
    space = np.zeros((12, 10, 10))
    space[said.indices[0] : said.indices[-1] + 1, *said.window] = said.probability.numpy()
    return space


@given(st.lists(st.tuples(*[st.tuples(st.integers(0, 4), st.integers(1, 5))] * 3), min_size=1, max_size=3))
def test_averages_count_as_nothing_where_one_says_nothing(spans: list[tuple[tuple[int, int], ...]]) -> None:
    generator = torch.Generator().manual_seed(len(spans))
    said = []
    for slices, rows, columns in spans:
        logits = 4 * torch.randn(slices[1], rows[1], columns[1], generator=generator)
        window = slice(rows[0], sum(rows)), slice(columns[0], sum(columns))
        said.append(SaidSlices(tuple(range(slices[0], sum(slices))), window, logits))
    each = [_dense(SaidProbability.averaged([one], 1.5, (1.0, 1.0))) for one in said]
    both = _dense(SaidProbability.averaged(said, 1.5, (1.0, 1.0)))
    np.testing.assert_allclose(both, np.mean(each, axis=0), atol=1e-6)
