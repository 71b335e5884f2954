"""Of many subjects those are shown whose scans are most alike."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from PatchICLLib.propagation.geometry.orientation import Orientation
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.subjects.asking import Asking
from PatchICLLib.propagation.subjects.finished_structure import FinishedStructure
from PatchICLLib.propagation.subjects.guard import Worth
from PatchICLLib.propagation.subjects.placed_subjects import SHOWN
from Testing.Miniatures.patients import SPACING, Patient


@pytest.mark.parametrize("is_painted", [True, False])
def test_subjects_in_noise_make_way_for_those_that_are_alike(small_model, is_painted: bool) -> None:
    here = Patient.of(1)
    painted = np.zeros(here.organ.shape, np.uint8)
    if is_painted:
        painted[13] = here.organ[13]
    volume = SlicedVolume(
        here.image, painted, SPACING[0], SPACING[1:], Orientation((0, 1, 2), (False,) * 3, here.organ.shape)
    )
    structures = []
    for case in range(1, 9):
        other = Patient.of(10 + case)
        noise = np.random.default_rng(case).normal(0, 90 if case <= 3 else 1, other.image.shape)
        structures.append(FinishedStructure(other.image + noise.astype(np.float32), other.organ, SPACING, case))
    asking = Asking(small_model, torch.device("cpu"), volume)
    opinion = asking.about_painted(1, [13], structures) if is_painted else asking.about_unpainted(1, structures)
    assert opinion is not None
    assert {structure.case for structure, _ in opinion.shown} == {4, 5, 6, 7, 8} and SHOWN == 5
    assert opinion.correlation > 0.8


def test_weights_that_tell_subjects_are_told(small_model) -> None:
    here, other = Patient.of(1), Patient.of(2)
    painted = np.zeros(here.organ.shape, np.uint8)
    painted[13] = here.organ[13]
    volume = SlicedVolume(
        here.image, painted, SPACING[0], SPACING[1:], Orientation((0, 1, 2), (False,) * 3, here.organ.shape)
    )
    structures = [FinishedStructure(other.image, other.organ, SPACING, 1)]

    def said(model: torch.nn.Module) -> torch.Tensor:
        opinion = Asking(model, torch.device("cpu"), volume).about_painted(1, [13], structures)
        assert opinion is not None
        return opinion.probability

    telling = copy.deepcopy(small_model)
    before = said(telling)
    for name, parameter in telling.named_parameters():
        if name.endswith("other_subject"):
            torch.nn.init.constant_(parameter, -2.0)
    assert (said(telling) - before).abs().max() > 1e-4


class _Counting(torch.nn.Module):
    """A model that counts the slices it is asked for."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model, self.configuration, self.asked = model, model.configuration, 0

    def forward(self, images: torch.Tensor, *rest: object) -> object:
        self.asked += len(images)
        return self.model(images, *rest)

    def encode_context(self, *given: object, **named: object) -> object:
        return self.model.encode_context(*given, **named)


def test_looking_at_a_structure_otherwise_takes_hardly_more_slices(small_model, monkeypatch) -> None:
    here = Patient.of(1)
    painted = np.zeros(here.organ.shape, np.uint8)
    painted[13] = here.organ[13]
    volume = SlicedVolume(
        here.image, painted, SPACING[0], SPACING[1:], Orientation((0, 1, 2), (False,) * 3, here.organ.shape)
    )
    others = [Patient.of(case) for case in (2, 3)]
    structures = [FinishedStructure(one.image, one.organ, SPACING, n) for n, one in enumerate(others)]
    # an untrained network says nothing of what is painted
    monkeypatch.setattr(Worth, "may_be_trusted", True)
    monkeypatch.setattr(
        "PatchICLLib.propagation.subjects.asking.shares_of_subjects",
        lambda _, __, far, ___: np.full(len(far), 0.5),
    )

    monkeypatch.setattr(Worth, "has_own_size", True)
    monkeypatch.setattr(Worth, "leads_beside_one", False)

    def asked(is_confirmed: bool) -> tuple[int, bool]:
        monkeypatch.setattr(Worth, "is_confirmed_by", lambda self, dice: is_confirmed)
        counting = _Counting(small_model)
        opinion = Asking(counting, torch.device("cpu"), volume).about_painted(1, [13], structures)
        assert opinion is not None and opinion.worth is not None
        return counting.asked, opinion.worth.by_scan

    (otherwise, by_scan), (usual, by_painting) = asked(True), asked(False)
    assert by_scan and not by_painting and abs(otherwise - usual) <= 4


