"""Segmentations of other structures, which say where the labels of a painting are not: in them, or beyond them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.images import Volume
from PatchICLLib.segmentations.files import read_segmentation

_WALL = np.uint8(128)  # ``WALL`` of the engine's evidence, which stands above this room


@dataclass(frozen=True)
class LimitFiles:
    """Segmentations of other structures; every voxel with a label counts, whatever the label.

    Attributes:
        outside: nothing is where this has labels; None: no such file.
        inside: nothing is where this has none.
    """

    outside: Path | None = None
    inside: Path | None = None

    def named(self, before: str) -> dict[str, Path]:
        """The files that there are, by name: `before` and "outside" or "inside"."""
        return {f"{before}{name}": path for name, path in self._given()}

    def read(self, image: Volume, painted: np.ndarray, before: str) -> Limits:
        """Read the files.

        Args:
            image: on whose voxels they lie.
            painted: (K, J, I), or (L, K, J, I), of which labelled voxels stay wherever they are.
            before: what messages put before "outside" and "inside".

        Raises:
            InputError: a file that cannot be read, lies on another grid or has no label; or nothing is left to fill.
        """
        drawn = _labelled(painted)
        forbidden: np.ndarray | None = None
        facts, sentences = {}, []
        for name, path in self._given():
            labelled = _labelled(read_segmentation(path, like=image).array)
            if not labelled.any():
                result = "nothing would be excluded by it" if name == "outside" else "nothing could be filled inside it"
                raise InputError(f"The file {path} given as {before}{name} labels no voxel, so {result}.")
            voxels = labelled if name == "outside" else ~labelled
            stay = int((voxels & drawn).sum())
            facts[name] = {"file": path.name, "voxels": int(labelled.sum()), "painted_voxels_there": stay}
            if stay:
                where = "inside" if name == "outside" else "outside"
                lies = "1 painted voxel lies" if stay == 1 else f"{stay} painted voxels lie"
                sentences.append(f"{lies} {where} {path.name} ({before}{name}) and {'stays' if stay == 1 else 'stay'}.")
            forbidden = voxels if forbidden is None else np.logical_or(forbidden, voxels)
        if forbidden is not None and (forbidden | drawn).all():
            where = " or ".join(
                f"{'inside' if name == 'outside' else 'outside'} {path.name} ({before}{name})"
                for name, path in self._given()
            )
            raise InputError(
                f"Nothing is left to fill: every voxel that is not painted lies {where}; check that the right file was "
                "given for each."
            )
        return Limits(forbidden, facts, tuple(sentences))

    def _given(self) -> Iterator[tuple[str, Path]]:
        for name, path in (("outside", self.outside), ("inside", self.inside)):
            if path is not None:
                yield name, path


def _labelled(array: np.ndarray) -> np.ndarray:
    """(K, J, I) bool, of a label map or of layers."""
    return np.asarray(array != 0 if array.ndim == 3 else array.any(axis=0))


@dataclass(frozen=True, eq=False)
class Limits:
    """What the files say.

    Attributes:
        forbidden: (K, J, I) bool, where labels are not; None where there is no file.
        facts: for the report: by "outside" and "inside" the name of the file, its labelled voxels, and painted voxels
            that lie where they should not.
        sentences: about those painted voxels.
    """

    forbidden: np.ndarray | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    sentences: tuple[str, ...] = ()

    def options(self) -> dict[str, Any]:
        """Options of ``Propagator.propagate``."""
        return {} if self.forbidden is None else {"evidence": np.where(self.forbidden, _WALL, np.uint8(0))}

    def told(self, report: Mapping[str, Any]) -> dict[str, Any]:
        """A report with what the files said."""
        warnings = {"warnings": [*report["warnings"], *self.sentences]} if self.sentences else {}
        return {**report, **warnings, **self.facts}
