"""Pools replace processes that die, and begin their cases again."""

import os
import sys
import time
from pathlib import Path

import pytest

from PatchICLLib.cohort.case import CohortCase, CohortModel
from PatchICLLib.cohort.dask_pool import DaskPool
from PatchICLLib.cohort.local_pool import LocalPool
from PatchICLLib.errors import InputError
from PatchICLLib.runtime.child_process import end
from Testing.Miniatures.cohort_work import note

MODEL = CohortModel(None, None, "cpu", "0" * 64)


def cases(folder: Path, *names: str) -> list[CohortCase]:
    return [CohortCase(name, folder / "image", folder / "painted", folder / f"{name}.nii.gz") for name in names]


def begun(folder: Path, name: str) -> int:
    return len((folder / f"{name}.log").read_text().splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_local_processes(tmp_path: Path, processes: int) -> None:
    names = ("a", "fragile", "b", "deadly", "broken", "c")
    pool = LocalPool(processes, attempts=2, work=note)
    results = {result.name: result for result in pool.run(cases(tmp_path, *names), MODEL)}
    assert {name: result.status for name, result in results.items()} == {
        "a": "done", "fragile": "done", "b": "done", "deadly": "failed", "broken": "failed", "c": "done",
    }  # fmt: skip
    assert {name: begun(tmp_path, name) for name in names} == {
        "a": 1, "fragile": 2, "b": 1, "deadly": 2, "broken": 1, "c": 1,
    }  # fmt: skip
    assert (results["a"].attempts, results["fragile"].attempts) == (1, 2)
    assert "died 2 times (code -9)" in results["deadly"].message
    assert results["broken"].message == "nothing is painted"


@pytest.mark.slow
def test_leaving_early_ends_the_processes(tmp_path: Path) -> None:
    results = LocalPool(1, work=note).run(cases(tmp_path, "a", "b", "c"), MODEL)
    assert next(results).name == "a"
    results.close()
    assert not (tmp_path / "c.log").exists()


@pytest.mark.slow
def test_a_process_that_met_the_unforeseen_does_no_other_case(tmp_path: Path) -> None:
    pool = LocalPool(1, work=note)
    results = {result.name: result for result in pool.run(cases(tmp_path, "a", "odd", "b"), MODEL)}
    assert [results[name].status for name in ("a", "odd", "b")] == ["done", "failed", "done"]
    assert results["odd"].message == "RuntimeError: could not create a primitive"
    assert begun(tmp_path, "odd") == 1
    assert results["a"].worker != results["b"].worker


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_stopped_process_does_not_keep_the_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(end, "__defaults__", (0.2,))
    results = LocalPool(2, work=note).run(cases(tmp_path, "stopped", "a"), MODEL)
    assert next(results).name == "a"
    deadline = time.monotonic() + 60
    while not (tmp_path / "stopped.log").exists() or not (tmp_path / "stopped.log").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.1)  # from the line that it writes to its stop
    results.close()
    pid = int((tmp_path / "stopped.log").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.slow
def test_a_dask_cluster(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="needs Dask: pip install patchicl[distributed]")
    pool = DaskPool("local", processes=1, attempts=3, work=note)
    results = {result.name: result for result in pool.run(cases(tmp_path, "a", "fragile", "broken"), MODEL)}
    assert {name: result.status for name, result in results.items()} == {
        "a": "done",
        "fragile": "done",
        "broken": "failed",
    }
    assert begun(tmp_path, "fragile") == 2


@pytest.mark.slow
def test_a_case_that_kills_every_dask_worker_fails(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="needs Dask: pip install patchicl[distributed]")
    (result,) = DaskPool("local", attempts=2, work=note).run(cases(tmp_path, "deadly"), MODEL)
    assert (result.status, begun(tmp_path, "deadly")) == ("failed", 2)
    assert "workers died again and again" in result.message


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="needs Dask: pip install patchicl[distributed]")
    monkeypatch.setattr("PatchICLLib.cohort.dask_pool._CONNECT_SECONDS", 1)
    with pytest.raises(InputError, match="tcp://127.0.0.1:9 does not answer"):
        next(DaskPool("tcp://127.0.0.1:9", work=note).run(cases(tmp_path, "a"), MODEL))


@pytest.mark.parametrize(
    "address", ["foo", "", "tcp://foo", "tcp://:12", "foo:0", "foo:99999999", "foo:" + "9" * 5000, "abc://x:1", "a b"]
)
def test_what_is_no_address_of_a_scheduler(address: str) -> None:
    pytest.importorskip("distributed", reason="needs Dask: pip install patchicl[distributed]")
    with pytest.raises(InputError, match="--dask must be local or the address of a scheduler"):
        DaskPool(address)
