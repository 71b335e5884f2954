"""Jobs take turns in processes of their own."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from PatchICLLib.benchmark.contest import contest
from PatchICLLib.errors import PatchICLError


@dataclass(frozen=True)
class Diary:
    """Writes down who ran where, sleeps, and takes some memory."""

    path: Path
    name: str
    seconds: float = 0.0
    mib: int = 0

    def __call__(self, device: torch.device) -> Callable[[], dict[str, float]]:
        taken = torch.ones(self.mib, 2**18)  # kept by run

        def run() -> dict[str, float]:
            began = time.perf_counter()
            time.sleep(self.seconds)
            with self.path.open("a") as stream:
                stream.write(f"{self.name} {os.getpid()} {torch.get_num_threads()} {len(taken)}\n")
            return {"turn": time.perf_counter() - began}

        return run


@dataclass(frozen=True)
class Failing:
    """Fails when it is prepared, or dies when it runs."""

    dies: bool

    def __call__(self, device: torch.device) -> Callable[[], dict[str, float]]:
        if not self.dies:
            raise ValueError("no such thing")
        return lambda: os._exit(3)


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Lets the spawned processes unpickle the jobs of this file."""
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parent), *sys.path])
    module = sys.modules[Diary.__module__]
    monkeypatch.setitem(sys.modules, "test_contest", module)
    for kind in (Diary, Failing):
        monkeypatch.setattr(kind, "__module__", "test_contest")


@pytest.mark.slow
def test_jobs_take_turns_each_in_its_own_process(tmp_path):
    path = tmp_path / "diary"
    jobs = {"slow": Diary(path, "slow", seconds=0.2), "large": Diary(path, "large", mib=300)}
    done = []
    outcomes = contest(jobs, rounds=2, threads=1, warm_up=1, progress=lambda *counts: done.append(counts))
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line[0] for line in lines] == ["slow", "large", "large", "slow", "slow", "large"]
    assert done == [(number, 6) for number in range(7)]
    assert len({line[1] for line in lines} | {str(os.getpid())}) == 3
    assert {line[2] for line in lines} == {"1"}
    assert len(outcomes["slow"].seconds["turn"]) == 2
    assert outcomes["slow"].median("turn") >= 0.2 > outcomes["large"].median("turn")
    if sys.platform != "win32":
        assert 250 < outcomes["large"].peak_mib - outcomes["slow"].peak_mib < 400


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dies", "said"), [(False, "bad could not be timed: ValueError: no such thing"), (True, "bad ended without")]
)
def test_a_failing_job_is_named(dies, said):
    with pytest.raises(PatchICLError, match=said):
        contest({"bad": Failing(dies)}, rounds=1)


@dataclass(frozen=True)
class Asking:
    """Takes as long as a variable of its environment says."""

    def __call__(self, device: torch.device) -> Callable[[], dict[str, float]]:
        return lambda: {"told": float(os.environ.get("PATCHICL_TOLD", "0"))}


def test_environment_of_one_job(importable, monkeypatch):
    monkeypatch.setattr(Asking, "__module__", "test_contest")
    monkeypatch.setenv("PATCHICL_TOLD", "1")
    outcomes = contest({"a": Asking(), "b": Asking()}, 1, environments={"b": {"PATCHICL_TOLD": "2"}})
    assert [outcomes[name].median("told") for name in ("a", "b")] == [1, 2]
    assert os.environ["PATCHICL_TOLD"] == "1"
