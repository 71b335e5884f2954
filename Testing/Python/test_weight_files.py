"""Weights of several files: as good as one; and whatever befalls one of the files is told in a sentence."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from PatchICLLib import weight_files, weights
from PatchICLLib.cascade.paper import PaperCascade, PaperConfiguration
from PatchICLLib.cascade.sparse import SparseCascade
from PatchICLLib.cascade.universeg_in_context import UniverSegInContext, UniverSegInContextConfiguration
from PatchICLLib.errors import WeightsError
from PatchICLLib.model_card import card_path, read_card, sealed
from PatchICLLib.outputs.companions import companions_of
from PatchICLLib.universeg import UniverSegConfiguration
from PatchICLLib.weights import load_weights, save_weights, sha256_of
from Testing.Miniatures.small_cascade import TINY

ENCODER = UniverSegConfiguration((4, 4))
PAPER = PaperConfiguration(
    resolutions=(16,), target_patches=(4, 5), context_patches=(3, 6), features=32, heads=2, encoder=ENCODER
)


@pytest.fixture
def model() -> SparseCascade:
    torch.manual_seed(1)
    return SparseCascade(TINY)


@pytest.fixture
def saved(tmp_path: Path, model: SparseCascade, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights of at least three files."""
    monkeypatch.setattr(weight_files, "_MOST_BYTES", 4000)
    path = tmp_path / "mine.safetensors"
    save_weights(model, path, "sparse", {}, bits=8)
    assert len(further(path)) >= 2
    return path


def further(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.stem}-*.safetensors"))


def resealed(path: Path) -> None:
    """The card as of the first file as it is now, as by somebody who knows how."""
    card = {**json.loads(card_path(path).read_text(encoding="utf-8")), "sha256": sha256_of(path)}
    card_path(path).write_text(json.dumps(sealed(card)), encoding="utf-8")


@pytest.mark.parametrize("bits", [8, 16])
def test_several_files_hold_what_one_holds(
    bits: int, model: SparseCascade, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_weights(model, tmp_path / "one.safetensors", "sparse", {}, bits)
    monkeypatch.setattr(weight_files, "_MOST_BYTES", 4000)
    save_weights(model, tmp_path / "many.safetensors", "sparse", {}, bits)
    files = [tmp_path / "many.safetensors", *further(tmp_path / "many.safetensors")]
    assert not further(tmp_path / "one.safetensors") and len(files) > 2
    names = [name for file in files for name in safetensors.torch.load_file(file)]
    assert len(names) == len(set(names))
    for file in files:
        tensors = safetensors.torch.load_file(file)
        assert len(tensors) == 1 or sum(tensor.nbytes for tensor in tensors.values()) <= 4000
    one, many = (load_weights(tmp_path / f"{name}.safetensors").model.state_dict() for name in ("one", "many"))
    assert all(torch.equal(one[name], many[name]) for name in one)
    assert sorted(companions_of(files[0])) == sorted([card_path(files[0]), *files[1:]])


def test_the_hash_of_the_first_is_that_of_all(saved: Path, model: SparseCascade) -> None:
    before = load_weights(saved).sha256
    with torch.no_grad():
        list(model.parameters())[-1].add_(1.0)
    save_weights(model, saved, "sparse", {}, bits=8)
    assert load_weights(saved).sha256 == sha256_of(saved) != before


def test_files_that_are_not_needed_any_more_go(saved: Path, model: SparseCascade) -> None:
    others = saved.with_name("mine-other.safetensors"), saved.with_name("yours-00002-of-00003.safetensors")
    for other in others:
        other.write_bytes(b"not ours")
    save_weights(model, saved, "sparse", {})
    assert load_weights(saved).card["bits"] == 32
    assert sorted(saved.parent.iterdir()) == sorted([saved, card_path(saved), *others])


def removed(path: Path) -> None:
    path.unlink()


def turned(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def of_others(path: Path) -> None:
    shutil.copyfile(path.parent / "other" / path.name, path)


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (removed, "is missing; it belongs beside mine.safetensors"),
        (turned, "is damaged or belongs to others than mine.safetensors: its sha256 starts with"),
        (cut, "is damaged or belongs to others than mine.safetensors"),
        (of_others, "is damaged or belongs to others than mine.safetensors"),
    ],
)
def test_every_further_file_is_checked(saved: Path, harm: Callable[[Path], None], sentence: str) -> None:
    torch.manual_seed(2)
    save_weights(SparseCascade(TINY), saved.parent / "other" / saved.name, "sparse", {}, bits=8)
    for path in further(saved):
        content = path.read_bytes()
        harm(path)
        with pytest.raises(WeightsError, match=sentence) as caught:
            load_weights(saved)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
        path.write_bytes(content)
    load_weights(saved)


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_the_same_weights_are_the_same_files(saved: Path, model: SparseCascade, bits: int) -> None:
    contents = set()
    for _ in range(5):
        save_weights(model, saved, "sparse", {}, bits)
        contents.add(tuple(path.read_bytes() for path in (saved, card_path(saved), *further(saved))))
    assert len(contents) == 1


