"""Whole propagations on a device that nobody waits for: same labels, and nothing moves but what has to."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from PatchICLLib.benchmark.scans import Scan
from PatchICLLib.propagation import PropagationResult, Propagator
from PatchICLLib.propagation.geometry.evidence import SINGLE, WALL
from PatchICLLib.weights import Pretrained, load_weights
from Testing.Miniatures.device_purity import DevicePurity
from Testing.Miniatures.mps_operators import missing_on_mps
from Testing.Miniatures.patients import ORGAN, Patient, library_of
from Testing.Miniatures.small_cascade import small_weights

pytestmark = pytest.mark.slow

SCAN = Scan((28, 64, 64), 2)
SHAPE = (14, 20, 18)


def bundled(device: torch.device) -> Pretrained:
    return load_weights(None, None, device)


def small(device: torch.device) -> Pretrained:
    weights = small_weights()
    return replace(weights, model=weights.model.to(device))


def with_evidence(engine: Propagator, folder: Path) -> PropagationResult:
    """With voxels of another structure, some that were erased, and some where nothing stands for itself."""
    codes = np.zeros(SCAN.shape, np.uint8)
    codes[:, :, 40:], codes[9:12, 20:24, 30:36], codes[13, 2:9, 2:9] = WALL, 2, SINGLE
    image, labels = SCAN.made()
    return engine.propagate(image, SCAN.painted(labels), spacing=(2.0, 1.0, 1.0), evidence=codes)


def ellipsoid() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, painting on slices of three axes, and evidence."""
    k, j, i = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")
    mask = ((k - 7) / 6) ** 2 + ((j - 9) / 7) ** 2 + ((i - 8) / 6) ** 2 <= 1
    image = (mask * 90 + np.random.default_rng(3).normal(0, 12, SHAPE)).astype(np.float32)
    painted = np.where((k == 4) | (k == 9) | (i == 8) | (j == 11), mask, 0).astype(np.uint8)
    evidence = np.zeros(SHAPE, np.uint8)
    evidence[:, :5], evidence[7, 18, 3:6] = 2, 1
    painted[7, 18, 4] = 1
    return image, painted, evidence


def on_several_axes(engine: Propagator, folder: Path) -> PropagationResult:
    image, painted, evidence = ellipsoid()
    return engine.propagate(image, painted, evidence=evidence)


def with_library(engine: Propagator, folder: Path) -> PropagationResult:
    """The organ, from two painted slices as label 1, from none as label 2, and from one as label 3."""
    library = library_of(folder, Patient.of(2).stored((2, 0, 1), (True, False, True)))
    patient = Patient.of(1, 1.07, (3, -2, 2))
    painted = np.zeros(patient.image.shape, np.uint8)
    painted[[10, 16]] = patient.organ[[10, 16]]
    painted[13] = 3 * patient.organ[13]
    return engine.propagate(
        patient.image, painted, patient.spacing, axis=0, direction=patient.direction, library=library,
        match={1: ORGAN.label, 2: ORGAN.label, 3: ORGAN.label},
    )  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A propagation, with weights, and how far a device may differ: in the share of labels, and in probabilities.

    Attributes:
        slices_a_piece: that leave the device together at least, on average.
    """

    propagated: Callable[[Propagator, Path], PropagationResult]
    weights: Callable[[torch.device], Pretrained]
    labels: float
    probability: float
    slices_a_piece: int = 2


RUNS = [
    Run(with_evidence, bundled, 1e-4, 0.01, 3),
    Run(on_several_axes, small, 1e-3, 0.05),
    Run(with_library, bundled, 1e-3, 0.05),
]


@dataclass(frozen=True)
class Both:
    run: Run
    expected: PropagationResult
    result: PropagationResult
    purity: DevicePurity


@pytest.fixture(scope="module", params=RUNS, ids=lambda run: run.propagated.__name__)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Both:
    """The same on the CPU and on a device without double precision."""
    run, cpu = request.param, torch.device("cpu")
    expected = run.propagated(Propagator(run.weights(cpu), cpu), tmp_path_factory.mktemp("cpu"))
    folder = tmp_path_factory.mktemp("device")
    with DevicePurity(single=True) as purity:
        with purity.setting_up():
            weights = run.weights(purity.device)
        result = run.propagated(Propagator(weights, purity.device), folder)
    return Both(run, expected, result, purity)


def test_the_device_says_what_the_cpu_says(both: Both) -> None:
    result, expected = both.result, both.expected
    assert (result.labels != expected.labels).mean() < both.run.labels
    assert np.abs(result.probability - expected.probability).max() < both.run.probability
    assert np.abs(result.entropy - expected.entropy).max() < 5 * both.run.probability
    assert sorted((chosen.label, chosen.slice_index) for chosen in result.selections) == sorted(
        (chosen.label, chosen.slice_index) for chosen in expected.selections
    )
    if both.run.propagated is on_several_axes:
        _image, painted, evidence = ellipsoid()
        assert set(result.report["painted_planes"]["1"]) == {"k", "j", "i"}
        np.testing.assert_array_equal(result.labels[evidence == 1], painted[evidence == 1])
        assert not result.labels[(evidence == 2) & (painted == 0)].any()
    if both.run.propagated is with_library:
        assert result.report["library"]["3"]["weight"] > 0.75  # every second slice is predicted
        for label in ("1", "2", "3"):
            said, told = (one.report["library"][label] for one in (result, expected))
            assert said["weight"] == told["weight"] > 0 and said["cases"] == told["cases"]


def test_results_leave_the_device_in_few_pieces(both: Both) -> None:
    """Not slice by slice: in a few pieces of each batch, and the volumes at the end."""
    report = both.result.report
    told = report["timings"]["computed_slices"] if both.run.propagated is on_several_axes else len(report["slices"])
    assert both.run.slices_a_piece * both.purity.moved["to_host"] < told


def test_apple_has_every_operator(both: Both) -> None:
    assert missing_on_mps(both.purity.operators) == []
