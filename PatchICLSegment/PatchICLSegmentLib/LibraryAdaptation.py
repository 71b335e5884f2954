"""Weights that learn from the library's cases, in the worker, while the user waits or works on something else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from .Errors import SceneError
from .Signal import Signal
from .State import State
from .Translation import _, counted

MINUTES = 5.0  # of training; measuring comes after that


@dataclass(frozen=True)
class AdaptationJob:
    """What the worker is asked for; attributes as of `Job`. It takes no voxels."""

    options: Mapping[str, Any]
    image: np.ndarray = field(default_factory=lambda: np.zeros((1, 1, 1), np.float32))
    painted: np.ndarray = field(default_factory=lambda: np.zeros((1, 1, 1), np.uint8))
    grid: ClassVar[Any] = SimpleNamespace(spacing=(1.0, 1.0, 1.0))
    evidence: ClassVar[np.ndarray | None] = None


class LibraryAdaptation:
    """Args: logic: whose library is meant; session: with its worker.

    Attributes:
        changed: signal without arguments: begun, a step done, ended.
        told: how far it is, or what came of it, a sentence; "" before the first time.
        progress: of the worker; None before the first step, and when it is over.
    """

    def __init__(self, logic, session):
        self.logic, self._session = logic, session
        self.changed = Signal()
        self.told = ""
        self.progress = None
        self._names: dict[int, str] | None = None  # of the structures, while it runs

    @property
    def isBusy(self) -> bool:
        return self._names is not None

    @property
    def isPossible(self) -> bool:
        """Whether a structure is finished in two cases: one is left out, to measure what was gained.

        Raises:
            SceneError: there is no library.
        """
        library = self.logic.library.open()
        return any(len(library.cases_with(one.label)) > 1 for one in library.structures)

    def start(self) -> None:
        """Begins, or goes on where it was stopped, and returns at once; `poll` of the logic goes on.

        Raises:
            SceneError: what is missing, in one sentence. Nothing has changed then.
        """
        logic = self.logic
        logic.checkNetworkIsFree()
        if logic.state is not State.IDLE:
            raise SceneError(_("Apply or discard the preview first; while the network learns it cannot propagate."))
        if not self.isPossible:
            raise SceneError(
                _("No structure is finished in two cases yet; one is left out, to measure what the others teach.")
            )
        library = logic.library.open()
        options = {"adapt": logic.library.folder, "minutes": MINUTES, "outputs": frozenset()}
        self._session.submit(AdaptationJob(options), logic.parameters.device, logic.parameters.weights)
        self._names = {one.label: one.name for one in library.structures}
        self.told = _("Learning from the library...")
        self.changed.emit()

    def take(self, event) -> None:
        """An event of the worker."""
        if not self.isBusy:
            return
        if event.kind == "progress":
            self._show(event.progress)
        elif event.kind == "result":
            self._end(_sentences(event.result.report, self._names))
        elif event.kind == "cancelled":
            self._end(_stopped())
        else:
            self._end("")
            self.logic.failed.emit(event.message)

    def cancel(self) -> None:
        """Stops; what is learned is kept, and `start` goes on from there."""
        if self.isBusy:
            self._session.cancel()
            self._session.forgetJob()
            self._end(_stopped())

    def _show(self, progress) -> None:
        self.progress = progress
        if progress.stage == "Training":
            told = _("Learning from the library: step {done} of about {total}")
        else:
            told = _("Measuring on the case that was left out: {done} of {total}")
        self.told = told.format(done=progress.done, total=progress.total)
        self.changed.emit()

    def _end(self, told: str) -> None:
        self._names, self.progress, self.told = None, None, told
        self.changed.emit()


def _stopped() -> str:
    return _("Stopped; what is learned so far is kept, and the next time goes on from there.")


def _sentences(report: Mapping[str, Any], names: Mapping[int, str]) -> str:
    """What was learned and gained, on which case, and what it is used for."""
    found = ", ".join(
        _("{name} {before} before, {after} after").format(
            name=names[gain["structure"]], before=f"{gain['before']:.3f}", after=f"{gain['after']:.3f}"
        )
        for gain in report["gains"]
    )
    measured = _("Dice on case {case}, left out, from three slices: {found}.").format(
        case=report["left_out"], found=found
    )
    if report["kept"]:
        used = ", ".join(names[label] for label in report["used"])
        outcome = _("From now on used for {names}, painted on three slices or more.").format(names=used)
    else:
        outcome = _("Nothing was gained, so the network stays as it is.")
    learned = counted(report["steps"], _("Learned in 1 step."), _("Learned in {count} steps."))
    return " ".join([learned.format(count=report["steps"]), measured, outcome])
