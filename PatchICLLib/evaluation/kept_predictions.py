"""Predictions of development structures, kept in files: what is worked out from them need not predict anew."""

import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from PatchICLLib.datasets.cases import Case
from PatchICLLib.errors import InputError
from PatchICLLib.evaluation.methods import Method
from PatchICLLib.evaluation.painted_structures import painted_structures
from PatchICLLib.evaluation.runner import Settings
from PatchICLLib.outputs import StagedFiles, write_errors
from PatchICLLib.propagation.geometry.sliced_volume import bounding_box

_FIELDS = ("labels", "probability", "painted", "reference", "slices", "axis", "spacing")


@dataclass(frozen=True, eq=False)
class KeptPrediction:
    """One structure, painted on some slices; all arrays cropped to where anything is.

    Attributes:
        source, case, structure: where it is from.
        k: number of painted slices.
        labels, painted, reference: (K, J, I) bool.
        probability: (K, J, I) float32.
        slices: painted ones, of the cropped arrays.
        axis: of the slices.
        spacing: along k, j and i in mm.
    """

    source: str
    case: str
    structure: str
    k: int
    labels: np.ndarray
    probability: np.ndarray
    painted: np.ndarray
    reference: np.ndarray
    slices: tuple[int, ...]
    axis: int
    spacing: tuple[float, float, float]


def predictions(
    cases: Sequence[Case],
    method: Method,
    settings: Settings,
    folder: Path,
    progress: Callable[[int, int, str], None] | None = None,
) -> Iterator[KeptPrediction]:
    """Predictions for each structure, k and placement, read from a folder or made and kept there.

    Raises:
        InputError: a file there is none of these, or cannot be written.
    """
    for one in painted_structures(cases, settings, progress):
        names = (one.case.source, one.case.name, str(one.label), one.placement, str(one.k), method.identity)
        path = folder / (re.sub(r"[^\w.-]", "_", "--".join(names)) + ".npz")
        if not path.is_file():
            predicted = method.predict(one.given)
            assert predicted.probability is not None
            window = bounding_box(one.reference | predicted.labels | (predicted.probability > 0))
            _write(
                path,
                labels=predicted.labels[window],
                probability=predicted.probability[window],
                painted=one.given.painted[window] > 0,
                reference=one.reference[window],
                slices=np.array(one.given.slices) - window[one.given.axis].start,
                axis=np.array(one.given.axis),
                spacing=np.array(one.given.spacing),
            )
        held = _read(path)
        yield KeptPrediction(
            one.case.source,
            one.case.name,
            one.name,
            one.k,
            held["labels"] > 0,
            held["probability"],
            held["painted"] > 0,
            held["reference"],
            tuple(int(z) for z in held["slices"]),
            int(held["axis"]),
            (float(held["spacing"][0]), float(held["spacing"][1]), float(held["spacing"][2])),
        )


def _write(path: Path, **arrays: Any) -> None:
    with StagedFiles() as staged:
        with write_errors(path):
            np.savez_compressed(staged.path_for(path), **arrays)
        staged.commit()


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as held:
            return {name: held[name] for name in _FIELDS}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is no prediction that was kept: remove it, or give another folder.") from error
