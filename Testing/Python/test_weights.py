"""Weights on disk: what is saved comes back; whatever is wrong with the files is told in one sentence."""

import contextlib
import json
import os
import pickle
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from PatchICLLib.cascade.paper import PaperCascade
from PatchICLLib.cascade.sparse import SparseCascade
from PatchICLLib.errors import InputError, WeightsError
from PatchICLLib.model_card import read_card, sealed, write_calibration
from PatchICLLib.presets import PRESETS
from PatchICLLib.weights import BUNDLED, find_weights, load_weights, save_weights, sha256_of
from Testing.Miniatures.small_cascade import TINY, TINY_PAPER


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    path = tmp_path / "made here" / "mine.safetensors"
    save_weights(SparseCascade(TINY), path, "sparse", {"recipe": {"steps": 7}})
    return path


def edit_card(path: Path, **changes: object) -> None:
    card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    card.update(changes)
    card = {k: v for k, v in card.items() if v is not None}
    with contextlib.suppress(InputError, KeyError, TypeError):
        card = sealed(card)  # as by somebody who knows how; what cannot be sealed is refused before that is looked at
    path.with_suffix(".json").write_text(json.dumps(card))


def test_round_trip(saved):
    torch.manual_seed(1)
    original = SparseCascade(TINY)
    pretrained = load_weights(saved)
    assert not pretrained.model.training
    assert pretrained.model.configuration == TINY
    assert pretrained.card["recipe"] == {"steps": 7}
    assert pretrained.card["parameters"] == sum(p.numel() for p in original.parameters())
    assert pretrained.provenance() == {"name": "mine", "preset": "sparse", "sha256": sha256_of(saved)}
    for name, value in original.state_dict().items():
        assert torch.equal(value, pretrained.model.state_dict()[name])
    assert sorted(p.name for p in saved.parent.iterdir()) == ["mine.json", "mine.safetensors"]


def test_round_trip_of_a_nested_configuration(tmp_path):
    save_weights(PaperCascade(TINY_PAPER), tmp_path / "p.safetensors", "paper", {})
    assert load_weights(tmp_path / "p.safetensors", "paper").model.configuration == TINY_PAPER


def test_saving_again_replaces_both_files(saved):
    first = sha256_of(saved)
    save_weights(SparseCascade(replace(TINY, layers=2)), saved, "sparse", {})
    assert sha256_of(saved) != first
    assert load_weights(saved).model.configuration.layers == 2


def test_bundled_weights_are_intact_and_found_by_name_preset_and_default():
    assert BUNDLED.keys() == PRESETS.keys()
    for name, bundled in BUNDLED.items():
        assert find_weights(bundled) == find_weights(None, name)
        assert load_weights(bundled).sha256 == read_card(find_weights(bundled))["sha256"]
    assert find_weights() == find_weights(BUNDLED["sparse"])
    assert load_weights().preset == "sparse"


def test_damaged_weights_are_refused(saved):
    content = bytearray(saved.read_bytes())
    content[-1] ^= 1
    saved.write_bytes(content)
    with pytest.raises(WeightsError, match="is damaged: its sha256 starts with .* get the file again"):
        load_weights(saved)


def test_truncated_weights_are_refused(saved):
    saved.write_bytes(saved.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="is damaged"):
        load_weights(saved)


def test_a_pickle_is_never_opened(saved, tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    saved.write_bytes(pickle.dumps(Trap()))
    edit_card(saved, sha256=sha256_of(saved))
    with pytest.raises(WeightsError, match="does not fit the preset sparse"):
        load_weights(saved)
    assert not (tmp_path / "sprung").exists()


def test_weights_of_another_configuration_are_refused(saved):
    card = read_card(saved)
    edit_card(saved, configuration={**card["configuration"], "features": 32})
    with pytest.raises(WeightsError, match="does not fit the preset sparse"):
        load_weights(saved)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"configuration": {"unheard_of": 1}}, "configuration does not fit the preset sparse"),
        ({"configuration": [1, 2]}, "lacks preset, configuration or sha256"),
        ({"configuration": {"patch_size": 10}}, "configuration does not fit the preset sparse"),
        ({"preset": "dense"}, "must be one of sparse, paper, universeg, but it is 'dense'"),
        ({"sha256": None}, "lacks preset, configuration or sha256"),
    ],
)
def test_a_wrong_card_is_refused(saved, changes, sentence):
    edit_card(saved, **changes)
    with pytest.raises(InputError, match=sentence):
        load_weights(saved)


@pytest.mark.parametrize(
    ("content", "sentence"), [("{", "cannot be read"), ("[]", "lacks preset"), ("\ufeff\x00", "cannot be read")]
)
def test_an_unreadable_card_is_refused(saved, content, sentence):
    saved.with_suffix(".json").write_text(content, encoding="utf-8")
    with pytest.raises(WeightsError, match=sentence):
        load_weights(saved)


