"""The trained UniverSeg whose encoder the preset `paper` reads with (paper, section 3.3)."""

from __future__ import annotations

from pathlib import Path

from PatchICLLib.universeg.segmenter import official_pretrained
from PatchICLLib.weights import Pretrained, load_weights


def trained_universeg(weights: str | Path | None = None) -> Pretrained:
    """UniverSeg with weights.

    Args:
        weights: name of bundled weights or a file of such, the authors' official `.pt` file, or None for what ships.

    Raises:
        WeightsError: missing, damaged, or no UniverSeg.
    """
    if weights is not None and Path(weights).suffix == ".pt":
        return official_pretrained(weights)
    return load_weights(weights, "universeg")
