"""Starting: which Python, what goes wrong, and that the real reason is told."""

import os
import stat
import subprocess
import sys
import time
import venv
from pathlib import Path

import pytest

from PatchICLLib.errors import InputError, WeightsError, WorkerError
from PatchICLLib.worker import InProcessWorker, WorkerClient, find_python
from PatchICLLib.worker.python_executable import worker_environment

from .conftest import ENVIRONMENT, Case, events_of, make_client, runs, wait_until

posix = pytest.mark.skipif(sys.platform == "win32", reason="uses a shell script")


def test_python_that_does_not_exist(tmp_path: Path) -> None:
    client = make_client(python=tmp_path / "python3")
    with pytest.raises(WorkerError, match="cannot be started with .*python3: No such file"):
        client.start()
    assert not client.is_alive


@posix
def test_program_that_is_not_python() -> None:
    with pytest.raises(WorkerError, match="did not start with /bin/false: it ended with exit code 1"):
        make_client(python="/bin/false").start()


def test_python_without_the_packages_names_the_missing_one(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    python = tmp_path / "bare" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    with pytest.raises(WorkerError, match="No module named 'numpy'"):
        make_client(python=python).start()


@pytest.mark.parametrize("kind", ["process", "thread"])
@pytest.mark.parametrize(
    ("engine", "error", "said"),
    [
        ("worker_engines:without_weights", WeightsError, "no weights named 'second'"),
        ("worker_engines:without_module", WorkerError, "No module named 'torch_of_another_world'.*install"),
        ("worker_engines:nothing_of_that_name", InputError, "no engine 'worker_engines:nothing_of_that_name'"),
        ("no_colon", InputError, "module:attribute"),
        ("no_such_module:Engine", WorkerError, "No module named 'no_such_module'"),
    ],
)
def test_engine_that_cannot_be_loaded(
    kind: str, engine: str, error: type[Exception], said: str, engines: object, case: Case
) -> None:
    worker = (
        WorkerClient(engine=engine, weights="second", environment=ENVIRONMENT)
        if kind == "process"
        else InProcessWorker(engine=engine, weights="second")
    )
    with pytest.raises(error, match=said) as caught:
        worker.start()
    assert type(caught.value) is error
    assert not [event for event in worker.poll(0.1) if event.kind != "log"], "what was raised is not told again"
    # Without waiting for the start, the same comes as the end of the job.
    last = events_of(worker, worker.propagate(*case))[-1]
    assert last.kind == "error"
    assert str(last.error) == str(caught.value)
    assert events_of(worker, worker.propagate(*case))[-1].kind == "error", "again, though the last is still ending"
    wait_until(lambda: not worker.is_alive)
    assert not [event for event in worker.poll(0.1) if event.kind != "log"]


def test_crash_while_loading() -> None:
    with pytest.raises(WorkerError, match=r"did not start with .*: it crashed \(SIGSEGV\)"):
        make_client("crashes_at_load").start()


def test_start_that_takes_too_long() -> None:
    client = make_client("never_loaded")
    started = time.monotonic()
    with pytest.raises(WorkerError, match="did not start with .* within 0.6 seconds"):
        client.start(timeout=0.6)
    assert time.monotonic() - started < 10.0
    assert not client.is_alive


def test_cancel_while_loading_is_immediate_and_the_next_job_runs(case: Case) -> None:
    client = make_client("slow_to_load")
    job = client.propagate(*case)
    client.cancel()
    started = time.monotonic()
    assert events_of(client, job)[-1].kind == "cancelled"
    assert time.monotonic() - started < 1.4
    assert client.health()["state"] == "starting"
    second = client.propagate(*case)
    events = events_of(client, second)
    assert events[-1].kind == "result"
    assert events[-1].result.report["done"] == 1, "the cancelled job was never begun"
    client.shutdown()


@posix
def test_worker_behind_a_launcher(tmp_path: Path, case: Case) -> None:
    """PythonSlicer starts the real interpreter as its child and hands stdin and stdout on."""
    launcher = tmp_path / "PythonSlicer"
    launcher.write_text(f'#!/bin/sh\necho "launcher says hello"\n"{sys.executable}" "$@"\nexit $?\n')
    launcher.chmod(launcher.stat().st_mode | stat.S_IXUSR)
    client = make_client(python=launcher)
    client.start()
    pid = client.health()["pid"]
    assert client.run(*case).labels.any()
    with pytest.raises(WorkerError, match="SIGKILL"):
        client.run(*case, behave="kill")
    client.start()
    pid = client.health()["pid"]
    job = client.propagate(*case, behave="deaf", slice_seconds=30.0)
    client.restart()
    assert events_of(client, job)[-1].kind == "cancelled"
    wait_until(lambda: not runs(pid))
    client.shutdown()


def test_find_python_outside_slicer_is_this_one() -> None:
    assert find_python() == Path(sys.executable)


@pytest.mark.parametrize("executable", ["bin/SlicerApp-real", "Slicer", "bin/python-real", "MacOS/Slicer", ""])
def test_find_python_inside_slicer(executable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "PythonSlicer.exe" if sys.platform == "win32" else "PythonSlicer"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / name).touch()
    monkeypatch.setattr(sys, "executable", str(tmp_path / executable) if executable else "")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "lib" / "Python"))
    monkeypatch.delenv("SLICER_HOME", raising=False)
    assert find_python() == tmp_path / "bin" / name


def test_find_python_says_what_to_do_if_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "Slicer"))
    for attribute in ("prefix", "exec_prefix"):
        monkeypatch.setattr(sys, attribute, str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("SLICER_HOME", raising=False)
    with pytest.raises(InputError, match="python="):
        find_python()


def test_environment_of_a_foreign_python_has_nothing_of_slicers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/slicer/lib/Python")
    monkeypatch.setenv("PYTHONPATH", "/slicer/lib/Python/site-packages")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/slicer/lib")
    library = str(Path(sys.modules["PatchICLLib"].__file__ or "").absolute().parents[1])
    foreign = worker_environment(own_python=False, changes={"LD_LIBRARY_PATH": None, "A": "b"})
    assert "PYTHONHOME" not in foreign
    assert "LD_LIBRARY_PATH" not in foreign
    assert foreign["A"] == "b"
    assert foreign["PYTHONPATH"] == library
    own = worker_environment(own_python=True, changes={"PYTHONPATH": "/more"})
    assert own["PYTHONHOME"] == "/slicer/lib/Python"
    assert own["PYTHONPATH"] == os.pathsep.join([library, "/more"])


def test_help_says_what_it_is() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "PatchICLLib.worker", "--help"], capture_output=True, text=True, check=True
    )
    assert "--engine" in done.stdout
