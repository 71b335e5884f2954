"""Batches by number, whoever makes them; and what a data folder contributes."""

import pickle
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

pytest.importorskip("monai", reason="needs monai: pip install patchicl[train]")

from PatchICLLib.datasets.split import is_development  # noqa: E402
from PatchICLLib.errors import InputError  # noqa: E402
from PatchICLLib.training import volumes  # noqa: E402
from PatchICLLib.training.batch_hints import batch_hints  # noqa: E402
from PatchICLLib.training.copies import CopiesTasks  # noqa: E402
from PatchICLLib.training.data_folder import inspect  # noqa: E402
from PatchICLLib.training.image_tasks import ImageTasks, image_sets  # noqa: E402
from PatchICLLib.training.mixture import (  # noqa: E402
    BatchPlan,
    BatchStream,
    MixtureWeights,
    training_mixture,
)
from PatchICLLib.training.stacks import Unsuitable  # noqa: E402
from PatchICLLib.training.task_batch import Runs, TaskBatch  # noqa: E402
from PatchICLLib.training.tasks import TaskShape  # noqa: E402
from PatchICLLib.training.volumes import (  # noqa: E402
    label_map_sources,
    labelled_pairs,
    scans_without_names,
    unlabelled_files,
)
from PatchICLLib.training.whole_slices import WholeSliceTasks  # noqa: E402

PLAN = BatchPlan(tasks=2, targets=2, contexts=(1, 2), sizes=((32, 1.0),))


def alike(a: TaskBatch, b: TaskBatch) -> bool:
    """All of it, what hints are computed from included."""
    if (a.runs is None) != (b.runs is None) or a.context != b.context:
        return False
    pairs = [(getattr(a, name), getattr(b, name)) for name in ("images", "masks", "positions", "given")]
    if a.runs is not None:
        runs = [(getattr(a.runs, f.name), getattr(b.runs, f.name)) for f in fields(Runs)]
        if any((x is None) != (y is None) for x, y in runs):
            return False
        pairs += [(torch.as_tensor(x), torch.as_tensor(y)) for x, y in runs if x is not None]
    return all(torch.equal(x, y) for x, y in pairs)


def test_a_batch_depends_on_seed_and_number_only(anatomy_mixture):
    stream, other = (BatchStream(anatomy_mixture, PLAN, seed, 10) for seed in (1, 2))
    forwards = [stream[i] for i in (0, 1, 2)]
    backwards = [stream[i] for i in (2, 1, 0)][::-1]
    assert all(alike(a, b) for a, b in zip(forwards, backwards, strict=True))
    assert not alike(forwards[0], forwards[1])
    assert not alike(stream[0], other[0])
    assert len(stream) == 10


def test_sizes_and_contexts_follow_the_plan():
    asked: list[TaskShape] = []

    class Recorded(Exception):
        pass

    def record(rng, shape):
        asked.append(shape)
        raise Recorded

    plan = BatchPlan(tasks=1, targets=4, contexts=(1, 3, 3, 3), sizes=((128, 0.8), (256, 0.2)))
    stream = BatchStream([(record, 1.0)], plan, 0, 3000)
    for number in range(3000):
        with pytest.raises(Recorded):
            stream[number]
    assert np.mean([s.size == 256 for s in asked]) == pytest.approx(0.2, abs=0.03)
    assert np.mean([s.context == 3 for s in asked]) == pytest.approx(0.75, abs=0.03)
    assert {(s.size, s.targets) for s in asked} == {(128, 4), (256, 2)}


def test_smaller_pictures_may_come_first_and_nothing_else_changes():
    sizes = ((128, 0.8), (256, 0.2))
    plan = BatchPlan(targets=4, sizes=sizes, smaller_first=((3, 24, 6), (5, 64, 2)))
    shapes, usual = (
        [p.draw(np.random.default_rng(n), n) for n in range(40)] for p in (plan, BatchPlan(targets=4, sizes=sizes))
    )
    assert [(s.size, s.targets) for s in shapes[:5]] == [(24, 6)] * 3 + [(64, 2)] * 2
    assert shapes[5:] == usual[5:]
    assert [s.context for s in shapes] == [s.context for s in usual]


