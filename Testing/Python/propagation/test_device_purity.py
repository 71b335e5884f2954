"""A whole propagation on a device that nobody waits for: same labels, and nothing moves but what has to."""

import numpy as np
import pytest
import torch

from PatchICLLib import Propagator
from PatchICLLib.benchmark.scans import Scan
from PatchICLLib.propagation import PropagationResult
from PatchICLLib.propagation.geometry.evidence import SINGLE, WALL
from PatchICLLib.weights import load_weights
from Testing.Miniatures.device_purity import DevicePurity
from Testing.Miniatures.mps_operators import missing_on_mps

pytestmark = pytest.mark.slow

SCAN = Scan((28, 64, 64), 2)


def evidence() -> np.ndarray:
    """Voxels of another structure, some that were erased, and some where nothing stands for itself."""
    codes = np.zeros(SCAN.shape, np.uint8)
    codes[:, :, 40:], codes[9:12, 20:24, 30:36], codes[13, 2:9, 2:9] = WALL, 2, SINGLE
    return codes


def propagated(device: torch.device) -> PropagationResult:
    image, labels = SCAN.made()
    engine = Propagator(load_weights(None, None, device), device)
    return engine.propagate(image, SCAN.painted(labels), spacing=(2.0, 1.0, 1.0), evidence=evidence())


@pytest.fixture(scope="module")
def pure() -> tuple[DevicePurity, PropagationResult]:
    """A propagation with all that can be asked for, on a device without double precision."""
    with DevicePurity(single=True) as purity:
        image, labels = SCAN.made()
        with purity.setting_up():
            pretrained = load_weights(None, None, purity.device)
        engine = Propagator(pretrained, purity.device)
        result = engine.propagate(image, SCAN.painted(labels), spacing=(2.0, 1.0, 1.0), evidence=evidence())
    return purity, result


def test_the_device_says_what_the_cpu_says(pure):
    expected = propagated(torch.device("cpu"))
    result = pure[1]
    assert (result.labels == expected.labels).mean() > 0.9999
    assert np.abs(result.probability - expected.probability).max() < 0.01
    assert np.abs(result.entropy - expected.entropy).max() < 0.05
    assert sorted((chosen.label, chosen.slice_index) for chosen in result.selections) == sorted(
        (chosen.label, chosen.slice_index) for chosen in expected.selections
    )


def test_results_leave_the_device_in_few_pieces(pure):
    """Not slice by slice: in a few pieces of each batch, and the volumes at the end."""
    purity, result = pure
    assert 3 * purity.moved["to_host"] < len(result.report["slices"])


def test_apple_has_every_operator(pure):
    assert missing_on_mps(pure[0].operators) == []
