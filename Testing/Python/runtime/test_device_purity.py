"""The pretended device that finds code which makes a real one wait: it catches every way, and changes no result."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from PatchICLLib.runtime.transfers import to_device, to_host
from Testing.Miniatures.device_purity import DevicePurity, Impurity
from Testing.Miniatures.mps_operators import missing_on_mps

CHEATS: dict[str, Callable[[Tensor], object]] = {
    "float": lambda x: float(x[0, 0]),
    "int": lambda x: int(x[0, 0]),
    "item": lambda x: x.sum().item(),
    "truth": lambda x: 1 if (x > 1).all() else 2,
    "list": lambda x: x.tolist(),
    "loop over numbers": lambda x: [int(value) for value in x[0]],
    "format": lambda x: f"{x[0, 0]:.2f}",
    "numpy": lambda x: x.numpy(),
    "asarray": lambda x: np.asarray(x),
    "numpy function": lambda x: np.sum(x),
    "dlpack": lambda x: np.from_dlpack(x),
    "cpu": lambda x: x.cpu(),
    "to the host": lambda x: x.to("cpu", torch.float64),
    "copy into the host's": lambda x: torch.zeros(3, 4).copy_(x),
    "upload": lambda x: torch.ones(3, device="cpu").to(x.device),
    "upload by type": lambda x: torch.ones(3).to(x),
    "copy from the host's": lambda x: x.copy_(torch.ones(3, 4)),
    "tensor of a list": lambda x: x + torch.tensor([1.0, 2.0, 3.0, 4.0], device=x.device),
    "new tensor of a list": lambda x: x[:, :2] + x.new_tensor([1.0, 2.0]),
    "nonzero": lambda x: x.nonzero(),
    "where": lambda x: torch.where(x > 1),
    "mask": lambda x: x[x > 1],
    "writing by a mask": lambda x: x.__setitem__(x > 1, 0.0),
    "masked select": lambda x: x.masked_select(x > 1),
    "unique": lambda x: x.unique(),
    "equal": lambda x: torch.equal(x, x),
    "allclose": lambda x: torch.allclose(x, x),
    "number as index": lambda x: x[x[0, 0].long()],
    "list as index": lambda x: x[[0, 1]],
    "host's tensor as index": lambda x: x[torch.tensor([0, 1])],
    "index_select by the host's": lambda x: x.index_select(0, torch.tensor([0, 1])),
    "repeat": lambda x: torch.repeat_interleave(x[0].long()),
    "count": lambda x: torch.bincount(x[0].long()),
    "mixed": lambda x: x + torch.ones(3, 4),
    "length by value": lambda x: torch.arange(x[0, 1]),
    "split by value": lambda x: torch.zeros(4, device=x.device).split(int(x[0, 1])),
}


def pure(x: Tensor) -> Tensor:
    """Factories, views, writes in place and through views, indices, convolutions, attention, branches on shapes."""
    y = torch.zeros(x.shape, device=x.device) + x * 0.5
    y[:, 0] = 2.0
    y[:, 1].add_(1)
    index = torch.arange(2, device=x.device)
    y[index] = y[index.flip(0)]
    y = torch.where(y > 1, y, y * 2).masked_fill(y > 3, 0.25)
    torch.add(y, 1.0, out=y)
    maps = torch.nn.functional.conv2d(y[None, None], torch.ones(2, 1, 3, 3, device=x.device), padding=1)
    tall = torch.nn.functional.interpolate(maps, scale_factor=2, mode="bilinear")
    keys = tall.flatten(2).transpose(1, 2)
    seen = torch.nn.functional.scaled_dot_product_attention(keys[:, None], keys[:, None], keys[:, None])
    sums = torch.einsum("bhnc,bhmc->bnm", seen, seen).cumsum(1)
    return torch.quantile(sums if len(x) > 1 else sums[:0], 0.5, 1) + sums.topk(3, 1).values[:, 0].sum()


@pytest.fixture
def held() -> Tensor:
    return torch.arange(12.0).reshape(3, 4)


@pytest.mark.parametrize("inference", [False, True])
@pytest.mark.parametrize("way", list(CHEATS))
def test_every_way_to_make_a_device_wait_is_caught(held, way, inference):
    with torch.inference_mode(inference), DevicePurity() as purity:
        x = to_device(held.clone(), purity.device)
        with pytest.raises((Impurity, RuntimeError, TypeError, BufferError)):
            CHEATS[way](x)


@pytest.mark.parametrize("inference", [False, True])
def test_pure_code_gives_what_it_gives_on_the_cpu(held, inference):
    with torch.inference_mode(inference):
        expected = pure(held.clone())
        with DevicePurity() as purity:
            x = to_device(held.clone(), purity.device)
            result = pure(x)
            assert result.device == x.device == purity.device
            assert np.array_equal(to_host(result), expected.numpy())
    assert purity.moved == {"to_device": 1, "to_host": 1}
    assert sum(purity.operators.values()) > 20
    assert {"add_.Tensor", "convolution", "cumsum"} <= set(purity.operators)
    assert missing_on_mps(purity.operators) == []


def test_operators_that_apple_lacks_are_told():
    assert missing_on_mps(["add.Tensor", "sort.stable", "_linalg_svd", "native_norm", "no_such"]) == [
        "_linalg_svd",
        "native_norm",
        "no_such",
    ]


def test_networks_are_loaded_while_setting_up(held):
    network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.LayerNorm(8)).eval()
    with DevicePurity() as purity:
        expected = network(held).detach().numpy()
        with pytest.raises(Impurity, match="copied to"):
            network.to(purity.device)
        with purity.setting_up():
            network.to(purity.device)
        for mode in (torch.no_grad(), torch.inference_mode()):
            with mode:
                assert np.array_equal(to_host(network(to_device(held, purity.device))), expected)
                assert to_host(network[0].weight[0]).shape == (4,)  # a view


def test_only_the_declared_functions_may_move(held):
    def down(tensor: Tensor) -> Tensor:
        return tensor.cpu()

    with DevicePurity(downloads=(down,)) as purity:
        x = to_device(held, purity.device)
        assert torch.equal(down(x), held)
        with pytest.raises(Impurity, match=r"from meta by none of \['down'\]"):
            to_host(x)
    assert purity.moved == {"to_device": 1, "down": 1}


def test_numbers_of_the_host_go_along_with_operators(held):
    with DevicePurity() as purity:
        x = to_device(held, purity.device)
        x[0] = torch.tensor(3.0)
        assert to_host(x * torch.tensor(2.0))[0, 0] == 6.0


def test_double_precision_is_refused_where_there_is_none(held):
    with DevicePurity(single=True) as purity, pytest.raises(Impurity, match="float64"):
        to_device(held, purity.device).double()
    with DevicePurity() as purity:
        assert to_host(to_device(held, purity.device).double()).dtype == np.float64


def test_transfers_are_none_on_the_cpu(held):
    moved = to_device(held, torch.device("cpu"))
    assert moved is held
    assert np.shares_memory(to_host(moved), held.numpy())