@pytest.mark.parametrize("is_found", [False, True])
def test_what_is_found_as_if_nothing_were_painted_joins_in_where_it_holds_the_painted_slice(
    small_model, monkeypatch, is_found: bool
) -> None:
    here = Patient.of(1)
    painted = np.zeros(here.organ.shape, np.uint8)
    painted[13] = here.organ[13]
    orientation = Orientation((0, 1, 2), (False,) * 3, here.organ.shape)
    volume = SlicedVolume(here.image, painted, SPACING[0], SPACING[1:], orientation)
    structures = [Patient.of(case).finished for case in (2, 3)]
    monkeypatch.setattr(
        "PatchICLLib.propagation.subjects.asking.shares_of_subjects",
        lambda _, __, far, ___: np.full(len(far), 0.5),
    )
    monkeypatch.setattr(Worth, "is_found_unpainted", is_found)

    def probability(is_worth: bool) -> tuple[np.ndarray, float | None]:
        monkeypatch.setattr(Worth, "leads_beside_one", is_worth)
        opinion = Asking(small_model, torch.device("cpu"), volume).about_painted(1, [13], structures)
        assert opinion is not None and opinion.worth is not None
        whole = np.zeros(here.organ.shape)
        whole[opinion.indices[0] : opinion.indices[-1] + 1, *opinion.window] = opinion.probability.numpy()
        return whole, opinion.worth.unpainted

    (once, none), (twice, dice) = probability(False), probability(True)
    assert none is None and dice is not None and 0 <= dice <= 1
    if not is_found:
        np.testing.assert_array_equal(once, twice)
    else:
        unseen = 2 * twice - once  # the mean of both
        assert np.abs(unseen - once).max() > 1e-3 and unseen.min() >= -1e-6 and unseen.max() <= 1 + 1e-6


@pytest.mark.parametrize(
    ("painted", "finer", "coarsest", "expected"),
    [([], 3, 32, 64), ([13], 3, 32, 64), ([11, 13], 3, 32, 128), ([11, 13], 1, 32, 64), ([13], 3, 128, 128)],
)
def test_only_a_large_structure_beside_several_painted_slices_is_seen_as_finely_in_other_subjects(
    small_model, painted: list[int], finer: int, coarsest: int, expected: int
) -> None:
    model = copy.deepcopy(small_model)
    model.configuration = replace(model.configuration, coarsest=coarsest)
    here, other = Patient.of(1), Patient.of(2)
    spacing = SPACING[0], SPACING[1] / finer, SPACING[2] / finer

    def refined(x: np.ndarray) -> np.ndarray:
        return x.repeat(finer, 1).repeat(finer, 2)

    image, organ = refined(here.image), refined(here.organ)
    masks = np.zeros(organ.shape, np.uint8)
    masks[painted] = organ[painted]
    orientation = Orientation((0, 1, 2), (False,) * 3, organ.shape)
    asking = Asking(model, torch.device("cpu"), SlicedVolume(image, masks, spacing[0], spacing[1:], orientation))
    structure = FinishedStructure(refined(other.image), refined(other.organ), spacing, 1)
    opinion = asking.about_painted(1, painted, [structure]) if painted else asking.about_unpainted(1, [structure])
    assert opinion is not None
    assert {key[1] for key in structure.worked_out if key[0] == "context"} == {expected}


@pytest.mark.parametrize(("size", "is_unlike"), [(0.76, True), (0.94, False), (1.07, False), (1.3, True)])
def test_structures_of_another_size_are_told_from_those_of_the_same(small_model, size: float, is_unlike: bool) -> None:
    here = Patient.of(1, size)
    nothing = np.zeros(here.organ.shape, np.uint8)
    orientation = Orientation((0, 1, 2), (False,) * 3, here.organ.shape)
    volume = SlicedVolume(here.image, nothing, SPACING[0], SPACING[1:], orientation)
    structures = [Patient.of(seed).finished for seed in (2, 3)]
    opinion = Asking(small_model, torch.device("cpu"), volume).about_unpainted(1, structures)
    assert opinion is not None and replace(opinion, steady=1.0, correlation=1.0).doubt == (
        "size" if is_unlike else None
    )
    held = np.flatnonzero(here.organ.any((1, 2)))
    volume.painted[held[len(held) // 2]] = here.organ[held[len(held) // 2]]
    opinion = Asking(small_model, torch.device("cpu"), volume).about_painted(1, [int(held[len(held) // 2])], structures)
    assert opinion is not None and opinion.doubt is None  # the share is its answer by then
