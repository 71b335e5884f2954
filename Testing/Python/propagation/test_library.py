"""Propagation with a library of finished cases: it helps where patients are alike, and nothing changes where not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from PatchICLLib.errors import Cancelled, InputError
from PatchICLLib.library import Library
from PatchICLLib.propagation import CancelToken, PropagationResult, Propagator
from PatchICLLib.propagation.subjects.asking import Asking
from PatchICLLib.propagation.subjects.opinion import Opinion
from Testing.Miniatures.patients import ORGAN, Patient, library_of

LABEL = 3  # of the organ where it is painted
MATCH = {LABEL: ORGAN.label}


@pytest.fixture(scope="module")
def trained() -> Propagator:
    return Propagator.from_pretrained(device="cpu")


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Three patients, one of them stored in another way."""
    stored = Patient.of(3, 1.07, (2, 0, -2)).stored((2, 0, 1), (True, False, True))
    return library_of(tmp_path / "library", Patient.of(2), stored, Patient.of(4, 0.94, (0, 3, 1)))


def _painted(patient: Patient, *slices: int) -> np.ndarray:
    painted = np.zeros(patient.image.shape, np.uint8)
    painted[list(slices)] = LABEL * patient.organ[list(slices)]
    return painted


def _dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


@pytest.mark.slow
@pytest.mark.parametrize("order", [((0, 1, 2), (False, False, False)), ((1, 0, 2), (True, False, True))])
def test_structure_is_found_with_nothing_painted(trained: Propagator, library: Library, order: Any) -> None:
    patient = Patient.of(1, 1.07, (3, -2, 2)).stored(*order)
    result = trained.propagate(
        patient.image, None, patient.spacing, direction=patient.direction, library=library, axis=order[0].index(0)
    )
    assert set(np.unique(result.labels)) == {0, ORGAN.label}
    assert _dice(result.labels == ORGAN.label, patient.organ) > 0.85
    assert result.probability is not None and result.probability.max() > 0.9
    said = result.report["library"][str(ORGAN.label)]
    assert said["weight"] == 1 and {one["case"] for one in said["cases"]} <= {1, 2, 3}
    assert result.report["painted_slices"] == {} and result.report["suggested_next_slice"] is not None


