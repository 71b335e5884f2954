"""The official weights file loads as it is; anything else is refused with a sentence that says why."""

import os
import re

import pytest
import torch

from PatchICLLib.errors import WeightsError
from PatchICLLib.universeg import UniverSeg, load_official_weights


def official_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes in universeg_v1_nf64_ss64_STA.pt, written down from the file, not from our classes."""
    crossed = {"enc": (3, 128, 128, 128), "dec": (256, 256, 256)}
    shapes: dict[str, tuple[int, ...]] = {}
    for part, channels in crossed.items():
        for number, incoming in enumerate(channels):
            block = f"{part}_blocks.{number}"
            shapes[f"{block}.cross.cross_conv.weight"] = (64, incoming, 3, 3)
            shapes[f"{block}.cross.cross_conv.bias"] = (64,)
            for branch in ("target", "support"):
                shapes[f"{block}.{branch}.vmapped.conv.weight"] = (64, 64, 3, 3)
                shapes[f"{block}.{branch}.vmapped.conv.bias"] = (64,)
    shapes["out_conv.conv.weight"] = (1, 64, 1, 1)
    shapes["out_conv.conv.bias"] = (1,)
    return shapes


@pytest.fixture
def official(tmp_path):
    generator = torch.Generator().manual_seed(3)
    tensors = {name: torch.randn(shape, generator=generator) * 0.05 for name, shape in official_shapes().items()}
    path = tmp_path / "universeg_v1_nf64_ss64_STA.pt"
    torch.save(tensors, path)
    return path, tensors


def test_names_and_shapes_are_the_official_ones():
    ours = {name: tuple(tensor.shape) for name, tensor in UniverSeg().state_dict().items()}
    assert ours == official_shapes()
    assert len(ours) == 44


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_loads_every_tensor(official, tmp_path, wrapper):
    path, tensors = official
    if wrapper:
        path = tmp_path / "wrapped.pt"
        torch.save({wrapper: tensors, "epoch": 3}, path)
    network = load_official_weights(path)
    assert not network.training
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, tensors[name], rtol=0, atol=0)


def test_refuses_pickled_code_without_running_it(tmp_path):
    victim = tmp_path / "victim"

    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(victim),)

    path = tmp_path / "evil.pt"
    torch.save({"enc_blocks.0.cross.cross_conv.weight": Attack()}, path)
    with pytest.raises(WeightsError, match="nothing in it was run"):
        load_official_weights(path)
    assert not victim.exists()


def test_says_what_is_wrong_with_the_file(official, tmp_path):
    path, tensors = official

    def refused(said: str, content: object | None = None, raw: bytes | None = None) -> None:
        other = tmp_path / "other.pt"
        if raw is None:
            torch.save(content, other)
        else:
            other.write_bytes(raw)
        with pytest.raises(WeightsError, match=said):
            load_official_weights(other)

    without = {name: tensor for name, tensor in tensors.items() if name != "out_conv.conv.bias"}
    refused(re.escape("1 are missing (such as out_conv.conv.bias)"), without)
    refused(re.escape("1 are unknown (such as extra)"), {**tensors, "extra": torch.zeros(1)})
    refused(
        "must have shape \\(64,\\), but has \\(32,\\)",
        {**tensors, "enc_blocks.0.cross.cross_conv.bias": torch.zeros(32)},
    )
    refused("not finite", {**tensors, "out_conv.conv.bias": torch.tensor([torch.nan])})
    refused("dictionary of tensors", [1, 2])
    refused("not a file of plain tensors", raw=b"this is no weights file")
    refused("not a file of plain tensors", raw=path.read_bytes()[:1000])
    refused("not a file of plain tensors", raw=b"")


def test_says_that_the_file_is_missing(tmp_path):
    with pytest.raises(WeightsError, match="no weights file"):
        load_official_weights(tmp_path / "absent.pt")
