import dataclasses
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PatchICLLib.datasets.cases import find_cases
from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.methods import Method, Painting, PredictedStructure, load_methods
from PatchICLLib.evaluation.report import summarise
from PatchICLLib.evaluation.results import Row, read_rows
from PatchICLLib.evaluation.runner import Settings, Shard, evaluate_propagation

SETTINGS = Settings(ks=(2, 3))


class Recorder:
    """A method that fills nothing, says 0.25 everywhere, and remembers what it was given."""

    name = "recorder"
    identity = ""

    def __init__(self, fail_after: int | None = None) -> None:
        self.calls: list[tuple[tuple[int, ...], int, tuple[float, float, float]]] = []
        self.fail_after = fail_after

    def predict(self, given: Painting) -> PredictedStructure:
        if self.fail_after is not None and len(self.calls) == self.fail_after:
            raise RuntimeError("stopped")
        assert given.image.shape == given.painted.shape
        others = tuple(other for other in range(3) if other != given.axis)
        assert set(np.flatnonzero(given.painted.any(axis=others))) <= set(given.slices)
        self.calls.append((given.slices, given.axis, given.spacing))
        quarter = np.full(given.image.shape, 0.25, np.float32)
        return PredictedStructure(given.painted == 1, quarter, quarter, 2.0)


def timeless(rows: list[Row]) -> list[Row]:
    return [dataclasses.replace(row, seconds_per_slice=0.0) for row in rows]


def test_every_structure_k_placement_and_method_is_scored(data: Path, tmp_path: Path) -> None:
    methods = load_methods(["nearest", "interpolation"])
    rows = evaluate_propagation(find_cases(data), methods, SETTINGS, tmp_path / "out")
    assert len(rows) == 5 * 2 * 2 * 2  # structures x ks x placements x methods; one has 4 slices only
    perfect = [row for row in rows if row.source == "tubes" and row.placement == "span"]
    # A cylinder is right wherever it is copied; the copies beyond its ends are what costs.
    for row in perfect:
        assert row.dice_within == 1.0
        assert row.structure in ("left tube", "right tube")
    filled = next(row for row in perfect if row.method == "interpolation" and row.k == 3 and row.label == 1)
    assert filled.painted_slices == (4, 10, 15)
    assert filled.slice_count == 12
    # 3 mm beyond the ends a disc of radius 4 mm is 1 mm and wrong: 9 right slices, 2 wrong ones.
    assert [score for _, score in filled.slices].count(1.0) == 9
    assert [score for _, score in filled.slices].count(0.0) == 2
    assert filled.no_edit_share == pytest.approx(9 / 11)
    assert filled.dice_changed == 0.0  # inside, every slice is a copy of a painted one
    assert dict(filled.slices).keys() == {3.0, 6.0, 9.0}


