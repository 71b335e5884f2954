"""`patchicl evaluate` on miniatures of the paper's data sets, against numbers computed by hand."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from PatchICLLib.command_line.app import main
from Testing.Miniatures.datasets import write_totalsegmentator

TRIVIAL = ["--models", "mean-mask", "--quiet"]


def run(*arguments: object) -> int:
    return main(["evaluate", *(str(argument) for argument in arguments), *TRIVIAL])


def test_table_2(totalsegmentator_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Context of the other case only, one pair: the livers' boxes of 8 rows lie 4 rows apart, the sacra agree.

    Of 5 + 4 + 4 slices of a liver the 4 across j see no shift (Dice 1), the others half of it (Dice 0.5).
    """
    output, summary_file = tmp_path / "out", tmp_path / "summary.json"
    arguments = ["totalsegmentator", totalsegmentator_folder, "--output", output, "--json", summary_file]
    assert run(*arguments, "--other-cases", "--context", 1) == 0
    printed = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    entry = json.loads(summary_file.read_text(encoding="utf-8"))["resolutions"]["128"]
    spine, organs = entry["categories"]
    assert (spine["category"], spine["n"]) == ("Bones (Spine)", 26)
    assert spine["models"]["mean-mask"] == {"mean": 1.0, "sd": 0.0}
    assert (organs["category"], organs["n"]) == ("Organs (Abd./Pelvis)", 26)
    mean = (9 * 0.5 + 4 * 1.0) / 13
    sd = ((18 * (mean - 0.5) ** 2 + 8 * (1 - mean) ** 2) / 25) ** 0.5
    assert organs["models"]["mean-mask"] == pytest.approx({"mean": mean, "sd": sd})
    assert entry["overall"]["n"] == 52
    assert entry["overall"]["models"]["mean-mask"]["mean"] == pytest.approx((mean + 1) / 2)
    assert f"Organs (Abd./Pelvis) 26 {mean:.3f} ± {sd:.3f} 0.461 0.470" in printed  # and what the paper reports
    assert {line["class"]: line["n"] for line in entry["classes"]} == {"liver": 26, "sacrum": 26}


