"""Asking the worker for the logits of one slice before and after each level of the cascade."""

from dataclasses import replace
from typing import Any

from .Errors import SceneError
from .Job import Job, prepareJob
from .Signal import Signal
from .Translation import _


class LogitsRequest:
    """One question at a time; the answer is kept until there is another result. Runs beside a preview.

    Attributes:
        changed: signal without arguments: asked, answered, or forgotten.
        isBusy: the worker has not answered yet.
        found: the answer, a `PatchICLLib.propagation.result.slice_logits.SliceLogits`, or None.
    """

    def __init__(self, logic, session):
        self.logic, self._session = logic, session
        self.changed = Signal()
        self.isBusy = False
        self.found = None
        self._asked: tuple[int, int] = (-1, -1)

    def start(self) -> None:
        """Asks for the slice that is shown; the answer comes through `take`.

        Raises:
            SceneError: there is no result for this slice, or it is not the result of what is painted now.
        """
        logic = self.logic
        logic.checkNetworkIsFree()
        run = logic.results.run
        selection = logic.views.selectionOfCurrentSlice()
        if run is None or selection is None:
            raise SceneError(_("The current slice was not predicted; propagate first, or go to another one."))
        if logic.results.volumeNode is not logic.volumeNode:
            raise SceneError(_("The result is of another volume; select that volume first."))
        job = prepareJob(
            logic.volumeNode,
            logic.segmentationNode,
            logic.segmentId,
            logic.parameters,
            allowsOverlap=logic.allowsOverlap,
            area=logic.editableArea,
            shown=logic.shown,
        )
        job = replace(job, options=optionsOfRun(run, job, selection.label, selection.slice_index))
        if paintedSlicesOf(job, selection.label) != run["painted_slices"].get(str(selection.label)):
            raise SceneError(_("The painting has changed since the last run; propagate again first."))
        if job.evidenceChecksum != run.get("evidence_checksum"):
            raise SceneError(_("What other segments exclude has changed since the last run; propagate again first."))
        self.found = None
        self._asked = selection.slice_index, selection.label
        self.isBusy = True
        self._session.submit(job, logic.parameters.device, logic.parameters.weights)
        self.changed.emit()

    def take(self, event) -> None:
        """An event of the worker."""
        if not self.isBusy or event.kind == "progress":
            return
        self.isBusy = False
        self._session.forgetJob()
        if event.kind == "result":
            found = (entry for entry in event.result.logits or () if (entry.slice_index, entry.label) == self._asked)
            self.found = next(found, None)
        self.changed.emit()
        if event.kind in ("error", "died"):
            self.logic.failed.emit(event.message)

    def stop(self) -> None:
        """Gives up the question, because the worker is needed for something else."""
        if self.isBusy:
            self.isBusy = False
            self._session.cancel()
            self._session.forgetJob()

    def forget(self) -> None:
        """The result that was asked about is gone."""
        self.stop()
        self.found = None
        self.changed.emit()


def optionsOfRun(run, job: Job, label: int, index: int) -> dict[str, Any]:
    """What makes the worker repeat a run as far as one slice needs it. The report says how it was made."""
    extent = run["extent"]
    excluded = {"excluded": job.options["excluded"]} if "excluded" in job.options else {}
    return {
        **excluded,
        "axis": job.options["axis"],
        "painted_slices": job.options["painted_slices"],
        "ignore_slices": job.options["ignore_slices"],
        "use_all_slices": True,
        "labels": [label],
        "extent": extent if isinstance(extent, str) else tuple(extent),
        "context_size": run["context_size"],
        "prior": run["prior"],
        "patch_budget": run["patch_budget"],
        "field_of_view": run["field_of_view"],
        "region": run["region"],
        "seed": run["seed"],
        # As in the run: then the worker remembers all slices but the one, unless a library led it.
        "outputs": frozenset({"selections"}),
        "logits_slices": [index],
    }


def paintedSlicesOf(job: Job, label: int) -> list[int]:
    """Slices along the main axis that a job counts as painted for a label, ascending."""
    return sorted(row.index for row in job.paintings[label - 1].context if row.axis == job.axis)