def test_a_missing_card_is_told(saved):
    saved.with_suffix(".json").unlink()
    with pytest.raises(WeightsError, match="mine.json is missing; it belongs beside mine.safetensors"):
        load_weights(saved)


def test_another_preset_than_asked_for_is_refused(saved):
    with pytest.raises(WeightsError, match="are of the preset sparse, not paper"):
        load_weights(saved, "paper")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("nobody-1",),
            f"no weights nobody-1: give a .safetensors file or one of {BUNDLED['paper']}, {BUNDLED['sparse']}",
        ),
        (("nowhere/mine.safetensors",), "no weights file nowhere/mine.safetensors"),
        ((None, "dense"), "preset must be one of"),
    ],
)
def test_unknown_weights_are_refused(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        find_weights(*arguments)


@pytest.mark.parametrize("temperature", [0, -1.0, "warm", None, True, float("nan"), 1e-300, 10**400])
def test_a_temperature_must_be_a_number_that_probabilities_survive(tmp_path, temperature):
    bundled, copy = find_weights(), tmp_path / "w.safetensors"
    copy.write_bytes(bundled.read_bytes())
    card = json.loads(bundled.with_suffix(".json").read_text(encoding="utf-8"))
    copy.with_suffix(".json").write_text(json.dumps({**card, "calibration": {"temperature": temperature}}))
    with pytest.raises(WeightsError, match="temperature that is no number from 0.01 to 100"):
        load_weights(copy)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(saved, number):
    tensors = safetensors.torch.load_file(saved)
    tensors["prior_gains"][1] = number
    safetensors.torch.save_file(tensors, saved)
    edit_card(saved, sha256=sha256_of(saved))
    with pytest.raises(WeightsError, match="holds numbers that are none, in prior_gains"):
        load_weights(saved)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda tensors: tensors.pop("norm.bias"), "it lacks norm.bias"),
        (lambda tensors: tensors.update(odd=torch.zeros(1)), "it holds 'odd', which is unknown"),
        (lambda tensors: tensors.update({"norm.bias": torch.zeros(15)}), r"norm.bias has the shape \[15\], not \[16\]"),
        (lambda tensors: tensors.update({"norm.bias": torch.zeros(16, dtype=torch.int32)}), "of the type int32"),
    ],
)
def test_tensors_that_are_not_those_of_the_card_are_refused_in_one_sentence(saved, change, sentence):
    tensors = safetensors.torch.load_file(saved)
    change(tensors)
    safetensors.torch.save_file(tensors, saved)
    edit_card(saved, sha256=sha256_of(saved))
    with pytest.raises(WeightsError, match=sentence) as caught:
        load_weights(saved)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("counted", [True, False])
def test_weights_from_before_other_subjects_were_a_kind_give_the_same_bits(saved, counted):
    """They lack what tells them; a context of another subject is then a context like any other."""
    whole = load_weights(saved)
    assert whole.card["tells_subjects"] is False
    state = safetensors.torch.load_file(saved)
    older = {name: x for name, x in state.items() if not name.endswith("other_subject")}
    assert len(state) - len(older) == TINY.layers + 2
    safetensors.torch.save_file(older, saved)
    parameters = sum(x.numel() for x in older.values()) if counted else None
    edit_card(saved, sha256=sha256_of(saved), parameters=parameters, tells_subjects=None)
    loaded = load_weights(saved)
    images, masks = torch.randn(1, 2, 32, 32), (torch.randn(1, 2, 32, 32) > 0).float()
    with torch.inference_mode():
        expected, found = (
            p.model(images[0, :1, None], p.model.encode_context(images, masks)).logits for p in (whole, loaded)
        )
    assert torch.equal(expected, found)
    assert loaded.model.state_dict().keys() == whole.model.state_dict().keys()


def test_nothing_else_may_be_missing(saved):
    state = safetensors.torch.load_file(saved)
    safetensors.torch.save_file({n: x for n, x in state.items() if n != "layers.0.type_embedding"}, saved)
    edit_card(saved, sha256=sha256_of(saved))
    with pytest.raises(WeightsError, match="lacks layers.0.type_embedding"):
        load_weights(saved)


def test_a_card_that_tells_of_other_parameters_is_refused(saved):
    edit_card(saved, parameters=7)
    with pytest.raises(WeightsError, match="its model card tells of 7 parameters"):
        load_weights(saved)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_a_pipe_is_no_card(saved):
    saved.with_suffix(".json").unlink()
    os.mkfifo(saved.with_suffix(".json"))
    with pytest.raises(WeightsError, match="is no file"):
        load_weights(saved)


def test_calibration_keeps_the_card_sound(saved):
    write_calibration(saved, {"temperature": 1.5})
    assert load_weights(saved).temperature == 1.5
