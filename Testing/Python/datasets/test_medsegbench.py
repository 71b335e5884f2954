"""MedSegBench read in place."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from PatchICLLib.datasets.example import DatasetError
from PatchICLLib.datasets.medsegbench import Bench, MedSegBench, known_datasets


def test_35_data_sets_whose_validation_images_add_up_to_the_papers_table_4() -> None:
    expected = {
        "X-Ray": 11, "Dermoscopy": 209, "Chest X-Ray": 2581, "Microscopy": 263, "Ultrasound": 1209, "MRI": 147,
        "Nuclei": 67, "Fundus": 26, "OCT": 101, "Nuclear Cell": 1757, "Endoscopy": 697, "CT": 272, "Pathology": 40,
    }  # fmt: skip
    counts = dict.fromkeys(expected, 0)
    for facts in known_datasets().values():
        counts[facts.modality] += facts.images["val"]
    assert len(known_datasets()) == 35
    assert counts == expected
    assert all(facts.licence for facts in known_datasets().values())


def test_binary_and_multi_class_grey_and_colour(medsegbench_folder: Path) -> None:
    data = MedSegBench(medsegbench_folder, Bench(128))
    assert data.names == ["promise12", "wbc"] or sorted(data.names) == ["promise12", "wbc"]
    found = [(e.dataset, e.case, e.label) for e in sorted(data.examples())]
    assert found == [
        ("promise12", "val-00000", "foreground"),
        ("promise12", "val-00001", "foreground"),
        ("promise12", "val-00002", "foreground"),
        ("wbc", "val-00000", "cytoplasm"),
        ("wbc", "val-00000", "nucleus"),
        ("wbc", "val-00001", "cytoplasm"),
    ]
    with np.load(medsegbench_folder / "wbc_128.npz") as content:
        colour, labels = content["val_images"][0], content["val_label"][0]
    example = next(e for e in data.examples() if e.label == "nucleus")
    image, mask = data.read(example)
    np.testing.assert_allclose(image, colour.astype(float).mean(-1), rtol=1e-6)
    np.testing.assert_array_equal(mask, labels == 2)
    assert (data.category(example), data.class_name(example)) == ("Microscopy", "wbc")


def test_joined_labels_other_splits_and_fewer_images(medsegbench_folder: Path) -> None:
    joined = MedSegBench(medsegbench_folder, Bench(128, names=("wbc",), join_labels=True))
    assert [(e.case, e.label) for e in joined.examples()] == [("val-00000", "foreground"), ("val-00001", "foreground")]
    assert joined.read(joined.examples()[0])[1].sum() == 40 * 40 + 30 * 30
    other = MedSegBench(medsegbench_folder, Bench(128, "test", "train", ("promise12",)))
    assert {e.case for e in other.examples()} == {"test-00000"}
    assert {e.case for e in other.contexts()} == {f"train-0000{number}" for number in range(4)}
    few = MedSegBench(medsegbench_folder, Bench(128, names=("promise12",), most_images=2))
    assert [e.index for e in few.examples()] == [0, 2]
    assert [e.index for e in few.contexts()] == [0, 1, 2]


def test_few_splits_stay_open_and_none_travel_to_other_processes(medsegbench_folder: Path) -> None:
    data = MedSegBench(medsegbench_folder, Bench(128, keep_open=1))
    pixels = [data.read(example)[0] for example in data.examples()]
    again = pickle.loads(pickle.dumps(data))
    assert len(pickle.dumps(data)) < 20_000  # no image of 16,384 pixels
    for example, image in zip(data.examples(), pixels, strict=True):
        np.testing.assert_array_equal(again.read(example)[0], image)


def test_any_value_above_0_is_the_foreground_of_a_binary_data_set(tmp_path: Path) -> None:
    labels = np.zeros((1, 128, 128), np.uint8)
    labels[0, :2, :3], labels[0, 5, 5] = 9, 1
    np.savez(tmp_path / "pandental_128.npz", val_images=np.zeros((1, 128, 128), np.uint8), val_label=labels)
    data = MedSegBench(tmp_path, Bench(128))
    assert data.read(data.examples()[0])[1].sum() == 7


@pytest.mark.parametrize(
    ("bench", "sentence"),
    [
        (Bench(100), "has the sizes 128, 256, 512, but not 100"),
        (Bench(128, split="all"), "must be train, val, test, but it is all"),
        (Bench(128, names=("magic",)), "has no data set magic: choose from"),
        (Bench(128, names=("drive",)), "There is no file drive_128.npz"),
        (Bench(256), "There is no file NAME_256.npz"),
        (Bench(128, minimum_pixels=10**6), "shows a label with 1000000 pixels"),
    ],
)
def test_what_is_wrong_is_said(medsegbench_folder: Path, bench: Bench, sentence: str) -> None:
    with pytest.raises(DatasetError, match=sentence):
        MedSegBench(medsegbench_folder, bench)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "is damaged, or no file of MedSegBench"),
        ({"val_images": np.zeros((2, 8, 8))}, "lacks val_label"),
        ({"val_images": np.zeros((2, 8, 8)), "val_label": np.zeros((3, 8, 8))}, r"\(2, 8, 8\) and \(3, 8, 8\)"),
    ],
)
def test_files_in_another_form(tmp_path: Path, content: dict | None, sentence: str) -> None:
    path = tmp_path / "drive_128.npz"
    path.write_bytes(b"rubbish") if content is None else np.savez(path, **content)
    with pytest.raises(DatasetError, match=sentence):
        MedSegBench(tmp_path, Bench(128))
