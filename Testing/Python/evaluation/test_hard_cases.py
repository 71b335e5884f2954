import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.hard_cases import HardCase, against_best_peer, evaluate_hard_cases, hard_cases
from PatchICLLib.evaluation.methods import load_methods
from PatchICLLib.evaluation.results import read_rows

TUBE = HardCase("branches", "tubes", "a", 1, axis=0, painting="span", k=3)


def test_the_set_that_ships_is_described_rightly_and_names_each_case_once() -> None:
    cases = hard_cases()
    assert {case.kind for case in cases} == {"no edge", "thick slices", "branches", "thin sheet"}
    assert len({(case.name, case.painting, case.k) for case in cases}) == len(cases)


def test_every_nth_slice_is_left_and_every_other_of_these_is_painted(data: Path) -> None:
    # The tube goes from slice 4 to 15, in slices of 3 mm. Of each third slice 6, 9, 12 and 15 hold it.
    scene = HardCase("thick slices", "tubes", "a", 1, axis=0, painting="alternate", every=3).read(data)
    assert scene.image.shape == scene.reference.shape == (4, 24, 24)
    assert scene.spacing == pytest.approx((9.0, 1.0, 1.0))
    assert (scene.structure.first, scene.structure.last) == (0, 3)
    assert scene.reference.any((1, 2)).all()
    assert scene.painted_slices == (0, 2)
    assert scene.structure.name == "left tube"


def test_a_label_map_alone_gets_the_same_scan_every_time_with_an_edge(tmp_path: Path) -> None:
    folder = tmp_path / "atlas"
    folder.mkdir()
    labels = np.zeros((16, 40, 40), np.int16)
    labels[2:14, 10:20, 10:20] = 300
    sitk.WriteImage(sitk.GetImageFromArray(labels), str(folder / "torso_label.nii.gz"))
    case = HardCase("branches", "atlas", "torso", 300, axis=0, painting="inset", k=2, made=True)
    first, second = case.read(tmp_path), case.read(tmp_path)
    np.testing.assert_array_equal(first.image, second.image)
    # Half of the structure's box is shown on every side, within the label map.
    assert first.image.shape == (16, 20, 20)
    inside, outside = first.image[first.reference], first.image[~first.reference]
    assert abs(np.median(inside) - np.median(outside)) > 5 * inside.std()


def test_each_case_is_held_against_the_peer_that_is_best_on_it(data: Path, tmp_path: Path) -> None:
    methods = load_methods(["interpolation", "nearest", "graph-cut"])
    absent = HardCase("no edge", "tubes", "nobody", 1, axis=0, painting="span", k=3)
    elsewhere = HardCase("no edge", "tubes", "b", 77, axis=0, painting="span", k=3)
    found, missing = evaluate_hard_cases([TUBE, absent, elsewhere], data, methods, tmp_path / "out")
    assert list(missing) == [absent.name, elsewhere.name]
    assert "nobody_label" in missing[absent.name] and "does not hold label 77" in missing[elsewhere.name]
    ((case, rows),) = found
    ((_, own, best),) = against_best_peer(found, "graph-cut")
    assert case == TUBE and own.method == "graph-cut"
    assert best.dice == max(row.dice for row in rows if row.method != "graph-cut")
    assert own.painted_slices == (4, 10, 15)


def test_a_run_that_was_stopped_goes_on(data: Path, tmp_path: Path) -> None:
    methods = load_methods(["nearest"])
    evaluate_hard_cases([TUBE], data, methods, tmp_path)
    lines = (tmp_path / "results.jsonl").read_text(encoding="utf-8")
    other = HardCase("branches", "tubes", "b", 1, axis=0, painting="alternate")
    evaluate_hard_cases([TUBE, other], data, methods, tmp_path)
    assert (tmp_path / "results.jsonl").read_text(encoding="utf-8").startswith(lines)
    assert len(read_rows([tmp_path / "results.jsonl"])) == 2


def test_data_without_any_of_them_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="None of the 1 hard cases can be read: There is no tubes/a_label"):
        evaluate_hard_cases([TUBE], tmp_path, load_methods(["nearest"]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "changed", [{"kind": "easy"}, {"painting": "nowhere"}, {"k": 0}, {"painting": "alternate"}, {"slices": 3}]
)
def test_a_list_that_describes_no_cases_is_an_error(tmp_path: Path, changed: dict[str, object]) -> None:
    entry = {"kind": "no edge", "source": "s", "case": "c", "label": 1, "axis": 0, "painting": "span", "k": 3}
    file = tmp_path / "cases.json"
    file.write_text(json.dumps([{**entry, **changed}]), encoding="utf-8")
    with pytest.raises(InputError, match="hard case"):
        hard_cases(file)
