"""Threads spin for a short while, unless the user has chosen how they wait."""

import pytest

from PatchICLLib.runtime.thread_waiting import choose_thread_waiting
from PatchICLLib.worker.python_executable import worker_environment

VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


@pytest.mark.parametrize("chosen", [{name: "1"} for name in VARIABLES])
def test_the_users_choice_stays(chosen):
    environment = {"A": "b", **chosen}
    choose_thread_waiting(environment)
    assert environment == {"A": "b", **chosen}


def test_workers_spin_for_a_while(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    environment = worker_environment(own_python=True)
    assert environment["OMP_WAIT_POLICY"] == "passive"  # runtimes that count no spins
    assert 0 < int(environment["GOMP_SPINCOUNT"]) < 300_000  # less than GNU's default