def test_kinds_come_as_often_as_their_weights_and_unsuitable_draws_are_drawn_again(anatomy_mixture):
    made = BatchStream(anatomy_mixture, BatchPlan(1, 1, (1,), ((32, 1.0),)), 0, 1)[0]
    calls = {"common": 0, "rare": 0}

    def kind(name):
        def make(rng, shape):
            calls[name] += 1
            if rng.random() < 0.5:
                raise Unsuitable
            return made

        return make

    stream = BatchStream([(kind("common"), 3.0), (kind("rare"), 1.0)], BatchPlan(tasks=1), 0, 1500)
    assert all(stream[number].target_images.shape[0] == 1 for number in range(1500))
    assert sum(calls.values()) == pytest.approx(3000, rel=0.1)
    assert calls["rare"] / sum(calls.values()) == pytest.approx(0.25, abs=0.03)


def test_data_that_never_gives_a_task_is_told():
    def never(rng, shape):
        raise Unsuitable

    with pytest.raises(RuntimeError, match="nothing large enough to learn from"):
        BatchStream([(never, 1.0)], PLAN, 0, 1)[0]


def test_development_cases_are_never_in_the_mixture(miniature_data, tmp_path, monkeypatch):
    """Every file that the mixture opens while it makes tasks, and none of them for development."""
    opened: set[Path] = set()
    read = volumes.read_array

    def watched(path):
        opened.add(path)
        return read(path)

    monkeypatch.setattr(volumes, "read_array", watched)
    volumes.load_pair.cache_clear()
    every_kind = MixtureWeights(subjects=0.1, whole_slices=0.1, copies=0.1)
    mixture = training_mixture(miniature_data, tmp_path / "cache", every_kind)
    for kind, _ in mixture[1:]:  # the first is made-up anatomy
        for seed in range(8):
            try:
                kind(np.random.default_rng(seed), TaskShape(2, 1, 32))
            except Unsuitable:
                continue
    relative = {path.relative_to(miniature_data) for path in opened}
    assert {path.parent.name for path in relative} >= {"mri_hippocampus_msd", "ct_balls", "maps"}
    assert not [path for path in relative if is_development(path)]


def test_each_kind_of_data_has_its_part(miniature_data, tmp_path):
    mixture = training_mixture(miniature_data, tmp_path / "cache")
    weights = [weight for _, weight in mixture]
    assert len(mixture) == 6  # anatomy, two labelled sources, label maps, supervoxels, images
    assert sum(weights) == pytest.approx(1)
    assert (
        sorted(p.suffix for p in (tmp_path / "cache").iterdir()) == [".npz"] * 9
    )  # three scans, three sizes of supervoxels


def test_whole_slices_and_copies_come_as_often_as_they_should(miniature_data, tmp_path):
    weights = MixtureWeights(whole_slices=0.4, copies=0.2)
    mixture = training_mixture(miniature_data, tmp_path / "cache", weights)
    assert sum(weight for _, weight in mixture) == pytest.approx(1.6)
    assert [weight for kind, weight in mixture if isinstance(kind, CopiesTasks)] == [0.2]
    shares = [weight for kind, weight in mixture if isinstance(kind, WholeSliceTasks)]
    assert len(shares) == 4  # two labelled sources, label maps, supervoxels
    assert sum(shares) == pytest.approx(0.4)
    assert pickle.loads(pickle.dumps(mixture))


def test_the_mixture_can_be_sent_to_workers_that_are_started_afresh(miniature_data, tmp_path):
    """As on macOS and Windows; and draws the same there, even after draws have been made."""
    mixture = training_mixture(miniature_data, tmp_path / "cache")
    first = BatchStream(mixture[1:], PLAN, 3, 4)
    expected = [first[n] for n in range(4)]
    again = pickle.loads(pickle.dumps(first))
    assert all(alike(a, again[n]) for n, a in enumerate(expected))


def test_pairs_maps_and_bare_scans_are_told_apart(miniature_data):
    names = {s: [i.name for i, _ in pairs] for s, pairs in labelled_pairs(miniature_data).items()}
    assert names == {
        "ct_balls": ["a_image.nrrd"],
        "mri_hippocampus_msd": ["hippocampus_01_image.nii.gz", "hippocampus_02_image.nii.gz"],
    }
    development = labelled_pairs(miniature_data, development=True)
    assert [i.name for i, _ in development.pop("mri_hippocampus_msd")] == ["hippocampus_10_image.nii.gz"]
    assert development == {}
    assert list(label_map_sources(miniature_data)) == ["maps"]
    assert [p.name for p in unlabelled_files(miniature_data)] == ["c.nii.gz"]