@pytest.mark.slow
def test_one_painted_slice_gains_by_patients_who_are_alike(trained: Propagator, library: Library) -> None:
    patient = Patient.of(1, 1.07, (3, -2, 2))
    painted = _painted(patient, 13)
    told: list[tuple[int, int]] = []
    alone = trained.propagate(patient.image, painted, patient.spacing, axis=0)
    result = trained.propagate(
        patient.image,
        painted,
        patient.spacing,
        axis=0,
        direction=patient.direction.tolist(),
        library=str(library.path),
        match=MATCH,
        progress=lambda progress: told.append((progress.done, progress.total)),
    )
    np.testing.assert_array_equal(result.labels[13], painted[13])
    said = result.report["library"][str(LABEL)]
    assert said["weight"] == 0.85 and said["left_out_dice"] >= 0.7
    assert said["unpainted_dice"] >= said["left_out_dice"] - 0.05
    assert sum(len(one["slices"]) for one in said["cases"]) >= 16
    assert _dice(result.labels == LABEL, patient.organ) > _dice(alone.labels == LABEL, patient.organ) - 0.01
    assert _dice(result.labels == LABEL, patient.organ) > 0.88
    assert told[-1][0] == told[-1][1]
    assert all(done <= total for done, total in told) and told == sorted(told, key=lambda one: one[0])
    # where the library says most, every second slice of the painted slice's own answer is enough
    assert result.selections is not None and alone.selections is not None
    own, before = ({one.slice_index for one in found.selections} for found in (result, alone))
    assert {abs(z - 13) % 2 for z in own} == {1} and {abs(z - 13) % 2 for z in before} == {0, 1}
    held = set(np.flatnonzero((result.labels == LABEL).any((1, 2)))) - {13}
    assert {z for z in held if abs(z - 13) % 2} <= own


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [{"extent": (9, 16)}, {"extent": (15, 20)}, {"extent": (15, 15)}, {"logits_slices": [10]}, {"is_cut": True}],
    ids=str,
)
def test_slices_between_predicted_ones_hold_what_is_asked_and_known(
    trained: Propagator, library: Library, options: dict[str, Any]
) -> None:
    patient, usual = Patient.of(1, 1.07, (3, -2, 2)), {**options}
    painted, evidence = _painted(patient, 13), np.zeros(patient.image.shape, np.uint8)
    if usual.pop("is_cut", False):
        evidence[9], evidence[11, 18:] = 2, 2
    told: list[tuple[int, int]] = []

    def propagated(**more: Any) -> PropagationResult:
        return trained.propagate(
            patient.image, painted, patient.spacing, axis=0, direction=patient.direction, library=library, match=MATCH,
            evidence=evidence, **more,
        )  # fmt: skip

    result = propagated(**usual, progress=lambda progress: told.append((progress.done, progress.total)))
    assert told[-1][0] == told[-1][1] and all(done <= total for done, total in told)
    np.testing.assert_array_equal(result.labels[13], painted[13])
    assert not result.labels[evidence == 2].any()
    held = set(np.flatnonzero((result.labels == LABEL).any((1, 2)))) - {13}
    if "extent" in usual:
        first, last = usual["extent"]
        assert held == set(range(first, last + 1)) - {13}
        assert {row["index"] for row in result.report["slices"]} == held
    if "logits_slices" in usual:  # asking to look changes nothing
        assert [one.slice_index for one in result.logits or ()] == [10]
        plain = propagated()
        np.testing.assert_array_equal(plain.labels, result.labels)
        np.testing.assert_array_equal(plain.probability, result.probability)
    assert result.report["library"][str(LABEL)]["weight"] == 0.85
    assert result.selections is not None
    assert {abs(one.slice_index - 13) % 2 for one in result.selections} <= {1} or options == {"extent": (15, 15)}


@pytest.mark.slow
@pytest.mark.parametrize(("painted", "step"), [([8, 18], 2.0), ([13], 2.1)], ids=["two slices", "thick slices"])
def test_all_slices_are_predicted_where_hints_say_more_or_slices_are_far_apart(
    trained: Propagator, library: Library, painted: list[int], step: float
) -> None:
    patient = Patient.of(1, 1.07, (3, -2, 2))
    spacing = (step, *patient.spacing[1:])
    found = trained.propagate(
        patient.image, _painted(patient, *painted), spacing, axis=0, direction=patient.direction, library=library,
        match=MATCH,
    )  # fmt: skip
    assert found.selections is not None
    own = {one.slice_index for one in found.selections}
    assert found.report["library"][str(LABEL)]["weight"] >= 0.75
    assert set(range(min(own), max(own) + 1)) - own <= set(painted)


@pytest.mark.slow
def test_library_that_means_something_else_changes_nothing(trained: Propagator, tmp_path: Path) -> None:
    library = library_of(tmp_path / "library", *(Patient.of(seed, core_only=True) for seed in (2, 3)))
    patient = Patient.of(1, 1.0, (3, -2, 2))
    painted = _painted(patient, 13)
    alone = trained.propagate(patient.image, painted, patient.spacing, axis=0)
    result = trained.propagate(patient.image, painted, patient.spacing, axis=0, library=library, match=MATCH)
    assert result.report["library"][str(LABEL)]["left_out_dice"] < 0.6
    assert result.report["library"][str(LABEL)]["weight"] == 0
    np.testing.assert_array_equal(result.labels, alone.labels)
    assert any("not listened to" in sentence for sentence in result.report["warnings"])


