"""Printing never decides how a command ends: full disks, narrow encodings, names that look like markup."""

import ast
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import SimpleITK as sitk

from PatchICLLib.command_line.progress_display import ProgressDisplay

from .conftest import run

ODD_NAMES = ["[red]x[/red].nii", "[/].nii", "[/bold] a.nii", ":smile: [link=x].nii", "größe ∑ 日本.nii", "[[x\\[.nii"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["propagate", "--help"], ["nonsense"]])
def test_a_full_disk_below_the_output_of_the_process(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "PatchICLLib", *arguments], stdout=full, stderr=full, timeout=60, check=False
        )
    assert done.returncode == (2 if arguments == ["nonsense"] else 0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_below_the_summary(
    scan: Path, painted: Path, engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for buffering in (1, 8192):
        with open("/dev/full", "w", buffering=buffering) as full:
            monkeypatch.setattr(sys, "stdout", full)
            monkeypatch.setattr(sys, "stderr", full)
            assert run("propagate", scan, painted, tmp_path / f"{buffering}.nii") == 0
            assert run("propagate", scan, scan, scan) == 2
        assert (tmp_path / f"{buffering}.nii").exists()


def test_a_reader_that_has_gone_and_a_console_that_is_closed(
    scan: Path, painted: Path, engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    closed = io.StringIO()
    closed.close()
    with open(writer, "w") as pipe:
        for stream in (pipe, closed):
            monkeypatch.setattr(sys, "stdout", stream)
            assert run("propagate", scan, painted, scan.with_name("out.nii")) == 0


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_names_are_shown_as_they_are(
    scan: Path, painted: Path, engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, encoding: str
) -> None:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    image, output = tmp_path / f"scan of {name}", tmp_path / name
    for path in (image, output):
        path.parent.mkdir(exist_ok=True)  # a name such as [/red] is that of a folder as well
    sitk.WriteImage(sitk.ReadImage(str(scan)), str(image))
    assert run("propagate", image, painted, output) == 0
    assert run("propagate", image, painted, image) == 2
    out.flush(), err.flush()
    shown = name.encode(encoding, "backslashreplace").decode(encoding)
    assert f"Wrote {tmp_path / shown}" in out.buffer.getvalue().decode(encoding)
    assert f"{tmp_path}/scan of {shown}" in err.buffer.getvalue().decode(encoding)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_progress_shows_names(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    with ProgressDisplay(quiet=False, unit="slices") as display:
        display.show(name, 1, 2, name)
    assert name in stream.getvalue()


def test_everything_is_printed_by_these_consoles(repository: Path) -> None:
    library = repository / "PatchICLLib"
    offenders = []
    for path in library.rglob("*.py"):
        relative = str(path.relative_to(library))
        if relative.startswith("worker/") or relative == "command_line/console.py":
            continue  # the worker's messages are no text for people
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Console", "rich.print", "typer.echo"):
                offenders.append(f"{relative}:{node.lineno}")
    assert offenders == []


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("press", range(0, 40, 3))
def test_ctrl_c_while_files_take_their_places(
    which: signal.Signals,
    scan: Path,
    painted: Path,
    engine,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    press: int,
) -> None:
    """Pressed at any operation on files from the first staged one on: all or nothing, and the message says which."""
    output, report = tmp_path / "out.mhd", tmp_path / "out.json"
    count, names = 0, ("mkdir", "replace", "link", "fsync", "unlink", "rmdir")

    def counted(real):
        def operation(*arguments, **options):
            nonlocal count
            count += 1
            if count == press + 1:
                signal.raise_signal(which)
            return real(*arguments, **options)

        return operation

    def begin() -> None:
        for name in names:
            monkeypatch.setattr(os, name, counted(getattr(os, name)))

    engine.during = begin
    code = run("propagate", scan, painted, output, "--report", report)
    monkeypatch.undo()
    error = capsys.readouterr().err
    complete = output.exists() and report.exists()
    assert complete or not (output.exists() or report.exists())
    assert not list(tmp_path.glob(".patchicl-*"))
    if code == 130:
        assert ("already written, and kept" in error) == complete and ("nothing was written" in error) != complete
    else:
        assert code == 0 and complete and count <= press
