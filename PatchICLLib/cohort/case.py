"""One scan of a cohort: what to do, whether it is done, and doing it."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from PatchICLLib.errors import InputError, PatchICLError
from PatchICLLib.outputs import Output
from PatchICLLib.segmentations.limits import LimitFiles

if TYPE_CHECKING:
    from PatchICLLib.images import Volume
    from PatchICLLib.segmentations import Segmentation

REPORT_ENDING = ".report.json"
_ENDINGS = (".seg.nrrd", ".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".dcm")


@dataclass(frozen=True)
class CohortModel:
    """The weights of all cases.

    Attributes:
        weights: name or file; None for those that ship.
        preset: that the weights must be of; None for any.
        device: see ``resolve_device``.
        sha256: of the weights file.
        card_sha256: of the model card, which may change probabilities.
    """

    weights: str | None
    preset: str | None
    device: str
    sha256: str
    card_sha256: str = ""


@dataclass(frozen=True)
class CohortCase:
    """A scan to segment.

    Attributes:
        name: in the report.
        image, painted: what is read; None: nothing is painted, the library alone shows what to segment.
        library: folder of finished cases, or None.
        match: names of the library's structures by label of the painting, before those of its segments.
        limits: segmentations of other structures.
        output: label map to write; the case's report lies beside it and says that the case is done.
        probability, entropy: further volumes to write, or None.
        options: of ``Propagator.propagate``, without ``outputs``.
        anew: do it though it may be finished.
    """

    name: str
    image: Path
    painted: Path | None
    output: Path
    probability: Path | None = None
    entropy: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)
    anew: bool = False
    library: Path | None = None
    match: dict[int, str] = field(default_factory=dict)
    limits: LimitFiles = LimitFiles()

    @property
    def report(self) -> Path:
        name = self.output.name
        ending = next((e for e in _ENDINGS if name.lower().endswith(e)), "")
        return self.output.with_name(name[: len(name) - len(ending)] + REPORT_ENDING)

    @property
    def outputs(self) -> list[Path]:
        """All files that the case writes, its report last."""
        volumes = [path for path in (self.output, self.probability, self.entropy) if path is not None]
        return [*volumes, self.report]

    def declared_outputs(self) -> list[Output]:
        """The same, as `check_outputs` takes them."""
        from PatchICLLib.images import image_output
        from PatchICLLib.segmentations.files import segmentation_output

        maps = {"its probability": self.probability, "its entropy": self.entropy}
        return [
            segmentation_output("its output", self.output),
            *(image_output(name, path, real_numbers=True) for name, path in maps.items() if path is not None),
            Output("its report", self.report, recognised=_is_report),
        ]

    def fingerprint(self, model: CohortModel) -> str:
        """Changes with the input files, the options, the weights and the library's cases; not with folders, so that
        data may move.

        Raises:
            OSError: an input is missing.
            InputError: the library cannot be read.
        """
        files: list[Any] = [_state_of(path) for path in (self.image, self.painted) if path is not None]
        if self.library is not None:
            files += [_cases_of(self.library), sorted(self.match.items())]
        files += [[name, _state_of(path)] for name, path in self.limits.named("").items()]
        weights = [model.sha256, model.card_sha256]
        content = [files, self.options, weights, self.probability is not None, self.entropy is not None]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=list).encode()).hexdigest()


@dataclass(frozen=True)
class CaseResult:
    """What became of a case.

    Attributes:
        name: of the case.
        status: "done" now, "skipped" because it was done before, or "failed".
        message: why it failed.
        seconds: of the work.
        worker: machine and process that did it.
        suggested_slice: the slice to paint next, if the model suggests one.
        attempts: how often it was begun in this run.
    """

    name: str
    status: Literal["done", "skipped", "failed"]
    message: str = ""
    seconds: float = 0.0
    worker: str = ""
    suggested_slice: int | None = None
    attempts: int = 1

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def finished_result(case: CohortCase, model: CohortModel) -> CaseResult | None:
    """The result of an earlier run that still holds: outputs are there, made from these inputs; None if not."""
    if not all(path.is_file() for path in case.outputs):
        return None
    try:
        content = json.loads(case.report.read_text(encoding="utf-8"))
        if content["cohort"]["fingerprint"] != case.fingerprint(model):
            return None
        return CaseResult(
            case.name,
            "skipped",
            seconds=float(content["cohort"]["seconds"]),
            worker=str(content["cohort"]["worker"]),
            suggested_slice=content.get("suggested_next_slice"),
        )
    except (OSError, ValueError, KeyError, TypeError, InputError):
        return None


def _is_report(path: Path) -> bool:
    """Whether a file is the report of a case."""
    try:
        return "fingerprint" in json.loads(path.read_text(encoding="utf-8"))["cohort"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def run_case(case: CohortCase, model: CohortModel) -> CaseResult:
    """Segment a scan and write its files, which appear together; never raises for what is wrong with the scan.

    A case that is finished already, for instance because a cluster asks twice, is not done again.

    Raises:
        Exception: nobody foresaw it, or memory ran out; the process should do no other case.
    """
    before = None if case.anew else finished_result(case, model)
    if before is not None:
        return before
    started = time.monotonic()
    worker = f"{platform.node()}:{os.getpid()}"
    try:
        suggested = _segment(case, model, worker, started)
    except (PatchICLError, OSError) as error:
        message = str(error) if isinstance(error, PatchICLError) else f"{type(error).__name__}: {error}"
        return CaseResult(case.name, "failed", message, time.monotonic() - started, worker)
    return CaseResult(case.name, "done", "", time.monotonic() - started, worker, suggested)


def _segment(case: CohortCase, model: CohortModel, worker: str, started: float) -> int | None:
    from PatchICLLib.images import check_can_hold_grid, read_scalar_image
    from PatchICLLib.images.writing import stage_image
    from PatchICLLib.outputs import StagedFiles, check_outputs, stage_json
    from PatchICLLib.segmentations.files import check_can_hold, stage_segmentation

    inputs = {"its image": case.image, "its painting": case.painted, **case.limits.named("its ")}
    check_outputs(case.declared_outputs(), inputs)
    image = read_scalar_image(case.image)
    painted, given = _painted(case, image)
    limits = case.limits.read(image, painted.array, "")
    given |= limits.options()
    check_can_hold(image, painted, case.output)
    check_can_hold_grid(image, case.probability, case.entropy)
    fingerprint = case.fingerprint(model)
    extras = {"probability": case.probability, "entropy": case.entropy}
    wanted = frozenset(name for name, path in extras.items() if path is not None)
    array = None if case.painted is None else painted.array
    result = _propagator(model).propagate(image.array, array, image.spacing_kji, outputs=wanted, **given)
    with StagedFiles() as staged:
        stage_segmentation(staged, painted.filled(result.labels), image, case.output)
        for name, path in extras.items():
            if path is not None:
                stage_image(staged, getattr(result, name), image, path)
        # moved last: the report is what tells that the case is finished
        cohort = {"fingerprint": fingerprint, "seconds": round(time.monotonic() - started, 3), "worker": worker}
        drawn = None if case.painted is None else str(case.painted)
        content = {"image": str(case.image), "painted": drawn, "output": str(case.output), "cohort": cohort}
        stage_json(staged, {**content, **limits.told(result.report), "names": painted.names}, case.report)
        staged.commit()
    suggested: int | None = result.report.get("suggested_next_slice")
    return suggested


def _painted(case: CohortCase, image: Volume) -> tuple[Segmentation, dict[str, Any]]:
    """The painting of a case, and the options of ``Propagator.propagate`` with it."""
    from PatchICLLib.library import Library, with_library
    from PatchICLLib.segmentations.files import read_segmentation

    painted = None if case.painted is None else read_segmentation(case.painted, like=image)
    if case.library is not None:
        return with_library(Library.open(case.library), painted, case.match, case.options, image)
    if painted is None:
        raise InputError("Nothing is painted, and there is no library.")
    return painted, {**case.options, "labels": painted.chosen(case.options.get("labels"))}


def _cases_of(library: Path) -> list[Any]:
    from PatchICLLib.library import Library

    opened = Library.open(library)
    names = [[one.label, one.name, str(one.terminology)] for one in opened.structures]
    return [names, [case.checksum for case in opened.cases]]


@functools.lru_cache(maxsize=1)
def _propagator(model: CohortModel) -> Any:
    from PatchICLLib.propagation import Propagator

    return Propagator.from_pretrained(model.weights, model.device, model.preset)


def _state_of(path: Path) -> list[Any]:
    """Name, size and time of change of a file, or of all files of a DICOM folder."""
    files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    return [[file.name, (state := file.stat()).st_size, state.st_mtime_ns] for file in files]
