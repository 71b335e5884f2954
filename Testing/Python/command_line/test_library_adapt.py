"""`patchicl library adapt`: what it hands on, what it tells, and what it refuses."""

from pathlib import Path
from typing import Any

import pytest

from PatchICLLib.adaptation import adapt as adapt_module
from PatchICLLib.adaptation.adapt import Outcome
from PatchICLLib.adaptation.gains import Gain
from PatchICLLib.errors import Stopped
from PatchICLLib.library import Library
from Testing.Miniatures.finished_cases import put

from .conftest import run


@pytest.fixture
def library(tmp_path: Path) -> Library:
    made = Library.open(tmp_path / "livers", may_be_new=True)
    put(made, 1)
    put(made, 2)
    return made


def test_what_is_told(library: Library, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    gains = Gain(1, 0.8, 0.82), Gain(2, 0.7, 0.69)
    outcome = [Outcome(library.adapted / "weights.safetensors", 40, 2, gains, frozenset({1}))]

    def adapt(library: Any, base: Any, options: Any, show: Any, cancel: Any) -> Outcome:
        asked.update(base=base.name, minutes=options.minutes, workers=options.workers)
        show("Training", 1, 40)
        return outcome[0]

    monkeypatch.setattr(adapt_module, "adapt", adapt)
    assert run("library", "adapt", library.path, "--minutes", 2.5, "--workers", 0, "--device", "cpu") == 0
    told = capsys.readouterr().out
    assert asked == {"base": "sparse-6", "minutes": 2.5, "workers": 0}
    assert "case 2" in told and "0.820" in told and "weights.safetensors (40 steps)" in told
    rows = {line.split()[0]: line.split()[-1] for line in told.splitlines() if line.startswith((" Liver", " lesion"))}
    assert rows == {"Liver": "yes", "lesion": "no"}
    outcome[0] = Outcome(None, 40, 2, gains, frozenset())
    assert run("library", "adapt", library.path) == 0 and "nothing is kept" in capsys.readouterr().out
    assert run("library", "adapt", library.path, "--quiet") == 0 and capsys.readouterr().out == ""


def test_it_can_be_stopped(
    library: Library, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def adapt(*_: Any) -> None:
        raise Stopped("Stopped after step 3; the same command goes on from there.")

    monkeypatch.setattr(adapt_module, "adapt", adapt)
    assert run("library", "adapt", library.path) == 130
    assert "after step 3" in capsys.readouterr().err


def test_what_is_refused(library: Library, tmp_path: Path, refused) -> None:
    assert "no library" in refused("library", "adapt", tmp_path / "nowhere")
    assert "preset sparse" in refused("library", "adapt", library.path, "--weights", "universeg-2", "--device", "cpu")
    assert "There are no weights" in refused("library", "adapt", library.path, "--weights", "none-3")
    library.remove(2)
    assert "add a second case" in refused("library", "adapt", library.path)
