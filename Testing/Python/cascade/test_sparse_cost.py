"""What makes the sparse cascade cheap: operations follow the number of patches, not of pixels."""

import pytest
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from PatchICLLib.benchmark.flops import count_flops
from PatchICLLib.cascade.configuration import SparseConfiguration
from PatchICLLib.cascade.sparse import SparseCascade
from PatchICLLib.weights import load_weights


@pytest.fixture(scope="module")
def model() -> SparseCascade:
    torch.manual_seed(0)
    return SparseCascade().eval()


def count(model: SparseCascade, images: Tensor, masks: Tensor, target: Tensor) -> tuple[float, float]:
    """GFLOPs of a first slice, and of a further slice; the full budget is spent."""
    made: list = []
    ahead = count_flops(lambda: made.append(model.encode_context(images, masks)))
    further = count_flops(lambda: made.append(model(target, made[0])))
    c = model.configuration
    for number, level in enumerate(made[1].levels):
        assert level.selection.count == min(c.budget(c.target_patches, number), level.grid.count)
    assert made[1].levels[-1].resolution == target.shape[-1]
    return (ahead + further) / 1e9, further / 1e9


@pytest.fixture(scope="module")
def gflops(model, discs) -> dict[int, tuple[float, float]]:
    """By size, with 3 context images."""
    return {size: count(model, *discs(1, 3, size), discs(1, 1, size, 1)[0]) for size in (128, 512)}


def test_a_slice_at_512_costs_at_most_9_4_gflops_and_a_further_one_4_9(gflops):
    first, further = gflops[512]
    assert first <= 9.4
    assert further <= 4.9


def test_sixteen_times_the_pixels_cost_at_most_two_and_a_half_times_as_much(gflops):
    assert gflops[512][0] / gflops[128][0] <= 2.5
    assert gflops[512][1] / gflops[128][1] <= 2.5


def test_weights_that_ship_cost_what_is_counted():
    assert load_weights().model.configuration == SparseConfiguration()


def test_a_computed_slice_costs_what_was_counted(model, discs, gflops):
    """The same by torch's own counter around a real computation."""
    images, masks = discs(1, 3, 128)
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH):  # fused attention is invisible to the counter
        context = model.encode_context(images, masks)
        with FlopCounterMode(display=False) as counter:
            model(discs(1, 1, 128, 1)[0], context)
    assert counter.get_total_flops() / 1e9 == pytest.approx(gflops[128][1], rel=1e-9)
