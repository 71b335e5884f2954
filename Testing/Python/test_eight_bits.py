"""Numbers stored in 8 bits: whole numbers times a scale, as near as such numbers can be, channel by channel."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from PatchICLLib.eight_bits import check_bits, coded, decoded
from PatchICLLib.errors import InputError

SIZES = st.floats(1e-6, 1e4)


class Everything(nn.Module):
    """A layer of each kind whose output channels are known, and what is no matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 3)
        self.convolution = nn.Conv2d(2, 3, 3)
        self.doubling = nn.ConvTranspose2d(2, 3, 2)
        self.norm = nn.GroupNorm(1, 4)
        self.embedding = nn.Parameter(torch.randn(2, 6))


def by_output(name: str, weight: torch.Tensor) -> torch.Tensor:
    """Rows of what leads to one output channel."""
    return (weight.transpose(0, 1) if name.startswith("doubling") else weight).flatten(1)


@given(st.integers(0, 2**32 - 1), st.lists(SIZES, min_size=3, max_size=3))
def test_no_number_is_off_by_more_than_half_a_step_of_its_channel(seed: int, sizes: list[float]) -> None:
    torch.manual_seed(seed)
    model = Everything()
    with torch.no_grad():
        for name in ("linear", "convolution", "doubling"):
            by_output(name, getattr(model, name).weight).mul_(torch.tensor(sizes)[:, None])
            rows = by_output(name, getattr(model, name).weight)
            for channel, size in enumerate(sizes):
                rows[channel] *= size
    stored = coded(model, 8)
    found = decoded(stored)
    assert found.keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        kind = name.partition(".")[0]
        if name.endswith("weight") and kind != "norm":
            scale = stored[f"{name}.scale"]
            assert stored[name].dtype == torch.int8
            assert torch.equal(found[name], stored[name].float() * scale)
            largest = by_output(name, tensor).abs().amax(1, keepdim=True)
            off = by_output(name, found[name] - tensor).abs()
            assert (off <= largest / 254 * (1 + 1e-4)).all()
        else:
            assert torch.equal(found[name], tensor.half())


@given(st.integers(0, 2**32 - 1))
def test_what_was_read_is_stored_as_it_was(seed: int) -> None:
    torch.manual_seed(seed)
    model = Everything()
    stored = coded(model, 8)
    model.load_state_dict(decoded(stored))
    again = coded(model, 8)
    assert all(torch.equal(again[name], tensor) for name, tensor in stored.items() if tensor.dtype == torch.int8)


def test_a_channel_of_zeros_stays_one() -> None:
    model = Everything()
    nn.init.zeros_(model.linear.weight)
    assert not decoded(coded(model, 8))["linear.weight"].any()


def test_32_bits_leave_everything_as_it_is() -> None:
    model = Everything().double()
    stored = coded(model, 32)
    assert all(torch.equal(stored[name], tensor) for name, tensor in model.state_dict().items())
    assert {tensor.dtype for tensor in stored.values()} == {torch.float64}
    assert decoded(stored) == stored


@pytest.mark.parametrize("scale", [None, torch.ones(2, 1), torch.ones(3, 1, 1), torch.ones(3, 1, dtype=torch.float16)])
def test_whole_numbers_without_a_scale_that_fits_stay_what_they_are(scale: torch.Tensor | None) -> None:
    stored = {"weight": torch.ones(3, 5, dtype=torch.int8), **({} if scale is None else {"weight.scale": scale})}
    found = decoded(stored)
    assert found.keys() == stored.keys() and found["weight"].dtype == torch.int8


@pytest.mark.parametrize("bits", [0, 4, 64])
def test_other_bits_are_refused(bits: int) -> None:
    with pytest.raises(InputError, match=f"in 32, 16, or 8 bits, not in {bits}"):
        check_bits(bits)
