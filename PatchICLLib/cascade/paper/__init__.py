"""Preset `paper`: the published PatchICL model."""

from PatchICLLib.cascade.paper.configuration import PaperConfiguration
from PatchICLLib.cascade.paper.model import PaperCascade

__all__ = ["PaperCascade", "PaperConfiguration"]
