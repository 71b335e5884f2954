"""Training tasks from the paper's data sets."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("monai", reason="needs monai: pip install patchicl[train]")

from PatchICLLib.datasets.medsegbench import Bench, MedSegBench  # noqa: E402
from PatchICLLib.datasets.totalsegmentator import Selection, TotalSegmentator  # noqa: E402
from PatchICLLib.errors import InputError  # noqa: E402
from PatchICLLib.training.dataset_tasks import (  # noqa: E402
    DatasetChoice,
    dataset_counts,
    dataset_mixture,
    dataset_validation,
    joined_validation,
)
from PatchICLLib.training.slice_tasks import SliceTasks  # noqa: E402
from PatchICLLib.training.tasks import TaskShape, Unsuitable  # noqa: E402


@pytest.fixture(scope="module")
def volumes(totalsegmentator_folder: Path) -> TotalSegmentator:
    return TotalSegmentator(totalsegmentator_folder, selection=Selection("all", "all"))


def test_labels_are_drawn_uniformly_whatever_their_number_of_slices(medsegbench_folder: Path) -> None:
    data = MedSegBench(medsegbench_folder, Bench(128))  # 3 images of the first, 2 of the second, 1 of the third label
    tasks = SliceTasks(data, same_case_first=False)
    rng = np.random.default_rng(0)
    drawn = Counter(tasks.draw(rng, 1)[0].label for _ in range(1500))
    assert set(drawn) == {"foreground", "cytoplasm", "nucleus"}
    assert all(abs(count - 500) < 80 for count in drawn.values())  # four standard deviations


def test_same_case_first_then_others(volumes: TotalSegmentator) -> None:
    tasks, rng = SliceTasks(volumes), np.random.default_rng(1)
    for _ in range(20):
        drawn = tasks.draw(rng, 8)
        assert len({(e.label, e.plane) for e in drawn}) == 1 and len(set(drawn)) == 8
        own = [e.case == drawn[0].case for e in drawn]
        available = sum(
            (e.case, e.label, e.plane) == (drawn[0].case, drawn[0].label, drawn[0].plane) for e in volumes.examples()
        )
        assert own == [True] * available + [False] * (8 - available)


def test_pictures_of_a_task_are_of_different_subjects(medsegbench_folder: Path) -> None:
    data = MedSegBench(medsegbench_folder, Bench(128, names=("promise12",)))
    tasks, rng = SliceTasks(data, same_case_first=False), np.random.default_rng(2)
    assert len({e.subject for e in tasks.draw(rng, 3)}) == 3
    with pytest.raises(Unsuitable):
        tasks.draw(rng, 4)


def test_a_task_as_the_network_gets_it(volumes: TotalSegmentator) -> None:
    tasks = SliceTasks(volumes, augment=False)
    batch = tasks(np.random.default_rng(3), TaskShape(5, 2, 32))
    assert batch.context_images.shape == batch.context_masks.shape == (1, 5, 32, 32)
    assert batch.target_images.shape == batch.target_masks.shape == (2, 1, 32, 32)
    assert batch.runs is None and not batch.given.any()
    assert batch.target_masks.amax() > 0.9
    again = tasks(np.random.default_rng(3), TaskShape(5, 2, 32))
    assert torch.equal(batch.target_images, again.target_images)


def test_training_and_validation_of_every_kind(
    totalsegmentator_folder: Path, medsegbench_folder: Path, pictures_folder: Path, tmp_path: Path
) -> None:
    texts = [
        f"totalsegmentator={totalsegmentator_folder}", f"medsegbench={medsegbench_folder}", f"images={pictures_folder}",
    ]  # fmt: skip
    choices = [DatasetChoice.parse(text) for text in texts]
    mixture = dataset_mixture(choices, tmp_path)
    # the training case shows one training class, the aorta, on 5 + 4 + 4 slices
    assert dataset_counts(mixture) == {"totalsegmentator": 13, "promise12": 4, "wbc": 3, "discs": 4, "nuclei": 3}
    validation = joined_validation([dataset_validation(choices, tmp_path, TaskShape(1, 1, 32), tasks=2)])
    assert validation is not None
    assert set(validation.batches) == {"totalsegmentator", "medsegbench"}  # no picture belongs to the development split
    assert joined_validation([{}]) is None


@pytest.mark.parametrize("text", ["totalsegmentator", "magic=folder", "images="])
def test_data_sets_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="--dataset must be KIND=FOLDER"):
        DatasetChoice.parse(text)
