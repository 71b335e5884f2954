"""Parts of the work: told to the observer, each moment to the innermost, and to nobody otherwise."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from PatchICLLib.runtime import stopwatch
from PatchICLLib.runtime.stopwatch import Stopwatch, observed, part


def work() -> None:
    with part("hints"):
        with part("sampling"):
            pass
        with part("hints/vote"):
            pass
    with part("network"):
        pass


@pytest.fixture
def ticks(monkeypatch) -> None:
    """A clock on which a second passes whenever it is read."""
    clock = itertools.count()
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: float(next(clock)))


def test_every_moment_belongs_to_the_innermost_part(ticks):
    watch = Stopwatch(torch.device("cpu"))
    with observed(watch):
        work()
        work()
    # marks: hints, sampling, hints, vote, hints, outside, network, outside; outside counts for nobody
    assert watch.seconds() == {"hints": 6.0, "sampling": 2.0, "hints/vote": 2.0, "network": 2.0}


def test_a_part_that_fails_ends(ticks):
    watch = Stopwatch(torch.device("cpu"))
    with observed(watch):
        with pytest.raises(KeyError), part("hints"), part("sampling"):
            raise KeyError
        with part("network"):
            pass
    assert watch.seconds() == {"hints": 2.0, "sampling": 1.0, "network": 1.0}


def test_only_the_thread_that_asked_is_observed_and_only_meanwhile():
    seen = []

    @contextmanager
    def observer(name: str) -> Iterator[None]:
        seen.append(name)
        yield

    with observed(observer):
        other = threading.Thread(target=work)
        other.start()
        other.join()
        assert seen == []
        work()
    work()
    assert seen == ["hints", "sampling", "hints/vote", "network"]
