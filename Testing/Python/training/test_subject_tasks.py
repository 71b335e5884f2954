"""Tasks of several subjects: whose slices they show and where, the same on any division; weights that tell them."""

import pickle
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("monai", reason="needs monai: pip install patchicl[train]")

from PatchICLLib.cascade.hint_channels import Hints  # noqa: E402
from PatchICLLib.training.batch_hints import batch_hints  # noqa: E402
from PatchICLLib.training.export import export  # noqa: E402
from PatchICLLib.training.mixture import BatchPlan, BatchStream, MixtureWeights, training_mixture  # noqa: E402
from PatchICLLib.training.recipe import RECIPES  # noqa: E402
from PatchICLLib.training.stacks import Stack, Unsuitable  # noqa: E402
from PatchICLLib.training.subject_tasks import SubjectTasks, aligned  # noqa: E402
from PatchICLLib.training.subjects import BentPatients, SeveralCases, several_cases  # noqa: E402
from PatchICLLib.training.synthetic import random_anatomy  # noqa: E402
from PatchICLLib.training.task_batch import TaskBatch  # noqa: E402
from PatchICLLib.training.tasks import HintDropout, TaskShape, draw_batch  # noqa: E402
from PatchICLLib.training.trainer import Trainer  # noqa: E402
from PatchICLLib.training.trainer_options import TrainerOptions  # noqa: E402
from PatchICLLib.training.volumes import LabelledVolume  # noqa: E402
from PatchICLLib.weights import load_weights  # noqa: E402

SHAPE = TaskShape(5, 2, 32)


def anatomy(rng: np.random.Generator) -> LabelledVolume:
    return random_anatomy(rng, (24, 40, 40))


def drawn(tasks: SubjectTasks, seed: int, shape: TaskShape = SHAPE) -> TaskBatch:
    task = draw_batch(tasks, np.random.default_rng(seed), shape, 1, 300)
    assert task is not None and task.subject is not None
    return task


def ball(radius: float, spacing: float, shift: float = 0.0, stripe: float = 1.0) -> LabelledVolume:
    """Of a radius in mm, in slices of some distance; in its image the ball is bright."""
    shape = (int(2.6 * radius / spacing) + 4, 64, 64)
    z, y, x = np.indices(shape) - np.array([n / 2 for n in shape]).reshape(3, 1, 1, 1)
    inside = ((z * spacing + shift) ** 2 + y**2 + x**2) < radius**2
    image = (100 + 80 * inside * stripe).astype(np.int16)
    volume = LabelledVolume.of(image, inside.astype(np.uint8), (spacing, 1.0, 1.0))
    return replace(volume, values=(0, 7))


def whole(volume: LabelledVolume, painted: list[int]) -> Stack:
    mask = volume.labels == 1
    return Stack(volume.image, volume.labels, mask, np.array(painted), volume.spacing, 0.0, 1.0, 0.0)


def balls(rng: np.random.Generator, count: int) -> list[LabelledVolume]:
    return [ball(float(rng.uniform(10, 20)), float(rng.choice([1.0, 2.0]))) for _ in range(count)]


@settings(max_examples=25, deadline=None)
@given(
    radii=st.tuples(st.floats(8, 20), st.floats(8, 20)),
    spacings=st.tuples(st.floats(0.7, 2), st.floats(0.7, 2)),
    shifts=st.tuples(st.floats(-3, 3), st.floats(-3, 3)),
    share=st.floats(0.1, 0.9),
)
def test_places_of_another_subject_are_relative_to_the_structure(radii, spacings, shifts, share):
    """The slice so far from the middle of one ball lies so far, in radii, from the middle of the other."""
    target, other = (ball(r, s, d) for r, s, d in zip(radii, spacings, shifts, strict=True))
    painted = int(share * len(other.labels))
    (place,) = aligned(whole(other, [painted]), whole(target, [0]))
    relative = [
        ((z - len(v.labels) / 2) * s + d) / r
        for z, v, s, d, r in zip((place, painted), (target, other), spacings, shifts, radii, strict=True)
    ]
    assert relative[0] == pytest.approx(relative[1], abs=0.06)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), context=st.integers(1, 7))
def test_own_slices_come_first_and_others_lie_along_the_structure(seed, context):
    task = drawn(SubjectTasks(balls), seed, TaskShape(context, 3, 32))
    assert task.images.shape == task.masks.shape == (1, context + 3, 32, 32)
    assert task.positions.shape == (1, context + 3) and task.subject.shape == (1, context)
    subject = task.subject[0].tolist()
    own = subject.count(0)
    assert own < context
    others = sorted(set(subject) - {0})
    assert others == list(range(1, len(others) + 1)) and subject == sorted(subject)
    assert (task.runs is None) or (own and task.runs.painted.shape == (1, own))
    assert task.context_masks.flatten(2).amax(2).sum() > 0
    # one ball fills three quarters of the field of view, or somewhat less if the largest slice was not shown
    assert task.context_positions[0, own:].abs().max() < 2.5
    for number in others:
        places = task.context_positions[0, torch.tensor(subject) == number]
        assert (places.diff() > 0).all()


