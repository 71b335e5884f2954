"""Of a library those cases are asked that are likely to be alike, and nothing about them is worked out twice."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from PatchICLLib.library import Library
from PatchICLLib.propagation.geometry.orientation import Orientation
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.subjects.asking import Asking
from PatchICLLib.propagation.subjects.earlier_cases import MOST_CASES, EarlierCases, KeptStructures
from PatchICLLib.propagation.subjects.finished_structure import FinishedStructure
from Testing.Miniatures.patients import ORDERS, SPACING, Patient, library_of

SCALES = (0.6, 1.1, 0.6, 1.0, 0.62, 1.12, 1.0, 0.6, 1.05, 1.1, 1.0, 0.6, 1.06)  # of cases 1, 2, ...


def _library(folder: Path, scales: tuple[float, ...]) -> Library:
    patients = (
        Patient.of(number + 2, scale).stored(*ORDERS[(7 * number) % len(ORDERS)]) for number, scale in enumerate(scales)
    )
    return library_of(folder / "library", *patients)


def _asked(library: Library, here: Patient, extents: tuple[float, float] | None) -> list[FinishedStructure]:
    like = Orientation((0, 1, 2), (False,) * 3, here.image.shape)
    kept = KeptStructures()
    return EarlierCases.of(library, {3: 1}, here.direction, kept, True).of_label(3, like, extents)


def test_of_many_cases_those_of_the_same_size_are_asked_without_reading_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = _library(tmp_path, SCALES)
    read: list[int] = []
    of_number = Library.case
    monkeypatch.setattr(Library, "case", lambda self, number: (read.append(number), of_number(self, number))[1])
    here = Patient.of(1)
    rows, columns = np.flatnonzero(here.organ.any((0, 2))), np.flatnonzero(here.organ.any((0, 1)))
    extents = (len(rows) * SPACING[1], len(columns) * SPACING[2])
    large = [number for number, scale in enumerate(SCALES, 1) if scale > 0.9]
    assert len(large) == MOST_CASES
    assert [one.case for one in _asked(library, here, extents)] == large and sorted(read) == large
    small = _asked(library, here, (0.6 * extents[0], 0.6 * extents[1]))
    assert {1, 3, 5, 8, 12} <= {one.case for one in small}
    assert {one.case for one in _asked(library, here, None)} >= set(large[:-1]) - {2, 6}  # the usual size


def test_few_cases_are_all_asked_and_a_library_of_an_older_version_has_no_sizes(tmp_path: Path) -> None:
    library, here = _library(tmp_path, SCALES[:9]), Patient.of(1)
    assert [one.case for one in _asked(_library(tmp_path / "few", SCALES[:3]), here, (3.0, 3.0))] == [1, 2, 3]
    path = library.path / "library.json"
    path.write_text(path.read_text().replace('"extents"', '"unknown"'))
    assert [one.case for one in _asked(Library.open(library.path), here, (3.0, 3.0))] == list(range(2, 10))


def test_the_next_patient_costs_no_encoding(small_model, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = [Patient.of(10 + case).finished for case in range(3)]
    encoded: list[int] = []
    encode = type(small_model).encode_context

    def counted(self, images, *rest, **options):  # type: ignore[no-untyped-def]
        encoded.append(images.shape[1])
        return encode(self, images, *rest, **options)

    monkeypatch.setattr(type(small_model), "encode_context", counted)
    said = []
    for seed, moved in ((1, (0.0, 0.0, 0.0)), (2, (4.0, -3.0, 2.0)), (1, (0.0, 0.0, 0.0))):
        here = Patient.of(seed, 1.0, moved)
        painted = np.zeros(here.organ.shape, np.uint8)
        painted[13] = here.organ[13]
        volume = SlicedVolume(
            here.image, painted, SPACING[0], SPACING[1:], Orientation((0, 1, 2), (False,) * 3, here.organ.shape)
        )
        monkeypatch.setattr(
            "PatchICLLib.propagation.subjects.asking.shares_of_subjects", lambda _, __, d, ___: np.full(len(d), 0.5)
        )
        opinion = Asking(small_model, torch.device("cpu"), volume).about_painted(1, [13], earlier)
        assert opinion is not None
        said.append((sum(encoded), opinion.probability))
        encoded.clear()
    assert said[0][0] > 16 and said[1][0] == said[2][0] == 1  # the painted slice
    torch.testing.assert_close(said[0][1], said[2][1], rtol=0, atol=0)


def test_a_case_of_the_same_scan_is_not_asked(tmp_path: Path) -> None:
    """It agrees with the scan in everything, also where it is wrong."""
    library = _library(tmp_path, SCALES[:3])
    here = Patient.of(3, SCALES[1])
    stored = here.stored(*ORDERS[7])
    other = replace(here, image=here.image + 1)
    for patient, numbers, own in ((stored, [1, 3], (2,)), (other, [1, 2, 3], ())):
        asked = EarlierCases.of(library, {3: 1}, patient.direction, KeptStructures(), True).of_other_scans(
            patient.image
        )
        like = Orientation((0, 1, 2), (False,) * 3, patient.image.shape)
        assert [one.case for one in asked.of_label(3, like)] == numbers
        assert asked.own == own


def test_what_is_not_asked_is_told(tmp_path: Path) -> None:
    library, here = _library(tmp_path, SCALES[:1]), Patient.of(2, SCALES[0]).stored(*ORDERS[0])
    asked = EarlierCases.of(library, {3: 1}, None, KeptStructures(), True).of_other_scans(here.image)
    report = asked.told({"warnings": ["before"]})
    assert report["own_cases"] == [1] and report["warnings"][0] == "before"
    assert "Case 1" in report["warnings"][1] and "no other case of label 3" in report["warnings"][1]
    assert len(library.cases) == 1