def test_a_folder_of_label_maps_holds_nothing_else(tmp_path):
    """Whatever its files are called: intensities must never be taken from label numbers."""
    for name in ("labelmaps_heads/training_seg_01.nii.gz", "scans/a.nii.gz"):
        save(tmp_path / name, (4, 5, 6))
    assert list(label_map_sources(tmp_path)) == ["labelmaps_heads"]
    assert [p.name for p in unlabelled_files(tmp_path)] == ["a.nii.gz"]
    assert [p.name for p in scans_without_names(tmp_path)] == ["a.nii.gz"]


def test_objects_are_also_found_in_some_labelled_training_scans(miniature_data):
    names = [p.name for p in scans_without_names(miniature_data)]
    assert names == ["c.nii.gz", "a_image.nrrd", "hippocampus_01_image.nii.gz"]


def test_labels_are_renumbered_in_order():
    compacted, values = volumes.compact(np.array([[0, 7, 3], [3, 900, 0]]))
    assert compacted.tolist() == [[0, 2, 1], [1, 3, 0]]
    assert values == (0, 3, 7, 900)
    without_background, values = volumes.compact(np.array([5, 9]))
    assert without_background.tolist() == [1, 2]
    assert values == (0, 5, 9)


def test_several_images_may_share_a_label_map(tmp_path):
    for name in ("p1_t1_image.nii.gz", "p1_flair_image.nii.gz", "p1_label.nii.gz", "p2_image.nii.gz"):
        (tmp_path / name).touch()
    assert volumes.label_file_of(tmp_path / "p1_t1_image.nii.gz") == tmp_path / "p1_label.nii.gz"
    assert volumes.label_file_of(tmp_path / "p2_image.nii.gz") is None


def test_image_tasks_are_pure_in_context(miniature_data):
    (balls,) = image_sets(miniature_data)
    assert (balls.name, len(balls.images)) == ("2d_balls", 7)
    task = ImageTasks([balls], augment=False)(np.random.default_rng(0), TaskShape(3, 2, 32))
    assert task.runs is None and not batch_hints(task).flags().any()
    assert not task.context_positions.any() and not task.target_positions.any()
    inside = task.target_masks >= 0.5
    assert task.target_images[inside].mean() > task.target_images[~inside].mean() + 1


def test_a_folder_is_counted(miniature_data):
    found = inspect(miniature_data)
    assert found.labelled == {"ct_balls": 1, "mri_hippocampus_msd": 2}
    assert found.development == {"mri_hippocampus_msd": 1}
    assert (found.label_maps, found.unlabelled, found.images) == ({"maps": 1}, {"bare": 1}, {"2d_balls": 7})


def save(path: Path, shape: tuple[int, ...], vector: bool = False) -> None:
    path.parent.mkdir(exist_ok=True)
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros(shape, np.uint8), isVector=vector), str(path))


@pytest.mark.parametrize("what", ["missing", "empty", "sizes", "vector", "unreadable"])
def test_folders_that_cannot_be_learned_from_are_told(tmp_path, what):
    data = tmp_path / "data"
    sentence = {
        "missing": "data does not exist",
        "empty": "nothing to learn from",
        "sizes": r"a_image.nrrd has \(6, 5, 4\) voxels and a_label.nrrd \(7, 5, 4\)",
        "vector": "a_image.nrrd must be a 3D image of one number a voxel",
        "unreadable": "a_image.nrrd cannot be read",
    }[what]
    if what != "missing":
        (data / "scans").mkdir(parents=True)
    if what in ("sizes", "vector", "unreadable"):
        save(data / "scans" / "a_label.nrrd", (4, 5, 7 if what == "sizes" else 6))
        save(data / "scans" / "a_image.nrrd", (4, 5, 6, 3) if what == "vector" else (4, 5, 6), what == "vector")
    if what == "unreadable":
        (data / "scans" / "a_image.nrrd").write_text("no image")
    with pytest.raises(InputError, match=sentence):
        inspect(data)


def test_real_data_keeps_development_cases_apart(patchicl_data):
    training, development = (labelled_pairs(patchicl_data, d) for d in (False, True))
    assert training and development
    for pairs, expected in ((training, False), (development, True)):
        for source in pairs.values():
            assert {is_development(i.relative_to(patchicl_data)) for i, _ in source} == {expected}