@pytest.mark.slow
def test_painted_voxels_stay_and_a_structure_that_is_not_painted_is_filled_too(
    trained: Propagator, tmp_path: Path
) -> None:
    library = library_of(tmp_path / "library", Patient.of(2))
    patient = Patient.of(1)
    painted = np.zeros(patient.image.shape, np.uint8)
    painted[13, :4, :5] = 7  # something else, within the surroundings
    painted[12, 19:23, 20:23] = 7  # and within the organ
    result = trained.propagate(
        patient.image, painted, patient.spacing, axis=0, library=library, match=MATCH,
        painted_slices={7: (11, 14)}, extent=(9, 16), region=((0, 15), (14, 24), (0, 39)),
    )  # fmt: skip
    np.testing.assert_array_equal(result.labels[painted != 0], painted[painted != 0])
    assert set(np.unique(result.labels)) == {0, LABEL, 7}
    slices, rows, _ = np.nonzero(result.labels == LABEL)
    assert slices.min() >= 9 and slices.max() <= 15 and rows.min() >= 14 and rows.max() <= 24
    layered = trained.propagate(
        patient.image, painted[None], patient.spacing, axis=0, library=library, match=MATCH,
        painted_slices={7: (11, 14)}, extent=(9, 16), region=((0, 15), (14, 24), (0, 39)),
    )  # fmt: skip
    np.testing.assert_array_equal(layered.labels[0], result.labels)
    assert layered.report["library"] == result.report["library"]


@pytest.mark.slow
@pytest.mark.parametrize("other", [[], [(0, 13)], [(0, 13), (1, 30)]], ids=["nothing painted", "a slice", "two axes"])
def test_what_the_library_alone_finds_is_not_on_slices_declared_empty(
    trained: Propagator, library: Library, other: list[tuple[int, int]]
) -> None:
    patient = Patient.of(1, 1.07, (3, -2, 2))
    painted = np.zeros(patient.image.shape, np.uint8)
    for axis, index in other:
        place = tuple(index if a == axis else slice(2, 8) for a in range(3))
        painted[place] = 7
    declared: Any = {LABEL: [11, 14, (2, 18)], 7: other}
    for shown in (painted, painted[None]):
        found = trained.propagate(
            patient.image, shown, patient.spacing, library=library, match=MATCH, direction=patient.direction,
            painted_slices=declared, candidates=3,
        )  # fmt: skip
        assert found.candidates is not None
        for one in found.candidates:
            mask = (one.labels if one.labels.ndim == 3 else one.labels[0]) == LABEL
            assert not mask[[11, 14]].any() and not mask[..., 18].any()
            assert mask[[12, 13]].any((1, 2)).all() and mask[..., [17, 19]].any()
    with pytest.raises(InputError, match="Slice 90 is declared painted"):
        trained.propagate(
            patient.image, painted, patient.spacing, library=library, match=MATCH, painted_slices={LABEL: [90]}
        )


def test_bad_input_is_refused_with_a_sentence(engine: Propagator, library: Library, tmp_path: Path) -> None:
    patient = Patient.of(1)
    painted = _painted(patient, 13)

    def refused(sentence: str, painted: np.ndarray | None = painted, **options: Any) -> None:
        with pytest.raises(InputError, match=sentence):
            engine.propagate(patient.image, painted, patient.spacing, axis=0, **options)

    refused("Nothing is painted", painted=None)
    refused("Equal labels need not be equal structures", library=library)
    refused("structure 9 of the library, which has 1", library=library, match={3: 9})
    refused("Say which label here is which", library=library, match={})
    refused("list of whole numbers", library=library, match={"3": ORGAN.label})
    refused("go from 1 to", library=library, match={0: ORGAN.label})
    refused("3 x 3 matrix", library=library, match=MATCH, direction=[[1, 0, 0]])
    refused("no finished case yet", library=Library.open(tmp_path / "empty", may_be_new=True), match=MATCH)
    refused("holds no library|There is no|is no library", library=tmp_path / "nowhere", match=MATCH)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [np.int8, np.bool_])
