"""Exit codes, help, and what is imported for it."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from PatchICLLib.command_line.app import main
from PatchICLLib.errors import Cancelled, InputError, WorkerError
from PatchICLLib.version import __version__


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from PatchICLLib.command_line.app import main; code = main(['--help']); "
        "heavy = {'torch', 'numpy', 'SimpleITK', 'scipy', 'matplotlib'} & set(sys.modules); "
        "sys.exit(code or (f'imported {heavy}' if heavy else 0))"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", env=environment, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    for command in ("propagate", "segment", "cohort", "follow", "library", "demo", "info"):
        assert command in done.stdout


def test_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "PatchICLLib", "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == f"patchicl {__version__}\n"


@pytest.mark.parametrize("command", ["propagate", "segment", "cohort", "follow", "library", "demo", "info"])
def test_every_command_has_help_worth_reading(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert len(capsys.readouterr().out) > 500


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["propagate", "a", "b", "c", "--unheard-of"],
        ["propagate", "a"],
        ["propagate", "a", "b", "c", "--seed", "x"],
        ["propagate", "a", "b", "c", "--context-size", "0"],
        ["propagate", "a", "b", "c", "d"],
        ["segment", "a", "b"],
    ],
)
def test_bad_usage(arguments: list[str], refused: Callable[..., str]) -> None:
    refused(*arguments)


@pytest.mark.parametrize(
    ("error", "code", "expected"),
    [
        (InputError("The file is odd."), 2, "patchicl: The file is odd.\n"),
        (Cancelled(), 130, "patchicl: Cancelled; nothing was written.\n"),
        (KeyboardInterrupt(), 130, "patchicl: Cancelled; nothing was written.\n"),
        (WorkerError("The worker died."), 1, "patchicl: The worker died.\n"),
    ],
)
def test_exit_codes(
    error: BaseException,
    code: int,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr("PatchICLLib.command_line.info_report.collect", fail)
    assert main(["info"]) == code
    assert capsys.readouterr().err == expected


def test_a_defect_shows_where_it_happened(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise ZeroDivisionError("surprise")

    monkeypatch.setattr("PatchICLLib.command_line.propagate_files.propagate_files", fail)
    assert main(["propagate", "a", "b", "c"]) == 1
    assert "Traceback" in capsys.readouterr().err
    assert main(["propagate", "a", "b", "c", "--quiet"]) == 1
    assert capsys.readouterr().err == "patchicl: ZeroDivisionError: surprise\n"
