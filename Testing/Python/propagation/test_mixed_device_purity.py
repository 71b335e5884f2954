"""Runs of several axes, and what is known beside slices, on a device that nobody waits for."""

import numpy as np
import pytest
import torch

from PatchICLLib.cascade.sparse import SparseCascade
from PatchICLLib.propagation import PropagationResult, Propagator
from PatchICLLib.weights import Pretrained
from Testing.Miniatures.device_purity import DevicePurity
from Testing.Miniatures.mps_operators import missing_on_mps

pytestmark = pytest.mark.slow

SHAPE = (14, 20, 18)


def propagated(model: SparseCascade, device: torch.device) -> tuple[np.ndarray, np.ndarray, PropagationResult]:
    """Painting, evidence and result."""
    k, j, i = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")
    mask = ((k - 7) / 6) ** 2 + ((j - 9) / 7) ** 2 + ((i - 8) / 6) ** 2 <= 1
    image = (mask * 90 + np.random.default_rng(3).normal(0, 12, SHAPE)).astype(np.float32)
    painted = np.where((k == 4) | (k == 9) | (i == 8) | (j == 11), mask, 0).astype(np.uint8)
    evidence = np.zeros(SHAPE, np.uint8)
    evidence[:, :5], evidence[7, 18, 3:6] = 2, 1
    painted[7, 18, 4] = 1
    engine = Propagator(Pretrained(model, "small", "sparse", "0" * 64, {}), device)
    return painted, evidence, engine.propagate(image, painted, evidence=evidence)


@pytest.fixture(scope="module")
def pure(small_model: SparseCascade) -> tuple[DevicePurity, PropagationResult]:
    with DevicePurity(single=True) as purity:
        with purity.setting_up():
            model = SparseCascade(small_model.configuration).eval()
            model.load_state_dict(small_model.state_dict())
            model = model.to(purity.device)
        return purity, propagated(model, purity.device)[2]


def test_the_device_says_what_the_cpu_says(
    small_model: SparseCascade, pure: tuple[DevicePurity, PropagationResult]
) -> None:
    painted, evidence, expected = propagated(small_model, torch.device("cpu"))
    result = pure[1]
    assert set(result.report["painted_planes"]["1"]) == {"k", "j", "i"}
    assert (result.labels == expected.labels).mean() > 0.999
    np.testing.assert_array_equal(result.labels[evidence == 1], painted[evidence == 1])
    assert not result.labels[(evidence == 2) & (painted == 0)].any()


def test_results_leave_the_device_in_few_pieces(pure: tuple[DevicePurity, PropagationResult]) -> None:
    assert 2 * pure[0].moved["to_host"] < pure[1].report["timings"]["computed_slices"]


def test_apple_has_every_operator(pure: tuple[DevicePurity, PropagationResult]) -> None:
    assert missing_on_mps(pure[0].operators) == []
