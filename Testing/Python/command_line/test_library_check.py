"""`patchicl library check`: what is printed and written, also when it is stopped."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from PatchICLLib.library import Library
from PatchICLLib.outputs import is_drawn
from Testing.Miniatures.finished_cases import LIVER, put

from .conftest import run


class Engine:
    """Fills a whole scan; is interrupted in its n-th run."""

    def __init__(self, interrupted: int | None = None) -> None:
        self.left = interrupted
        self.pretrained = SimpleNamespace(sha256="0" * 64)
        self.tried = 0
        self.arguments: dict[str, Any] = {}

    def from_pretrained(self, **arguments: Any) -> Engine:
        self.arguments = arguments
        return self

    def propagate(self, image: np.ndarray, painted: Any, spacing: Any, *, cancel: Any, **options: Any) -> Any:
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                cancel.cancel()
        cancel.raise_if_cancelled()
        self.tried += "library" in options
        self.arguments.update({name: options[name] for name in ("prior", "context_size")})
        return SimpleNamespace(labels=np.ones(image.shape, np.uint8), report={"library": {}})


@pytest.fixture
def library(tmp_path: Path) -> Library:
    made = Library.open(tmp_path / "livers", may_be_new=True)
    put(made, 1)
    put(made, 2, LIVER)
    return made


def test_table_file_and_picture(library, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("PatchICLLib.command_line.library_check_run.Propagator", Engine())
    file, plot = tmp_path / "worth.json", tmp_path / "worth.png"
    assert run("library", "check", library.path, "--json", file, "--plot", plot) == 0
    told = capsys.readouterr().out
    assert "Liver" in told and "not listened to" in told and "so not tried: lesion" in told and str(plot) in told
    known = json.loads(file.read_text())
    assert known["complete"] and [one["painted"] for one in known["structures"]] == [0, 1, 3]
    assert {one["name"] for one in known["scores"]} == {"Liver"} and len(known["scores"]) == 6
    assert known["structures"][0]["unheard"] == 2 and known["structures"][0]["without"] is None
    assert is_drawn(plot)
    assert run("library", "check", library.path, "--max-cases", 1, "--quiet", "--json", file) == 0
    assert capsys.readouterr().out == "" and len(json.loads(file.read_text())["scores"]) == 3


def test_what_is_known_is_kept_when_it_is_stopped(library, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("PatchICLLib.command_line.library_check_run.Propagator", Engine(interrupted=4))
    file = tmp_path / "worth.json"
    assert run("library", "check", library.path, "--json", file) == 130
    told = capsys.readouterr()
    assert "Stopped after 2 of 6" in told.err and str(file) in told.err and "Liver" in told.out
    known = json.loads(file.read_text())
    assert not known["complete"] and [(one["case"], one["painted"]) for one in known["scores"]] == [(1, 0), (1, 1)]


def test_it_goes_on_where_it_was_stopped(library, tmp_path, capsys, monkeypatch) -> None:
    file = tmp_path / "worth.json"

    def check(engine: Engine, *others: object) -> int:
        monkeypatch.setattr("PatchICLLib.command_line.library_check_run.Propagator", engine)
        return run("library", "check", library.path, "--json", file, *others)

    assert check(Engine(interrupted=4)) == 130
    assert "the same command goes on from there" in capsys.readouterr().err
    stopped = json.loads(file.read_text())
    engine = Engine()
    assert check(engine) == 0 and engine.tried == 4
    known = json.loads(file.read_text())
    assert known["complete"] and len(known["scores"]) == 6 and known["scores"][:2] == stopped["scores"]
    engine = Engine()
    assert check(engine) == 0 and engine.tried == 6  # what is complete is measured anew
    for change in ({"of": {}}, {"scores": [{}]}, {"complete": True}):
        file.write_text(json.dumps({**stopped, **change}))
        engine = Engine()
        assert check(engine) == 0 and engine.tried == 6
    file.write_text(json.dumps(stopped))
    engine = Engine()
    assert check(engine, "--max-cases", 1) == 0 and engine.tried == 3  # those of the other case do not count
    file.write_text(json.dumps(stopped))
    engine = Engine()
    assert check(engine, "--no-prior", "--context-size", 2, "--device", "cpu") == 0 and engine.tried == 6
    said = {"weights": None, "device": "cpu", "preset": None, "prior": False, "context_size": 2}
    assert engine.arguments == said
    file.write_text(json.dumps(stopped))
    put(library, 3, LIVER)
    engine = Engine()
    assert check(engine) == 0 and engine.tried == 9


def test_what_is_known_is_kept_when_it_is_killed(library, tmp_path, monkeypatch) -> None:
    class Death(BaseException):
        pass

    def killed(*_: Any) -> None:
        raise Death

    engine, file = Engine(interrupted=4), tmp_path / "worth.json"
    monkeypatch.setattr("PatchICLLib.command_line.library_check_run.Propagator", engine)
    monkeypatch.setattr("PatchICLLib.propagation.CancelToken.cancel", killed)
    with pytest.raises(Death):
        run("library", "check", library.path, "--json", file)
    known = json.loads(file.read_text())
    assert not known["complete"] and len(known["scores"]) == 2


def test_what_is_refused(library, tmp_path, refused) -> None:
    assert "no library" in refused("library", "check", tmp_path / "nowhere")
    assert ".json" in refused("library", "check", library.path, "--json", tmp_path / "a.txt")
    assert ".png" in refused("library", "check", library.path, "--plot", tmp_path / "a.jpg")
    inside = library.path / "library.json"
    assert "library.json" in refused("library", "check", library.path, "--json", inside)
    library.remove(2)
    assert "add a second case" in refused("library", "check", library.path)
