"""UniverSeg (arXiv 2304.06131): the baseline, and the feature encoder of the `paper` preset."""

from PatchICLLib.universeg.network import UniverSeg, UniverSegConfiguration
from PatchICLLib.universeg.official import load_official_weights

__all__ = ["UniverSeg", "UniverSegConfiguration", "load_official_weights"]