def test_a_case_that_cannot_be_read_is_told_of(
    totalsegmentator_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the table, in the JSON file, and in the tables that are printed later."""
    folder, output, summary_file = tmp_path / "data", tmp_path / "out", tmp_path / "summary.json"
    shutil.copytree(totalsegmentator_folder, folder)
    (folder / "s0002" / "ct.nii.gz").write_bytes(b"rubbish")
    assert run("totalsegmentator", folder, "--output", output, "--json", summary_file) == 0
    told = "1 case is missing, because it cannot be read:\n  s0002: The image"
    assert told in capsys.readouterr().out
    assert list(json.loads(summary_file.read_text(encoding="utf-8"))["missing"]) == ["s0002"]
    assert main(["evaluate", "tables", str(output)]) == 0
    assert told in capsys.readouterr().out


def test_context_of_the_same_case_agrees(totalsegmentator_folder: Path, tmp_path: Path) -> None:
    output, summary_file = tmp_path / "out", tmp_path / "summary.json"
    assert run("totalsegmentator", totalsegmentator_folder, "--output", output, "--json", summary_file) == 0
    entry = json.loads(summary_file.read_text(encoding="utf-8"))["resolutions"]["128"]
    assert entry["overall"]["models"]["mean-mask"]["mean"] == 1.0
    rows = [json.loads(line) for line in (output / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {tuple(row["context"]) for row in rows} == {(3, 3)}


def test_table_3(tmp_path: Path) -> None:
    folder = write_totalsegmentator(tmp_path / "mri", "mri.nii.gz")
    summary_file = tmp_path / "summary.json"
    arguments = ["totalsegmentator-mri", folder, "--output", tmp_path / "out", "--json", summary_file]
    assert run(*arguments, "--max-per-class", 2, "--resolutions", "64,128") == 0
    resolutions = json.loads(summary_file.read_text(encoding="utf-8"))["resolutions"]
    assert list(resolutions) == ["64", "128"]
    for entry in resolutions.values():
        assert {line["class"] for line in entry["classes"]} == {"aorta", "liver", "sacrum"}
        assert entry["overall"]["n"] == 6


def test_table_4(medsegbench_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """promise12, two pairs of context: half the votes suffice, so the first image is given rows 32-95 for its own
    0-63 (Dice 0.5), the others rows 0-95 for their own 32-95 (0.8). wbc: the nucleus is in one image only."""
    summary_file = tmp_path / "summary.json"
    arguments = ["medsegbench", medsegbench_folder, "--size", 128, "--context", 2, "--output", tmp_path / "out"]
    assert run(*arguments, "--json", summary_file) == 0
    entry = json.loads(summary_file.read_text(encoding="utf-8"))["resolutions"]["128"]
    assert [(line["category"], line["n"]) for line in entry["categories"]] == [("Microscopy", 2), ("MRI", 3)]
    microscopy, mri = (line["models"]["mean-mask"] for line in entry["categories"])
    assert microscopy == {"mean": 1.0, "sd": 0.0}
    assert mri == pytest.approx({"mean": 0.7, "sd": 0.03**0.5})
    assert entry["overall"]["models"]["mean-mask"]["mean"] == pytest.approx(4.1 / 5)
    assert "Modality" in capsys.readouterr().out


def test_own_pictures_in_shards_and_their_tables(
    pictures_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = [
        run("images", pictures_folder, "--output", tmp_path / "out", "--shard", f"{part}/2", "--no-compute")
        for part in (1, 2)
    ]
    assert codes == [0, 0]
    capsys.readouterr()
    summary_file = tmp_path / "summary.json"
    assert main(["evaluate", "tables", str(tmp_path / "out"), "--json", str(summary_file)]) == 0
    printed = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "discs 4 1.000 ± 0.000" in printed and "nuclei 3 1.000 ± 0.000" in printed
    assert json.loads(summary_file.read_text(encoding="utf-8"))["settings"]["experiment"] == "images"


def test_own_volumes(totalsegmentator_folder: Path, tmp_path: Path) -> None:
    data, summary_file = tmp_path / "data" / "livers", tmp_path / "summary.json"
    data.mkdir(parents=True)
    for case in ("s0001", "s0002"):
        source = totalsegmentator_folder / case
        shutil.copy(source / "ct.nii.gz", data / f"{case}_image.nii.gz")
        shutil.copy(source / "segmentations" / "liver.nii.gz", data / f"{case}_label.nii.gz")
    arguments = ["volumes", data.parent, "--output", tmp_path / "out", "--json", summary_file]
    assert run(*arguments, "--other-cases", "--context", 1) == 0
    (line,) = json.loads(summary_file.read_text(encoding="utf-8"))["resolutions"]["128"]["categories"]
    assert (line["category"], line["n"]) == ("livers", 26)
    assert line["models"]["mean-mask"]["mean"] == pytest.approx((9 * 0.5 + 4 * 1.0) / 13)  # as in table 2


def test_the_paper_in_small(
    totalsegmentator_folder: Path, pictures_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Volumes and pictures in one table, a line each; volumes see themselves, pictures never their subject."""
    data, output, summary_file = tmp_path / "data", tmp_path / "out", tmp_path / "summary.json"
    shutil.copytree(pictures_folder, data)
    (data / "livers").mkdir()
    case = totalsegmentator_folder / "s0001"
    shutil.copy(case / "ct.nii.gz", data / "livers" / "s0001_image.nii.gz")
    shutil.copy(case / "segmentations" / "liver.nii.gz", data / "livers" / "s0001_label.nii.gz")
    arguments = ["paper", data, "--output", output, "--json", summary_file, "--max-per-source", 2]
    for part in ("1/2", "2/2"):
        assert run(*arguments[:4], *arguments[6:], "--shard", part) == 0
    assert run(*arguments) == 0
    printed = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "CT (table 2) 0.417 0.397 2 of 7 27 of 45" in printed
    resolutions = json.loads(summary_file.read_text(encoding="utf-8"))["resolutions"]
    assert list(resolutions) == ["128", "256", "512"]
    for entry in resolutions.values():
        assert {line["category"]: line["n"] for line in entry["categories"]} == {"discs": 2, "livers": 2, "nuclei": 2}
    rows = [json.loads(line) for path in output.glob("results*.jsonl") for line in path.read_text().splitlines()]
    assert len(rows) == 3 * 6
    assert {(row["dataset"], *row["context"]) for row in rows} >= {("livers", 3, 3), ("discs", 2, 0)}


@pytest.mark.slow
def test_two_processes_with_a_network_give_what_one_gives(medsegbench_folder: Path, tmp_path: Path) -> None:
    summaries = []
    for processes in (1, 2):
        output, summary_file = tmp_path / f"out{processes}", tmp_path / f"summary{processes}.json"
        arguments = ["evaluate", "medsegbench", str(medsegbench_folder), "--size", "128", "--output", str(output)]
        arguments += ["--models", "sparse,mean-mask", "--device", "cpu", "--processes", str(processes), "--quiet"]
        assert main([*arguments, "--json", str(summary_file)]) == 0
        summaries.append(json.loads(summary_file.read_text(encoding="utf-8")))
        for name in ("accuracy_against_compute.png", "cascade.png"):
            assert (output / name).read_bytes().startswith(b"\x89PNG")
    assert len(list((tmp_path / "out2").glob("results-?-of-2.jsonl"))) == 2
    one, two = (summary["resolutions"]["128"] for summary in summaries)
    assert one["categories"] == two["categories"] and one["comparisons"] == two["comparisons"]
    assert summaries[0]["compute"][0]["gflops"] > 1


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--classes", "some"], "classes must be training, validation or all"),
        (["--split", "some"], "The split must be train, val, test or all"),
        (["--axes", "x"], "axes of i, j and k"),
        (["--resolutions", "big"], "--resolutions must be whole numbers"),
        (["--resolutions", "4"], "at least one resolution from 16"),
        (["--models", "magic"], "There are no weights magic"),
        (["--models", "a=mean-mask,a=sparse"], "each a name of its own"),
        (["--shard", "3"], "--shard must be I/N"),
        (["--shard", "1/2", "--processes", "2"], "not both"),
        (["--json", "nowhere/a.json"], "does not exist; create it first"),
        (["--minimum-pixels", "0"], "--minimum-pixels"),
    ],
)
def test_bad_options(
    totalsegmentator_folder: Path, tmp_path: Path, more: list[str], sentence: str, refused: Callable[..., str]
) -> None:
    base = ["evaluate", "totalsegmentator", totalsegmentator_folder, "--output", tmp_path / "out", *TRIVIAL]
    assert sentence in refused(*base, *more)


def test_bad_data(tmp_path: Path, refused: Callable[..., str]) -> None:
    for command, sentence in (
        ("totalsegmentator", "There is no case in"),
        ("totalsegmentator-mri", "There is no case in"),
        ("medsegbench", "There is no file NAME_256.npz"),
        ("images", "There is no pair"),
        ("volumes", "No 3D case was found"),
        ("paper", "No 3D case was found"),
    ):
        assert sentence in refused("evaluate", command, tmp_path, "--output", tmp_path / "out", *TRIVIAL)
    assert "There are no results" in refused("evaluate", "tables", tmp_path)
    for damaged in ('{"experiment"', "[]"):
        (tmp_path / "settings.json").write_text(damaged)
        assert "settings.json is damaged" in refused("evaluate", "tables", tmp_path)


def test_other_settings_are_refused(pictures_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["images", pictures_folder, "--output", tmp_path / "out", "--no-compute"]
    assert run(*base) == 0
    assert run(*base, "--context", 2) == 2
    assert "made with other settings (context differ)" in capsys.readouterr().err
    assert run(*base, "--context", 2, "--no-resume") == 0
