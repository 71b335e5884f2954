"""The trained UniverSeg whose encoder the preset `paper` reads with (paper, section 3.3)."""

from dataclasses import dataclass
from pathlib import Path

from PatchICLLib.cascade.universeg_in_context import UniverSegInContext
from PatchICLLib.universeg.network import UniverSeg
from PatchICLLib.weights import load_weights, official_pretrained


@dataclass(frozen=True)
class TrainedUniverSeg:
    """The network, and name, preset and hash of its weights."""

    network: UniverSeg
    provenance: dict[str, str]


def trained_universeg(weights: str | Path | None = None) -> TrainedUniverSeg:
    """UniverSeg with weights, on the CPU.

    Args:
        weights: name of bundled weights or a file of such, the authors' official `.pt` file, or None for what ships.

    Raises:
        WeightsError: missing, damaged, or no UniverSeg.
    """
    official = weights is not None and Path(weights).suffix == ".pt"
    pretrained = official_pretrained(weights) if official else load_weights(weights, "universeg")  # type: ignore[arg-type]
    assert isinstance(pretrained.model, UniverSegInContext)  # the preset's
    return TrainedUniverSeg(pretrained.model.network, pretrained.provenance())