def test_each_subject_has_a_normalisation_of_its_own():
    def unlike(rng: np.random.Generator, count: int) -> list[LabelledVolume]:
        return [ball(14, 1.0, stripe=1.0 + 40 * number) for number in range(count)]

    task = drawn(SubjectTasks(unlike, augment=False), 3, TaskShape(6, 2, 64))
    bright = [float(x[y > 0.5].mean()) for x, y in zip(task.images[0].float(), task.masks[0] / 255, strict=True)]
    assert max(bright) - min(bright) < 1  # of one deviation; by one scale for all they would be tens apart


def test_hints_are_there_and_missing_as_they_are_without_other_subjects():
    tasks = SubjectTasks(BentPatients(anatomy), dropout=HintDropout(everything=0.5))
    made = [drawn(tasks, seed) for seed in range(12)]
    bare = [task for task in made if task.runs is None]
    assert 2 < len(bare) < 12
    for task in bare:
        assert not task.given.any()
    several = [task for task in made if task.runs is not None]
    assert len({task.runs.painted.shape[1] for task in several}) > 1
    together, alone = batch_hints(TaskBatch.collate(several + bare)), [batch_hints(t) for t in several + bare]
    for field in fields(Hints):
        expected = torch.cat([getattr(hints, field.name) for hints in alone])
        torch.testing.assert_close(getattr(together, field.name), expected, rtol=1e-4, atol=1e-4)


def test_a_batch_is_the_same_on_any_division_and_in_any_process():
    mixture = [(SubjectTasks(BentPatients(anatomy), dropout=HintDropout()), 1.0)]
    stream = BatchStream(mixture, BatchPlan(3, 2, (3, 5), ((32, 1.0),)), 4, 8)
    whole, elsewhere = stream[1], pickle.loads(pickle.dumps(stream))[1]
    parts = [stream.part(1, places) for places in (range(2), range(2, 3))]
    for name in ("images", "masks", "positions", "given", "subject"):
        assert torch.equal(getattr(whole, name), getattr(elsewhere, name))
        assert torch.equal(getattr(whole, name), torch.cat([getattr(part, name) for part in parts]))
    assert not torch.equal(whole.positions, stream[2].positions[:, : whole.positions.shape[1]])


def test_bent_patients_are_alike_but_not_the_same():
    for seed in range(40):
        try:
            first, second = BentPatients(anatomy)(np.random.default_rng(seed), 2)
        except Unsuitable:
            continue
        (label,) = first.objects
        assert [*second.objects] == [label] and first.spacing == second.spacing
        one, other = (v.labels == label for v in (first, second))
        assert one.any() and other.any() and (one != other).any()
        assert set(np.unique(first.labels)) & set(np.unique(second.labels))
        volumes = one.sum() / other.sum()
        assert 0.15 < volumes < 7


def test_cases_are_different_patients_and_structures_go_by_their_number_in_the_file(miniature_data):
    found = several_cases(miniature_data)
    assert list(found) == ["mri_hippocampus_msd"]
    one, other = found["mri_hippocampus_msd"](np.random.default_rng(0), 5)  # two training cases
    assert one.image is not None and not np.array_equal(one.image, other.image)

    def numbered(*values: int):
        labels = np.zeros((8, 8, 8), np.uint8)
        for number in range(1, len(values) + 1):
            labels[number] = number
        return [lambda: replace(LabelledVolume.of(None, labels, (1, 1, 1)), values=(0, *values))]

    for seed in range(8):
        volumes = SeveralCases([numbered(3, 9, 11), numbered(9, 12), numbered(1, 2, 9)])(np.random.default_rng(seed), 3)
        assert {volume.values[label] for volume in volumes for label in volume.objects} == {9}
    with pytest.raises(Unsuitable):
        SeveralCases([numbered(1), numbered(2)])(np.random.default_rng(0), 2)


def test_only_recipes_that_learn_subjects_draw_them(miniature_data, tmp_path):
    assert [name for name, recipe in RECIPES.items() if recipe.mixture.subjects] == ["subjects", "in-context"]
    kinds = [kind for kind, _ in training_mixture(miniature_data, tmp_path)]
    assert not any(isinstance(kind, SubjectTasks) for kind in kinds)
    mixture = training_mixture(miniature_data, tmp_path, RECIPES["subjects"].mixture)
    shares = [weight for kind, weight in mixture if isinstance(kind, SubjectTasks)]
    assert len(shares) == 3  # random anatomy, the source with several cases, the label map
    assert sum(shares) == pytest.approx(RECIPES["subjects"].mixture.subjects)


def test_weights_learn_to_tell_subjects_and_their_card_says_so(tiny_recipe, miniature_data, anatomy_mixture, tmp_path):
    plan = BatchPlan(tasks=2, targets=2, contexts=(3,), sizes=((32, 1.0),))
    recipe = tiny_recipe(plan=plan, mixture=MixtureWeights(subjects=3.0))
    mixtures = {True: training_mixture(miniature_data, tmp_path / "cache", recipe.mixture), False: anatomy_mixture}
    for told, mixture in mixtures.items():
        output = tmp_path / str(told)
        trainer = Trainer(recipe, mixture, TrainerOptions(output, workers=0))
        assert trainer.train()
        card = export(trainer.checkpoint(), recipe, output / "made.safetensors", {})
        assert card["tells_subjects"] is told
        state = load_weights(output / "made.safetensors").model.state_dict()
        assert all(bool(x.any()) is told for name, x in state.items() if name.endswith("layers.0.other_subject"))
