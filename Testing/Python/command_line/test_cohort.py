"""`patchicl cohort` end to end, and after a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PatchICLLib.command_line.cohort_manifest import read_manifest
from PatchICLLib.errors import InputError

from .conftest import run


@pytest.fixture
def scans(phantom, tmp_path: Path) -> Path:
    """A folder with a scan of a corner of the phantom and its painting on two slices."""
    image = phantom.image[3:15, 8:32, 8:32]
    painted = (phantom.labels[3:15, 8:32, 8:32] == 1).astype("uint8")
    painted[1:11] = 0
    sitk.WriteImage(sitk.GetImageFromArray(image), str(tmp_path / "scan.nii.gz"))
    sitk.WriteImage(sitk.GetImageFromArray(painted), str(tmp_path / "painted.nii.gz"))
    return tmp_path


def manifest(folder: Path, count: int, output: str, *more: str) -> Path:
    path = folder / f"{output}.csv"
    (folder / output).mkdir()
    lines = [f"scan.nii.gz;painted.nii.gz;{output}/{number}.nii.gz" for number in range(count)]
    path.write_text("\n".join(["image;painted;output", *lines, *more]) + "\n")
    return path


def labels(folder: Path) -> dict[str, np.ndarray]:
    return {path.name: sitk.GetArrayFromImage(sitk.ReadImage(str(path))) for path in folder.glob("*.nii.gz")}


@pytest.mark.slow
def test_a_cohort_is_done_and_reported(scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, report = manifest(scans, 2, "out", "nowhere.nii.gz;painted.nii.gz;out/lost.nii.gz"), scans / "report.json"
    arguments = ["cohort", str(path), "--device", "cpu", "--axis", "k", "--json", str(report)]
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert "patchicl: 1 of 3 scans failed; the same command tries them again." in captured.err
    assert "lost.nii.gz" in captured.out and "2 done, 0 finished before, 1 failed" in " ".join(captured.out.split())
    summary = json.loads(report.read_text(encoding="utf-8"))
    assert [result["status"] for result in summary["results"]] == ["done", "done", "failed"]
    one, two = labels(scans / "out").values()
    np.testing.assert_array_equal(one, two)

    single = scans / "single.nii.gz"
    assert run("propagate", scans / "scan.nii.gz", scans / "painted.nii.gz", single, "--axis", "k",
                 "--device", "cpu", "--quiet") == 0  # fmt: skip
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(single))), one)


@pytest.mark.slow
def test_killed_and_resumed_it_ends_as_if_nothing_had_happened(scans: Path, repository: Path) -> None:
    count = 5
    whole, parts = manifest(scans, count, "whole"), manifest(scans, count, "parts")
    common = ["--device", "cpu", "--axis", "k", "--quiet"]
    assert run("cohort", whole, *common) == 0
    command = [sys.executable, "-m", "PatchICLLib", "cohort", str(parts), *common]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(repository)})
    deadline = time.monotonic() + 120
    while not list((scans / "parts").glob("*.report.json")) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(2)  # its own process ends with it
    finished = {path: path.stat().st_mtime_ns for path in (scans / "parts").glob("*.report.json")}
    assert 0 < len(finished) < count
    assert run("cohort", parts, *common) == 0
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    expected, found = labels(scans / "whole"), labels(scans / "parts")
    assert expected.keys() == found.keys() and len(found) == count
    for name, array in expected.items():
        np.testing.assert_array_equal(array, found[name])
    assert not list((scans / "parts").glob(".patchicl-*"))


@pytest.mark.slow
def test_a_cohort_on_a_dask_cluster(scans: Path) -> None:
    pytest.importorskip("distributed", reason="needs Dask: pip install patchicl[distributed]")
    path = manifest(scans, 2, "out")
    assert run("cohort", path, "--device", "cpu", "--axis", "k", "--dask", "local", "--quiet") == 0
    assert len(labels(scans / "out")) == 2


def test_a_csv_with_options_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "scans.csv"
    path.write_text(
        "name,image,painted,output,axis,painted_slices,labels,extent,context_size,entropy,ignore_slices,use_all_slices\n"
        'one,a.nii.gz,b.nii.gz,c.nii.gz,j,"3,17","1,2",2:9,4,e.nii.gz,"4,5",yes\n'
        "\n"
        "two,/x/a.nrrd,b.nii.gz,d.nii.gz,,3 i=17,all,,,,,\n"
    )
    one, two = read_manifest(path, {"axis": 0, "labels": None, "prior": False})
    assert (one.name, one.image, one.output, one.entropy) == (
        "one", tmp_path / "a.nii.gz", tmp_path / "c.nii.gz", tmp_path / "e.nii.gz",
    )  # fmt: skip
    assert one.options == {
        "axis": 1, "painted_slices": [3, 17], "labels": [1, 2], "extent": (2, 9), "context_size": 4, "prior": False,
        "ignore_slices": [4, 5], "use_all_slices": True,
    }  # fmt: skip
    assert two.image == Path("/x/a.nrrd") and two.entropy is None
    assert two.options == {
        "axis": 0,
        "painted_slices": [3, (2, 17)],
        "labels": None,
        "most_labels": 255,
        "prior": False,
    }


def test_a_json_list(tmp_path: Path) -> None:
    path = tmp_path / "scans.json"
    path.write_text(json.dumps([{"image": "a", "painted": "b", "output": "c.nii.gz", "labels": [1, 2]}]))
    (case,) = read_manifest(path, {})
    assert (case.name, case.options) == ("c.nii.gz", {"labels": [1, 2]})
    assert (case.limits.outside, case.limits.inside) == (None, None)


def test_other_structures_of_each_scan(tmp_path: Path) -> None:
    path = tmp_path / "scans.csv"
    path.write_text("image,painted,output,outside,inside\na,b,c.nii.gz,vessels.nrrd,\na,b,d.nii.gz,,/x/liver.nrrd\n")
    one, two = read_manifest(path, {})
    assert (one.limits.outside, one.limits.inside) == (tmp_path / "vessels.nrrd", None)
    assert (two.limits.outside, two.limits.inside) == (None, Path("/x/liver.nrrd"))


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.csv", "image,painted\nx,y\n", "Case 1 of a.csv has no output"),
        ("a.csv", "image,painted,output,colour\nx,y,z,red\n", "unknown column colour"),
        ("a.csv", "image,painted,output\n", "names no case"),
        ("a.csv", "", "names no case"),
        ("a.csv", "image,painted,output\nx,y,z,1,2\n", "more columns than its headings"),
        ("a.csv", "image,painted,output,use_all_slices\nx,y,z,maybe\n", "use_all_slices must be yes or no"),
        ("a.csv", "image,painted,output,axis\nx,y,z,up\n", "Case 1 of a.csv: --axis must be auto"),
        ("a.json", "{", "is no JSON"),
        ("a.json", "{}", "must be a list of objects"),
        ("a.json", "[" * 100_000, "is no JSON"),
        (
            "a.json",
            '[{"image": "a\\u0000", "painted": "b", "output": "c"}]',
            "Case 1 of a.json has characters in its image",
        ),
        ("a.json", '[{"image": "a", "painted": "\\ud800", "output": "c"}]', "characters in its painted"),
        ("a.csv", "image,painted,output\na,b,c\0\n", "characters in its output|is no table"),
    ],
)
def test_manifests_that_are_none(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=sentence):
        read_manifest(tmp_path / name, {})


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--weights", "nowhere.safetensors"], "nowhere.safetensors"),
        (["--device", "abacus"], "The device must be"),
        (["--axis", "up"], "--axis must be auto"),
        (["--json", "missing/report.json"], "does not exist; create it first"),
        (["--processes", "0"], "--processes"),
    ],
)
def test_bad_options(tmp_path: Path, more: list[str], sentence: str, refused: Callable[..., str]) -> None:
    (tmp_path / "a.csv").write_text("image,painted,output\nx,y,z.nii.gz\n")
    assert sentence in refused("cohort", tmp_path / "a.csv", *more)


def test_a_manifest_that_is_missing(tmp_path: Path, refused: Callable[..., str]) -> None:
    assert "The manifest" in (message := refused("cohort", tmp_path / "a.csv")) and "does not exist" in message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are files on POSIX systems only")
def test_a_manifest_that_is_a_pipe_is_not_waited_for(tmp_path: Path, refused: Callable[..., str]) -> None:
    os.mkfifo(tmp_path / "a.csv")
    assert "is neither a file nor a folder" in refused("cohort", tmp_path / "a.csv")
