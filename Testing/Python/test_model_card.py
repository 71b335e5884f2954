"""Whatever is changed in a model card: it is refused in one sentence, or it says the same as before."""

import copy
import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from PatchICLLib.allowed_values import Between, from_plain
from PatchICLLib.cascade.sparse import SparseCascade
from PatchICLLib.cascade.universeg_in_context import UniverSegInContext, UniverSegInContextConfiguration
from PatchICLLib.command_line.app import main
from PatchICLLib.errors import InputError, WeightsError
from PatchICLLib.model_card import card_path, read_card, sealed
from PatchICLLib.presets import PRESETS, build
from PatchICLLib.universeg import UniverSegConfiguration
from PatchICLLib.weights import load_weights, save_weights
from Testing.Miniatures.small_cascade import TINY
from Testing.Miniatures.spoiled_json import holder_of, places

DECISIVE = ("preset", "configuration", "sha256", "calibration", "parameters", "checksum")
NUMBERS = st.integers(-3, 70) | st.sampled_from([128, 2**31, 2**63, 10**400]) | st.floats()
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5) | st.sampled_from(["sparse", "paper", "\ud800", "a\nb"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module", params=["sparse", "universeg"])
def weights(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "mine.safetensors"
    torch.manual_seed(1)
    model: Any = SparseCascade(TINY)
    if request.param == "universeg":
        model = UniverSegInContext(UniverSegInContextConfiguration(UniverSegConfiguration((4, 4)), 32))
    save_weights(model, path, request.param, {"calibration": {"temperature": 1.5}})
    return path


@st.composite
def tampered(draw: st.DrawFn, card: dict[str, Any]) -> dict[str, Any]:
    """The card with one decisive part changed, removed or added."""
    card = copy.deepcopy(card)
    decisive = {name: card[name] for name in DECISIVE}
    inner, last = holder_of(card, draw(st.sampled_from(places(decisive)[1:])))
    how = draw(st.sampled_from(["change", "change", "remove", "add"]))
    if how == "remove":
        del inner[last]
    elif how == "add" and isinstance(inner, dict):
        inner[draw(st.text(max_size=5))] = draw(JSON)
    elif isinstance(inner[last], int | float) and draw(st.booleans()):
        inner[last] = draw(st.sampled_from([inner[last] + 1, inner[last] * 2, inner[last] / 2, -inner[last], 0]))
    else:
        inner[last] = draw(JSON)
    return card


def written(card: dict[str, Any], weights: Path, folder: Path) -> Path:
    copied = folder / weights.name
    if not copied.exists():
        copied.write_bytes(weights.read_bytes())
    card_path(copied).write_text(json.dumps(card), encoding="utf-8")
    return copied


def refusal(path: Path) -> str | None:
    """The sentence that weights are refused with; anything but a refusal or success is raised."""
    try:
        load_weights(path)
    except WeightsError as error:
        return str(error)
    return None


@pytest.mark.slow
@settings(max_examples=120)
@given(st.data())
def test_a_changed_card_is_refused_or_says_the_same(weights: Path, data: st.DataObject) -> None:
    card = json.loads(card_path(weights).read_text(encoding="utf-8"))
    folder = weights.parent / "tampered"
    folder.mkdir(exist_ok=True)
    changed = data.draw(tampered(card))
    said = refusal(written(changed, weights, folder))
    if said is None:
        ours, theirs = load_weights(weights), load_weights(folder / weights.name)
        assert theirs.model.configuration == ours.model.configuration
        assert (theirs.preset, theirs.sha256, theirs.temperature) == (ours.preset, ours.sha256, ours.temperature)
    else:
        assert said.endswith(".") and "\n" not in said and said.isascii() and len(said) < 600


@pytest.mark.slow
@settings(max_examples=40)
@given(st.data())
def test_what_a_card_made_by_hand_describes_works(weights: Path, data: st.DataObject) -> None:
    """With a right checksum, too: whatever is accepted computes."""
    card = json.loads(card_path(weights).read_text(encoding="utf-8"))
    folder = weights.parent / "by hand"
    folder.mkdir(exist_ok=True)
    changed = data.draw(tampered(card))
    changed.pop("checksum", None)
    path = written(changed, weights, folder)
    assert refusal(path) is not None, "without a checksum nobody knows"
    try:
        whole = sealed(changed)
    except (InputError, KeyError, TypeError, ValueError, AttributeError):
        return  # and so whoever forges cards cannot either
    card_path(path).write_text(json.dumps(whole), encoding="utf-8")
    if refusal(path) is None:
        compute(load_weights(path).model)


def compute(model: Any) -> None:
    side = getattr(model.configuration, "coarsest", 64)
    images = torch.zeros(1, 1, side, side)
    with torch.no_grad():
        output = model(images, model.encode_context(images, images))
    assert torch.isfinite(output.logits).all()


@pytest.mark.slow
@settings(max_examples=50)
@given(st.data())
def test_configurations_within_their_ranges_work(data: st.DataObject) -> None:
    """What `check` lets pass, the network can be built with and computes."""
    small = {"features": 64, "layers": 2, "channels": 16, "heads": 4, "key_features": 8, "encoder_channels": 8}
    small |= {"target_patches": 4, "context_patches": 4, "context_layers": 1, "joint_layers": 1, "working_size": 64}
    kind = PRESETS[data.draw(st.sampled_from(["sparse", "universeg"]))].configuration
    configuration = data.draw(allowed(kind, small))
    try:
        configuration.check()
    except ValueError:
        return
    compute(build(configuration).eval())


def allowed(declared: Any, small: dict[str, int], most: int | None = None) -> st.SearchStrategy[Any]:
    """Values that are allowed for a declaration, numbers of some names not larger than told."""
    if dataclasses.is_dataclass(declared):
        hints = get_type_hints(declared, include_extras=True)
        return st.builds(declared, **{name: allowed(hint, small, small.get(name)) for name, hint in hints.items()})
    origin, inner = get_origin(declared), get_args(declared)
    if origin is Literal:
        return st.sampled_from(inner)
    if origin is tuple:
        if inner[-1] is ...:
            return st.lists(allowed(inner[0], small, most), min_size=1, max_size=3).map(tuple)
        return st.tuples(*(allowed(one, small, most) for one in inner))
    rule = next(one for one in inner[1:])
    if not isinstance(rule, Between):
        return allowed(inner[0], small, most)
    if inner[0] is float:
        return st.floats(rule.least, rule.most)
    step = rule.divisor or 1
    return st.integers(int(rule.least) // step, int(min(rule.most, most or rule.most)) // step).map(lambda n: n * step)


@pytest.mark.parametrize("name", PRESETS)
def test_every_value_of_every_configuration_has_a_range(name: str) -> None:
    unbounded = []

    def look(declared: Any, where: str) -> None:
        origin, inner = get_origin(declared), get_args(declared)
        if dataclasses.is_dataclass(declared):
            for field, hint in get_type_hints(declared, include_extras=True).items():
                look(hint, f"{where}.{field}")
        elif origin is Annotated and any(isinstance(rule, Between) for rule in inner[1:]):
            pass
        elif origin is tuple or origin is Annotated:
            for one in inner if origin is tuple else inner[:1]:
                if one is not ...:
                    look(one, f"{where}[]")
        elif origin is not Literal and declared is not bool:
            unbounded.append(where)

    look(PRESETS[name].configuration, name)
    assert unbounded == []
    default = PRESETS[name].configuration()
    default.check()
    assert from_plain(type(default), json.loads(json.dumps(dataclasses.asdict(default)))) == default


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        "",
        '{"preset": ["sparse"], "configuration": {}, "sha256": ""}',
        '{"a": ' + "9" * 5000 + "}",
        "\x00",
    ],
    ids=["deep", "empty", "preset", "digits", "nul"],
)
def test_any_text_is_refused_with_exit_code_2(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan, painted = tmp_path / "scan.nii.gz", tmp_path / "painted.nii.gz"
    labels = np.zeros((4, 4, 4), np.uint8)
    labels[1, 1:3, 1:3] = 1
    for array, name in ((np.arange(64, dtype=np.int16).reshape(4, 4, 4), scan), (labels, painted)):
        sitk.WriteImage(sitk.GetImageFromArray(array), name)
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"")
    card_path(path).write_text(content)
    assert main(["propagate", str(scan), str(painted), str(tmp_path / "o.nii.gz"), "--weights", str(path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("patchicl: ") and "model card" in said and said.count("\n") == 1


def test_the_checksum_says_nothing_of_what_decides_nothing(weights: Path, tmp_path: Path) -> None:
    card = read_card(weights)
    assert refusal(written({**card, "figures": {"dice": 1}, "intended_use": "fun"}, weights, tmp_path)) is None