def test_labels_that_the_library_alone_knows_may_be_larger_than_the_painting_holds(
    engine: Propagator, library: Library, kind: type
) -> None:
    patient, match = Patient.of(1), {1: ORGAN.label, 300: ORGAN.label}
    painted = _painted(patient, 13).astype(bool).astype(kind)
    result = engine.propagate(patient.image, painted, patient.spacing, axis=0, library=library, match=match)
    assert set(np.unique(result.labels)) == {0, 1, 300}
    assert (result.labels[painted != 0] == 1).all()


def test_only_the_sparse_preset_learns_from_a_library(library: Library) -> None:
    patient = Patient.of(1)
    other = Propagator.from_pretrained(device="cpu", preset="universeg")
    with pytest.raises(InputError, match="preset sparse"):
        other.propagate(
            patient.image, _painted(patient, 13), patient.spacing, axis=0, prior=False, library=library, match=MATCH
        )


def test_asking_can_be_cancelled(engine: Propagator, library: Library) -> None:
    patient, token = Patient.of(1), CancelToken()

    def cancel(_: object) -> None:
        token.cancel()

    with pytest.raises(Cancelled):
        engine.propagate(
            patient.image, _painted(patient, 13), patient.spacing, axis=0, library=library, match=MATCH, cancel=token,
            progress=cancel,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("steady", "correlation", "scale", "doubt", "sentence"),
    [
        (0.3, 0.9, 1.0, "unsteady", "do not trust"),
        (0.9, 0.4, 1.0, "look", "hardly looks"),
        (0.9, 0.9, 1.25, "size", "a fifth larger or smaller"),
    ],
)
def test_what_the_library_alone_found_is_doubted_where_it_does_not_hold(
    engine: Propagator, library: Library, monkeypatch: pytest.MonkeyPatch, steady: float, correlation: float,
    scale: float, doubt: str, sentence: str,
) -> None:  # fmt: skip
    patient, found = Patient.of(1), Asking.about_unpainted

    def doubtful(self: Asking, *question: Any) -> Opinion | None:
        opinion = found(self, *question)
        assert opinion is not None and opinion.steady is not None
        return replace(opinion, steady=steady, correlation=correlation, scale=scale)

    monkeypatch.setattr(Asking, "about_unpainted", doubtful)
    report = engine.propagate(patient.image, None, patient.spacing, axis=0, library=library).report
    assert [sentence in warning for warning in report["warnings"]] == [True]
    said = report["library"][str(ORGAN.label)]
    assert (said["steady_dice"], said["correlation"], said["left_out_dice"]) == (steady, correlation, None)
    assert said["doubt"] == doubt


@pytest.mark.slow
def test_slices_of_several_axes_hold_beside_a_library(trained: Propagator, library: Library) -> None:
    patient = Patient.of(1, 1.07, (3, -2, 2))
    painted = _painted(patient, 13)
    across = int(np.flatnonzero(patient.organ.any((0, 2))).mean())
    painted[:, across] = LABEL * patient.organ[:, across]
    evidence = np.zeros(painted.shape, np.uint8)
    evidence[16:] = 2
    result = trained.propagate(
        patient.image,
        painted,
        patient.spacing,
        direction=patient.direction,
        library=library,
        match={**MATCH, 9: ORGAN.label},  # label 9 is not painted
        evidence=evidence,
    )
    assert set(result.report["painted_planes"][str(LABEL)]) == {"k", "j"}
    assert set(result.report["library"]) == {str(LABEL), "9"}
    np.testing.assert_array_equal(result.labels[:, across] == LABEL, painted[:, across] == LABEL)
    np.testing.assert_array_equal(result.labels[13] == LABEL, painted[13] == LABEL)
    assert not result.labels[16:][painted[16:] == 0].any()
    assert _dice(result.labels[:16] != 0, patient.organ[:16]) > 0.8  # both labels compete for one structure
