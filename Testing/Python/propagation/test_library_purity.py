"""A propagation with a library, on a device that nobody waits for: same labels, and nothing moves but what has to."""

from pathlib import Path

import numpy as np
import pytest

from PatchICLLib.library import Library
from PatchICLLib.propagation import PropagationResult, Propagator
from PatchICLLib.weights import load_weights
from Testing.Miniatures.device_purity import DevicePurity
from Testing.Miniatures.mps_operators import missing_on_mps
from Testing.Miniatures.patients import ORGAN, Patient

pytestmark = pytest.mark.slow


def filled(engine: Propagator, library: Library) -> PropagationResult:
    """The organ, from two painted slices as label 1, and from none as label 2."""
    patient = Patient.of(1, 1.07, (3, -2, 2))
    painted = np.zeros(patient.image.shape, np.uint8)
    painted[[10, 16]] = patient.organ[[10, 16]]
    return engine.propagate(
        patient.image, painted, patient.spacing, axis=0, direction=patient.direction, library=library,
        match={1: ORGAN.label, 2: ORGAN.label},
    )  # fmt: skip


def test_cases_are_looked_at_without_waiting_for_the_device(tmp_path: Path) -> None:
    library = Library.open(tmp_path / "library", may_be_new=True)
    Patient.of(2).stored((2, 0, 1), (True, False, True)).added_to(library)
    expected = filled(Propagator.from_pretrained(device="cpu"), library)
    with DevicePurity(single=True) as purity:
        with purity.setting_up():
            pretrained = load_weights(None, None, purity.device)
        result = filled(Propagator(pretrained, purity.device), library)
    for label in ("1", "2"):
        said, told = (one.report["library"][label] for one in (result, expected))
        assert said["weight"] == told["weight"] > 0 and said["cases"] == told["cases"]
    assert (result.labels == expected.labels).mean() > 0.999
    assert np.abs(result.probability - expected.probability).max() < 0.05
    assert 2 * purity.moved["to_host"] < len(result.report["slices"])
    assert missing_on_mps(purity.operators) == []
