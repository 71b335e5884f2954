"""What the cascade looked at, as a table per slice and as files for other programs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from PatchICLLib.outputs import StagedFiles, stage_json

from .InspectionPictures import writePicture
from .Translation import _


def levelTable(selection) -> dict[str, list]:
    """Columns of the table of levels for one slice."""
    levels = selection.levels
    return {
        _("Level"): [number for number, _level in enumerate(levels, start=1)],
        _("Pixels"): [int(level.resolution) for level in levels],
        _("Patches"): [len(level.patches) for level in levels],
        _("Context"): [len(level.context_patches) for level in levels],
        _("Covered"): [float(level.coverage) for level in levels],
        _("Entropy"): [float(level.mean_entropy) for level in levels],
    }


def export(
    folder: str | Path, run: Mapping[str, Any], selections: Sequence[Any], picture=None, logits=None
) -> list[Path]:
    """Writes what is known of a run, all files or none; returns them.

    Args:
        run: the report, as JSON.
        selections: of all slices, as JSON.
        picture: RGB pixels of the current slice, as PNG; None for none.
        logits: `SliceLogits` of the current slice, as numpy arrays with their place in JSON; None for none.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "patchicl_report.json", folder / "patchicl_selections.json"]
    with StagedFiles() as files:
        for path, content in zip(written, (run, [entry.to_json() for entry in selections]), strict=True):
            stage_json(files, content, path)
        if picture is not None:
            written.append(folder / "patchicl_patches.png")
            writePicture(files.path_for(written[-1]), picture)
        if logits is not None:
            name = f"patchicl_logits_slice_{logits.slice_index}_label_{logits.label}"
            written += [folder / f"{name}.npz", folder / f"{name}.json"]
            arrays = {
                f"level{number}_{when}": getattr(level, when)
                for number, level in enumerate(logits.levels, start=1)
                for when in ("before", "after")
            }
            np.savez_compressed(files.path_for(written[-2]), **arrays)
            stage_json(files, describeLogits(logits), written[-1])
        files.commit()
    return written


def describeLogits(logits) -> dict[str, Any]:
    """Where the arrays of exported logits lie, in voxels of the slice (voxel centers are whole numbers)."""
    return {
        "slice": logits.slice_index,
        "label": logits.label,
        "corner": list(logits.corner),
        "size": list(logits.size),
        "resolutions": [level.resolution for level in logits.levels],
        # In the order of the context patches in the exported selections.
        "context_shares": [
            None if level.shares is None else [round(float(share), 6) for share in level.shares]
            for level in logits.levels
        ],
    }
