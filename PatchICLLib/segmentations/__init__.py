"""Segments with names, colors and codes, which may overlap: read from and written to the files that hold such."""

from PatchICLLib.segmentations.segmentation import Segment, Segmentation

__all__ = ["Segment", "Segmentation"]
