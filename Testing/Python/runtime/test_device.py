"""Names of devices, on machines with and without accelerators."""

import pytest
import torch

from PatchICLLib.errors import InputError
from PatchICLLib.runtime.device import inference_precision, resolve_device


@pytest.fixture
def machine(monkeypatch):
    def make(cuda: int = 0, mps: bool = False) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return make


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"), [(0, False, "cpu"), (1, False, "cuda"), (0, True, "mps"), (2, True, "cuda")]
)
def test_auto_takes_the_fastest_there_is(machine, cuda, mps, expected):
    machine(cuda, mps)
    assert resolve_device("auto").type == resolve_device().type == expected


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:0", "cuda:1", "mps"])
def test_what_the_machine_has_is_taken_by_name(machine, name):
    machine(2, True)
    assert resolve_device(name) == torch.device(name)


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps"])
def test_what_the_machine_lacks_is_refused(machine, name):
    machine()
    with pytest.raises(InputError, match=f"no {name.partition(':')[0]} device; use the device auto or cpu"):
        resolve_device(name)


def test_a_number_beyond_the_last_device_is_refused(machine):
    machine(2)
    with pytest.raises(InputError, match="has 2 CUDA devices, so there is no cuda:2"):
        resolve_device("cuda:2")


@pytest.mark.parametrize(
    "name", ["", "gpu", "CPU", "cuda:x", "cuda:", "cuda:-1", "cuda:²", "cpu:", "cpu:0", "mps:0", "xla"]
)
def test_unknown_names_are_refused(machine, name):
    machine(2, True)
    with pytest.raises(InputError, match="must be auto, cpu, cuda, cuda:N or mps, but it is"):
        resolve_device(name)


@pytest.mark.parametrize(("bfloat16", "expected"), [(True, torch.bfloat16), (False, torch.float16)])
def test_graphics_cards_compute_at_half_precision(monkeypatch, bfloat16, expected):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: bfloat16)
    context = inference_precision(torch.device("cuda"))
    assert isinstance(context, torch.autocast) and (context.device, context.fast_dtype) == ("cuda", expected)


def test_the_cpu_computes_at_full_precision():
    with inference_precision(torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