def test_what_a_method_is_given(data: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    rows = evaluate_propagation(find_cases(data, ["tubes"]), [recorder], Settings((3,), ("inset",)), tmp_path)
    assert recorder.calls[0] == ((6, 10, 14), 0, (3.0, 1.0, 1.0))  # 12 slices from 4: centres 5.5, 9.5, 13.5
    assert len(recorder.calls) == 4
    row = rows[0]
    assert row.dice == 0.0 and row.no_edit_share == 0.0
    assert row.seconds_per_slice == pytest.approx(2.0 / 9)
    assert row.probability_bins is not None and row.entropy_bins is not None
    count, total, inside = (np.array(part) for part in row.probability_bins)
    assert np.flatnonzero(count).tolist() == [3] and total[3] == pytest.approx(count[3] / 4)
    # Every voxel of the structure on judged slices lies in the neighbourhood, and all of them were missed.
    assert inside[3] == np.array(row.entropy_bins)[2][3] == 9 * 49


def test_a_stopped_run_goes_on_where_it_was(data: Path, tmp_path: Path) -> None:
    cases = find_cases(data)
    with pytest.raises(RuntimeError, match="stopped"):
        evaluate_propagation(cases, [Recorder(fail_after=7)], SETTINGS, tmp_path / "stopped")
    with (tmp_path / "stopped" / "results.jsonl").open("a") as file:
        file.write('{"source": "tub')  # killed in the middle of a line
    second = Recorder()
    resumed = evaluate_propagation(cases, [second], SETTINGS, tmp_path / "stopped")
    whole = evaluate_propagation(cases, [Recorder()], SETTINGS, tmp_path / "whole")
    assert len(second.calls) == len(whole) - 7
    assert resumed == whole

    third = Recorder()
    evaluate_propagation(cases, [third], SETTINGS, tmp_path / "stopped")
    assert third.calls == []
    evaluate_propagation(cases, [third], SETTINGS, tmp_path / "stopped", resume=False)
    assert len(third.calls) == len(whole)
    assert [path.name for path in (tmp_path / "stopped").iterdir()] == ["results.jsonl"]


def test_rows_stay_until_new_ones_are_complete(data: Path, tmp_path: Path) -> None:
    cases, results = find_cases(data, ["cones"]), tmp_path / "results.jsonl"
    evaluate_propagation(cases, [Recorder()], SETTINGS, tmp_path)
    old = results.read_bytes()
    with pytest.raises(InputError, match="8 slices"):
        evaluate_propagation([], [Recorder()], SETTINGS, tmp_path, resume=False)
    assert results.read_bytes() == old
    with pytest.raises(RuntimeError, match="stopped"):
        evaluate_propagation(cases, [Recorder(fail_after=2)], SETTINGS, tmp_path, resume=False)
    assert (tmp_path / "results.jsonl.before").read_bytes() == old and results.read_bytes() != old


def test_a_refused_run_leaves_no_folder(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="8 slices"):
        evaluate_propagation([], [Recorder()], SETTINGS, tmp_path / "new" / "folder")
    assert not (tmp_path / "new").exists()


def test_other_weights_are_other_results(data: Path, tmp_path: Path) -> None:
    cases, recorder = find_cases(data, ["cones"]), Recorder()
    evaluate_propagation(cases, [recorder], SETTINGS, tmp_path)
    recorder.identity = "other"
    rows = evaluate_propagation(cases, [recorder], SETTINGS, tmp_path)
    assert len(recorder.calls) == 8 and {row.identity for row in rows} == {"other"}


def test_shards_together_give_the_report_of_one_run(data: Path, tmp_path: Path) -> None:
    cases, methods = find_cases(data), load_methods(["nearest", "interpolation"])
    whole = evaluate_propagation(cases, methods, SETTINGS, tmp_path / "whole")
    parts = []
    for index in (1, 2, 3):
        settings = dataclasses.replace(SETTINGS, shard=Shard(index, 3))
        parts.append(evaluate_propagation(cases, methods, settings, tmp_path / "parts"))
    assert sum(len(part) for part in parts) == len(whole) and all(len(part) < len(whole) for part in parts)
    merged = read_rows(sorted((tmp_path / "parts").glob("results*.jsonl")))
    assert summarise(timeless(merged)) == summarise(timeless(whole))


def test_a_slice_painted_in_a_hole_of_the_structure_is_declared_empty_or_skipped(tmp_path: Path, data: Path) -> None:
    path = data / "cones" / "c_label.nii.gz"
    image = sitk.ReadImage(str(path))
    labels = sitk.GetArrayFromImage(image)
    labels[7:13] = 0
    hollow = sitk.GetImageFromArray(labels)
    hollow.CopyInformation(image)
    sitk.WriteImage(hollow, str(path))
    recorder = Recorder()
    rows = evaluate_propagation(find_cases(data, ["cones"]), [recorder], Settings((1, 3), ("span",)), tmp_path)
    # One slice in the middle shows nothing; of three the middle one is empty, and the method is told so.
    assert [row.k for row in rows] == [3]
    assert recorder.calls == [((3, 10, 16), 0, (1.0, 1.0, 1.0))]


@pytest.mark.parametrize(("index", "count"), [(0, 2), (3, 2), (1, 0)])
def test_an_impossible_shard_is_an_error(index: int, count: int) -> None:
    with pytest.raises(InputError, match="i from 1 to n"):
        Shard(index, count)


def test_an_unknown_method_is_an_error() -> None:
    with pytest.raises(InputError, match="no method magic"):
        load_methods(["magic"])


def test_a_results_file_of_something_else_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text('{"loss": 1}\n')
    with pytest.raises(InputError, match="Line 1 of .*results.jsonl"):
        read_rows([tmp_path / "results.jsonl"])


def test_methods_satisfy_the_protocol() -> None:
    methods: list[Method] = [Recorder(), *load_methods(["nearest"])]
    assert [method.name for method in methods] == ["recorder", "nearest"]
