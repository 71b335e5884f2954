"""What takes long tells how long."""

import pytest

from PatchICLLib.command_line import progress_display
from PatchICLLib.command_line.progress_display import ProgressDisplay
from PatchICLLib.propagation import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in seconds, and a standard error that passes for a terminal."""
    now = [0.0]
    monkeypatch.setattr(progress_display.time, "monotonic", lambda: now[0])
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    return now


def test_the_time_left_follows_from_the_pace(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressDisplay(quiet=False) as display:
        display.show("Segmenting", 0, 1000)
        clock[0] = 3.0
        display.show("Segmenting", 3, 1000)
    assert "3/1000 slices" in (said := capsys.readouterr().err)
    assert "16:37 left" in said


def test_what_was_done_before_says_nothing_of_the_pace(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressDisplay(quiet=False) as display:
        display.show("Looking", 4, 4)
        clock[0] = 100.0
        display.show("Loss 0.3", 500, 510)
        clock[0] = 104.0
        display.show("Loss 0.2", 502, 510)
    assert "0:16 left" in capsys.readouterr().err


def test_what_the_engine_says_is_taken_as_it_is(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressDisplay(quiet=False) as display:
        display(Progress("propagating", 1, 9, 1.0, 65.0))
    assert "1:05 left" in capsys.readouterr().err
