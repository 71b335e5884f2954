"""A progress bar on stderr, driven by the engine's progress reports."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from PatchICLLib.command_line.console import plain_console

if TYPE_CHECKING:
    from PatchICLLib.propagation import Progress as EngineProgress


class ProgressDisplay:
    """Shows how many slices are done and the time left, if stderr is a terminal; shows nothing when quiet.

    Args:
        quiet: show nothing.
        unit: what is counted.
    """

    def __init__(self, quiet: bool, unit: str = "slices") -> None:
        console = plain_console(stderr=True)
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=36),
            TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[unit]}", markup=False),
            TextColumn("{task.fields[left]}", style="cyan", markup=False),
            console=console,
            disable=quiet or not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("Starting", total=1, unit=unit, left="")
        self._pace: tuple[str, int, int, float] | None = None  # kind of work, its total; done when begun, and when

    def __enter__(self) -> ProgressDisplay:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def __call__(self, progress: EngineProgress) -> None:
        """Show one progress report."""
        left = "" if progress.remaining is None else f"{time_text(progress.remaining)} left"
        self.show(progress.stage.capitalize(), progress.done, progress.total, left)

    def show_stage(self, done: int, total: int, stage: str) -> None:
        """The same as ``show``, for what reports counts before the stage."""
        self.show(stage, done, total)

    def show(self, stage: str, done: int, total: int, left: str = "") -> None:
        """Show a stage and its counts.

        Args:
            stage: its first word tells one kind of work from another.
            done, total: of it.
            left: about the time left; by default what the pace since the stage was first shown comes to.
        """
        left = left or self._left(stage.split()[0], done, total)
        self._bar.update(self._task, description=stage, completed=done, total=max(1, total), left=left)

    def _left(self, work: str, done: int, total: int) -> str:
        now = time.monotonic()
        if self._pace is None or self._pace[:2] != (work, total) or done < self._pace[2]:
            self._pace = (work, total, done, now)
        *_, first, began = self._pace
        return f"{time_text((now - began) / (done - first) * (total - done))} left" if first < done < total else ""


def time_text(seconds: float) -> str:
    """Seconds as "0:07" or "1:02:03"."""
    whole = max(0, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
