"""Processes start without looking into the working folder, survive Ctrl-C while they start, and can always be ended."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from PatchICLLib.runtime.child_process import Spawning, begin_as_child, end, process_pool, safe_path

REPOSITORY = Path(__file__).resolve().parents[3]
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

# Notes that it was imported from the working folder; the import fails, as that of a stranger's file may.
TRAP = "with open('sprung.log', 'a') as log:\n    log.write(__name__ + '\\n')\nraise ImportError('a trap')\n"

STARTS = """
import contextlib, multiprocessing, sys
from pathlib import Path
sys.path.insert(0, {repository!r})
from PatchICLLib.runtime.child_process import Spawning, begin_as_child, process_pool, starting


def plain(kind):
    process = kind.Process(target=begin_as_child)
    process.start()
    process.join()


def pool():
    with process_pool(1) as executor:
        assert list(executor.map(abs, [-1])) == [1]


def loader(method):
    from torch.utils.data import DataLoader
    with starting():
        batches = iter(DataLoader([1, 2], num_workers=1, multiprocessing_context=method))
    assert len(list(batches)) == 2


def worker():
    from PatchICLLib.errors import InputError
    from PatchICLLib.worker import WorkerClient
    with contextlib.suppress(InputError):  # it runs far enough to say that this names no engine
        WorkerClient(engine="no_colon").start()


def dask():
    from Testing.Miniatures.cohort_work import note
    from PatchICLLib.cohort.case import CohortCase, CohortModel
    from PatchICLLib.cohort.dask_pool import DaskPool
    here = Path(__file__).parent
    case = CohortCase("a", here / "i", here / "p", here / "o.nii")
    assert [r.status for r in DaskPool("local", work=note).run([case], CohortModel(None, None, "cpu", ""))] == ["done"]


if __name__ == "__main__":
    {call}
"""


@pytest.fixture
def trapped(tmp_path: Path) -> Path:
    """A working folder with a file for every module of the standard library that Python has not loaded by itself.

    Those that it has loaded before the first line of any program are nothing that a program can help.
    """
    empty = tmp_path / "elsewhere" / "empty"
    empty.mkdir(parents=True)
    (empty / "__init__.py").touch()
    (empty / "__main__.py").write_text("import sys; print(*sys.modules)")
    loaded = subprocess.run(
        [sys.executable, "-m", "empty"],
        cwd=empty.parent,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    folder = tmp_path / "scans"
    folder.mkdir()
    for name in sys.stdlib_module_names - set(loaded.stdout.split()) - set(sys.builtin_module_names):
        (folder / f"{name}.py").write_text(TRAP)
    assert (folder / "pickle.py").is_file()
    return folder


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    return {**kept, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}


def sprung(folder: Path) -> list[str]:
    log = folder / "sprung.log"
    return sorted(set(log.read_text().split())) if log.exists() else []


def test_the_command_line_as_a_module_imports_nothing_from_the_working_folder(trapped: Path) -> None:
    command = [sys.executable, "-m", "PatchICLLib", "info", "--help"]
    done = subprocess.run(command, cwd=trapped, env=environment(), capture_output=True, encoding="utf-8")
    assert (done.returncode, sprung(trapped)) == (0, []), done.stderr


def test_the_command_line_as_a_module_runs_in_its_own_checkout() -> None:
    without = {name: value for name, value in environment().items() if name != "PYTHONPATH"}
    command = [sys.executable, "-S", "-m", "PatchICLLib"]  # -S: neither installed packages nor an editable install
    done = subprocess.run(command, cwd=REPOSITORY, env=without, capture_output=True, encoding="utf-8")
    assert "No module named 'typer'" in done.stderr  # which comes from what is installed; PatchICLLib itself was found


@pytest.mark.parametrize(
    ("call", "caught"),
    [
        ("plain(multiprocessing.get_context('spawn'))", True),  # the trap works
        ("plain(Spawning())", False),
        ("Spawning().Lock()", False),
        ("pool()", False),
        ("worker()", False),
        pytest.param("loader('spawn')", False, marks=pytest.mark.slow),
        pytest.param("loader('forkserver')", False, marks=pytest.mark.slow),
        pytest.param("dask()", False, marks=pytest.mark.slow),
    ],
)
@posix
def test_processes_import_nothing_from_the_working_folder(trapped: Path, call: str, caught: bool) -> None:
    if call == "dask()":
        pytest.importorskip("distributed", reason="needs Dask: pip install patchicl[distributed]")
    script = trapped.parent / "elsewhere" / "script.py"
    script.write_text(STARTS.format(repository=str(REPOSITORY), call=call))
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=trapped,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert bool(sprung(trapped)) == caught, (sprung(trapped), done.stderr)
    assert caught or done.returncode == 0, done.stderr


def test_the_environment_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    for before in (None, "", "1"):
        monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
        if before is not None:
            monkeypatch.setenv("PYTHONSAFEPATH", before)
        with safe_path():
            with safe_path():
                pass
            assert os.environ["PYTHONSAFEPATH"] == "1"
        assert os.environ.get("PYTHONSAFEPATH") == before


@posix
def test_ctrl_c_while_a_process_starts_does_not_end_it() -> None:
    process = Spawning().Process(target=begin_as_child)
    process.start()
    for _ in range(20):
        if process.is_alive():
            os.kill(process.pid, signal.SIGINT)
        time.sleep(0.01)
    process.join(30)
    assert process.exitcode == 0
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


@posix
def test_a_stopped_process_is_ended() -> None:
    processes = [Spawning().Process(target=target) for target in (stop, begin_as_child)]
    for process in processes:
        process.start()
    wait_until_stopped(processes[0].pid)
    end(processes, patience=0.2)
    assert [process.is_alive() for process in processes] == [False, False]


@posix
def test_a_pool_with_a_stopped_process_can_be_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(end, "__defaults__", (0.2,))
    with pytest.raises(KeyboardInterrupt), process_pool(1) as executor:
        executor.submit(stop)
        (pid,) = executor._processes
        wait_until_stopped(pid)
        raise KeyboardInterrupt


def wait_until_stopped(pid: int) -> None:
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < deadline
        time.sleep(0.01)
