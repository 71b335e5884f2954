"""Hints: what is not given cannot leak, and the channels are what they are said to be."""

from dataclasses import fields, replace

import pytest
import torch

from PatchICLLib.cascade.hint_channels import CHANNELS, Hints


def test_no_hints_are_zero_channels():
    hints = Hints.none(torch.randn(3, 1, 8, 8))
    assert hints.channels().shape == (3, CHANNELS, 8, 8)
    assert hints.channels().eq(0).all()
    assert hints.flags().tolist() == [[0, 0, 0]] * 3


def test_channels_are_shape_vote_neighbours_and_flags(all_hints):
    hints = replace(all_hints(2, 8), vote_given=torch.tensor([1.0, 0.0]))
    channels = hints.channels()
    assert torch.equal(channels[:, :2], hints.shape / 4)
    assert torch.equal(channels[:, 2:4], hints.vote)
    assert torch.equal(channels[:, 4:9], hints.neighbours)
    assert channels[:, 9:, 3, 3].tolist() == [[1, 1, 1], [1, 0, 1]]


@pytest.mark.parametrize("name", ["shape", "vote", "neighbours"])
def test_what_is_not_given_is_wiped_sample_by_sample(all_hints, name):
    hints = replace(all_hints(2, 8), **{f"{name}_given": torch.tensor([0.0, 1.0])})
    masked = hints.masked()
    assert getattr(masked, name)[0].eq(0).all()
    assert torch.equal(getattr(masked, name)[1], getattr(hints, name)[1])
    for other in {"shape", "vote", "neighbours"} - {name}:
        assert torch.equal(getattr(masked, other), getattr(hints, other))


def test_moving_keeps_every_field(all_hints):
    hints = all_hints(2, 8)
    moved = hints.to("meta")
    assert all(getattr(moved, f.name).device.type == "meta" for f in fields(Hints))
    assert moved.neighbours.shape == hints.neighbours.shape
