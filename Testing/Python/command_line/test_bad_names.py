"""Names that no file can have, wherever a command takes the name of one: exit code 2 and one sentence."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

COMMANDS = [
    ["propagate", "{}", "{painted}", "{folder}/o.nii"],
    ["propagate", "{scan}", "{}", "{folder}/o.nii"],
    ["propagate", "{scan}", "{painted}", "{}"],
    ["propagate", "{scan}", "{painted}", "{folder}/o.nii", "--report", "{}"],
    ["propagate", "{scan}", "{painted}", "{folder}/o.nii", "--weights", "{}"],
    ["segment", "{}", "{folder}/o.nii", "--context", "{scan}:{painted}"],
    ["segment", "{scan}", "{folder}/o.nii", "--context", "{}:{painted}"],
    ["segment", "{scan}", "{folder}/o.nii", "--context", "{scan}:{}"],
    ["segment", "{scan}", "{}", "--context", "{scan}:{painted}"],
    ["cohort", "{}"],
    ["follow", "{}", "{painted}", "{folder}/f"],
    ["library", "add", "{}", "{scan}", "{painted}", "--names", "1=liver"],
    ["library", "add", "{folder}/l", "{}", "{painted}", "--names", "1=liver"],
    ["library", "add", "{folder}/l", "{scan}", "{}", "--names", "1=liver"],
    ["library", "list", "{}"],
    ["library", "remove", "{}", "1"],
    ["library", "merge", "{folder}/l", "{}"],
    ["cohort", "{manifest}", "--json", "{}"],
    ["demo", "--output", "{}"],
    ["info", "--json", "{}"],
    ["overfit", "--json", "{}"],
    ["train", "--data", "{}", "--output", "{folder}/run", "--recipe", "check"],
    ["train", "--data", "{folder}", "--output", "{}", "--recipe", "check"],
    ["train", "--dataset", "images={}", "--output", "{folder}/run", "--recipe", "check"],
    ["evaluate", "propagation", "{}", "--output", "{folder}/run"],
    ["evaluate", "propagation", "{folder}", "--output", "{}"],
    ["evaluate", "report", "{}"],
    ["evaluate", "failures", "{folder}", "{}", "--output", "{folder}/o.png"],
    ["evaluate", "next-slice", "{}"],
    ["evaluate", "calibration", "{}"],
    ["evaluate", "totalsegmentator", "{}", "--output", "{folder}/run", "--models", "mean-mask"],
    ["evaluate", "images", "{}", "--output", "{folder}/run", "--models", "mean-mask"],
    ["evaluate", "images", "{folder}", "--output", "{}", "--models", "mean-mask"],
    ["evaluate", "tables", "{}"],
    ["benchmark", "compute", "--json", "{}"],
    ["benchmark", "compute", "--plot", "{}"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command))
def test_names_that_no_file_can_have(
    command: list[str], scan: Path, painted: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    manifest = tmp_path / "cases.csv"
    manifest.write_text(f"image,painted,output\n{scan},{painted},o.nii.gz\n")
    places = {"scan": scan, "painted": painted, "folder": tmp_path, "manifest": manifest}
    for name in ("x" * 300 + ".json", "x" * 300, "loop", "nul\0.nii"):
        before = sorted(os.listdir(tmp_path))
        refused(*(part.replace("{}", f"{tmp_path}/{name}").format(**places) for part in command))
        assert sorted(os.listdir(tmp_path)) == before
