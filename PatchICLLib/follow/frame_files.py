"""What is written for each frame, and whether it is there already."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PatchICLLib.follow.sequence import Sequence
from PatchICLLib.images import Volume
from PatchICLLib.outputs import Output, StagedFiles, stage_json
from PatchICLLib.segmentations import Segmentation
from PatchICLLib.segmentations.files import stage_segmentation

_REPORT_ENDING = ".report.json"
_KEY = "follow"


@dataclass(frozen=True, eq=False)
class FrameFiles:
    """The files of all frames.

    Attributes:
        folder: in which they lie.
        sequence: the frames.
        painted: number of the painted one.
        ending: of the segmentations.
        origin: what the result depends on beside the frames: painting, options, weights.
    """

    folder: Path
    sequence: Sequence
    painted: int
    ending: str
    origin: list[Any]

    def segmentation(self, number: int) -> Path:
        return self.folder / (self.sequence.names[number] + self.ending)

    def report(self, number: int) -> Path:
        return self.folder / (self.sequence.names[number] + _REPORT_ENDING)

    def outputs(self) -> list[Output]:
        """All of them; what lies there is replaced only if it was written so."""
        found = []
        for number, name in enumerate(self.sequence.names):
            report, path = self.report(number), self.segmentation(number)
            found += [
                Output(f"frame {name}", path, recognised=lambda _, report=report: _written(report) is not None),  # type: ignore[misc]
                Output(f"the report of frame {name}", report, recognised=lambda one: _written(one) is not None),
            ]
        return found

    def is_finished(self, number: int) -> bool:
        """Whether a frame was done before, from the same files and options."""
        return self.segmentation(number).is_file() and _written(self.report(number)) == self.fingerprint(number)

    def fingerprint(self, number: int) -> str:
        """Changes with the painting, the options and all frames on the way from the painted one."""
        way = range(min(number, self.painted), max(number, self.painted) + 1)
        content = [number - self.painted, [self.sequence.state(one) for one in way], self.origin]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=list).encode()).hexdigest()

    def write(self, number: int, image: Volume, segmentation: Segmentation, report: dict[str, Any]) -> None:
        """Write a frame's segmentation and report, which appear together."""
        with StagedFiles() as files:
            stage_segmentation(files, segmentation, image, self.segmentation(number))
            content = {
                "frame": self.sequence.names[number],
                "image": str(self.sequence.files[number]),
                "painted_frame": self.sequence.names[self.painted],
                "output": str(self.segmentation(number)),
                **report,
                _KEY: self.fingerprint(number),
            }
            stage_json(files, content, self.report(number))
            files.commit()


def _written(report: Path) -> str | None:
    """The fingerprint in a report of this kind; None if there is no such report."""
    try:
        found = json.loads(report.read_text(encoding="utf-8"))[_KEY]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return found if isinstance(found, str) else None