ZEROS = "0" * 64


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("[", "does not fit the preset sparse"),
        ("[1]", "header is none of weights"),
        ({"further": [1]}, "names further files that are none"),
        ({"further": {"../mine-00002-of-00003.safetensors": ZEROS}}, "names further files that are none"),
        ({"further": {"mine.json": ZEROS}}, "names further files that are none"),
        ({"further": {"mine-00002-of-00003.safetensors": "short"}}, "names further files that are none"),
        ({"further": {}}, "does not fit the preset sparse"),
        ({"lender": ["universeg-2"]}, "names other weights that are none"),
        ({"lender": {"name": "universeg-2", "sha256": 5}}, "names other weights that are none"),
        ({"lender": {"name": "universeg-2", "sha256": ZEROS}}, "names an encoder"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(saved: Path, header: Any, sentence: str) -> None:
    text = header if isinstance(header, str) else json.dumps(header)
    header = {"files": text}
    safetensors.torch.save_file(safetensors.torch.load_file(saved), saved, header)
    resealed(saved)
    with pytest.raises(WeightsError, match=sentence) as caught:
        load_weights(saved)
    assert "\n" not in str(caught.value)


@pytest.fixture
def universeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UniverSegInContext:
    """Weights of a UniverSeg that ship."""
    torch.manual_seed(3)
    network = UniverSegInContext(UniverSegInContextConfiguration(ENCODER, 32))
    save_weights(network, tmp_path / "ships.safetensors", "universeg", {})
    monkeypatch.setitem(weights.BUNDLED, "universeg", str(tmp_path / "ships.safetensors"))
    return network


def test_an_encoder_that_ships_is_not_stored_twice(tmp_path: Path, universeg: UniverSegInContext) -> None:
    model, path = PaperCascade(PAPER), tmp_path / "paper.safetensors"
    for lent in (False, True):
        if lent:
            model.features.load(universeg.network)
        save_weights(model, path, "paper", {}, bits=8)
        stored = safetensors.torch.load_file(path)
        assert any(name.startswith("features.") for name in stored) != lent
        loaded = load_weights(path)
        assert loaded.card["parameters"] == sum(p.numel() for p in model.parameters())
    own, found = model.features.encoder.state_dict(), loaded.model.features.encoder.state_dict()
    assert all(torch.equal(own[name], found[name]) for name in own)


def test_an_encoder_of_other_weights_is_refused(tmp_path: Path, universeg: UniverSegInContext) -> None:
    model, path = PaperCascade(PAPER), tmp_path / "paper.safetensors"
    model.features.load(universeg.network)
    save_weights(model, path, "paper", {}, bits=8)
    with torch.no_grad():
        next(universeg.parameters()).add_(1.0)
    save_weights(universeg, tmp_path / "ships.safetensors", "universeg", {})
    with pytest.raises(WeightsError, match="encoder of other weights .*ships.* than those that are here"):
        load_weights(path)
    (tmp_path / "ships.safetensors").unlink()
    with pytest.raises(WeightsError, match="no weights file .*ships"):
        load_weights(path)
    assert read_card(path)["preset"] == "paper"
