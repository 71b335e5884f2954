"""Half precision as on a graphics card, played on the CPU: the same masks but for a hair, and numbers numpy knows."""

import numpy as np
import pytest
import torch

from PatchICLLib import InContextSegmenter, Propagator, segmenter
from PatchICLLib.propagation import contexts, prediction


@pytest.fixture
def halved(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (contexts, prediction, segmenter):
        monkeypatch.setattr(module, "inference_precision", lambda _device: torch.autocast("cpu", torch.bfloat16))


def ball() -> tuple[np.ndarray, np.ndarray]:
    places = np.indices((17, 40, 40)) - np.array([8, 20, 20]).reshape(3, 1, 1, 1)
    inside = np.sqrt((places**2 * np.array([4, 1, 1]).reshape(3, 1, 1, 1)).sum(0)) < 15
    return inside * 100.0 + np.random.default_rng(0).normal(0, 8, inside.shape), inside


def test_propagation(request: pytest.FixtureRequest) -> None:
    image, inside = ball()
    painted = np.zeros(image.shape, np.uint8)
    painted[[3, 8, 13]] = inside[[3, 8, 13]]
    full = Propagator.from_pretrained(device="cpu").propagate(image, painted)
    request.getfixturevalue("halved")
    half = Propagator.from_pretrained(device="cpu").propagate(image, painted, logits_slices=(6,))
    assert half.probability is not None and half.probability.dtype == np.float32
    assert half.selections and half.logits
    common = 2 * int((full.labels & half.labels).sum()) / (int(full.labels.sum()) + int(half.labels.sum()))
    assert common > 0.98
    assert not np.array_equal(full.probability, half.probability)  # it was half precision indeed


@pytest.mark.usefixtures("halved")
def test_single_images() -> None:
    image, inside = ball()
    single = InContextSegmenter.from_pretrained(device="cpu")
    single.set_context(image[[6, 8]], inside[[6, 8]])
    prediction = single.segment(image[7])
    assert prediction.probability.dtype == np.float32 and np.isfinite(prediction.probability).all()
