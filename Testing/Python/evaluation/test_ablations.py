"""Methods that lack hints, or are nothing but a hint."""

import numpy as np
import pytest
import torch

from PatchICLLib.cascade.hint_channels import Hints
from PatchICLLib.cascade.trace import CascadeOutput
from PatchICLLib.evaluation.ablations import HINTS, HintAlone, WithoutHints
from PatchICLLib.evaluation.methods import Painting, load_methods
from PatchICLLib.evaluation.protocol import paint
from PatchICLLib.propagation.refinement.outlines import Outlines


class Recorder(torch.nn.Module):
    """Remembers the flags of the hints it was given."""

    configuration = None

    def forward(self, target, context, hints, positions):
        self.flags = None if hints is None else hints.flags()
        return CascadeOutput(target, ())


def all_hints(n: int) -> Hints:
    blank, given = torch.ones(n, 2, 4, 4), torch.ones(n)
    return Hints(-2 * blank, given, 0.5 * blank, given, torch.ones(n, 5, 4, 4), given)


@pytest.mark.parametrize("missing", [("shape",), ("vote", "neighbours"), HINTS])
def test_only_the_named_hints_are_missing(missing) -> None:
    recorder = Recorder()
    WithoutHints(recorder, missing)(torch.zeros(2, 1, 4, 4), None, all_hints(2), None)
    assert recorder.flags.tolist() == [[float(name not in missing) for name in HINTS]] * 2


def test_no_hints_stay_no_hints() -> None:
    recorder = Recorder()
    WithoutHints(recorder, HINTS)(torch.zeros(2, 1, 4, 4), None, None, None)
    assert recorder.flags is None


def test_a_hint_alone_is_its_own_mask() -> None:
    target = torch.zeros(1, 1, 4, 4)
    assert (HintAlone("shape", 8)(target, None, all_hints(1), None).logits == -4).all()  # of 4 at most
    assert (HintAlone("vote", 8)(target, None, all_hints(1), None).logits == 4).all()  # of 1 at most


def test_in_a_still_picture_a_hint_alone_is_enough() -> None:
    """A bright cylinder: shape and vote both say what the painted slices say."""
    image = np.random.default_rng(0).normal(0, 3, (12, 30, 30))
    reference = np.zeros(image.shape, bool)
    reference[:, 10:20, 8:18] = True
    image[reference] += 100
    painted = paint(reference, 0, (0, 11))
    for method in load_methods(["shape-alone", "vote-alone", "without-hints"], device="cpu"):
        predicted = method.predict(Painting(image, painted, (0, 11), (1.0, 1.0, 1.0), 0)).labels
        dice = 2 * (predicted & reference).sum() / (predicted.sum() + reference.sum())
        assert dice > 0.9, method.name


@pytest.mark.parametrize("name", ["shape-alone", "vote-alone", "without-hints", "universeg"])
def test_what_is_to_do_without_hints_gets_no_outlines(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("outlines drawn between painted slices are a hint")

    monkeypatch.setattr(Outlines, "logits", never)
    image = np.random.default_rng(0).normal(0, 3, (5, 20, 20))
    painted = np.zeros(image.shape, np.uint8)
    painted[[0, 4], 5:15, 5:15] = 1
    (method,) = load_methods([name], device="cpu")
    method.predict(Painting(image, painted, (0, 4), (1.0, 1.0, 1.0), 0))
    (product,) = load_methods(["patchicl"], device="cpu")
    with pytest.raises(AssertionError, match="a hint"):
        product.predict(Painting(image, painted, (0, 4), (1.0, 1.0, 1.0), 0))
