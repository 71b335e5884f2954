"""Where a result came from: a text node with the report, and tags on the segments that carry the result."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import vtk

from .Basis import Basis
from .Translation import _


def describeRun(report: Mapping[str, Any], volumeNode, segmentationNode, basis: Basis) -> dict[str, Any]:
    """The worker's report together with the names that the labels had in the scene when the run began."""
    return {
        **report,
        "volume": volumeNode.GetName(),
        "frame": basis.frame,
        "segmentation": segmentationNode.GetName(),
        "segments": {str(label): {"id": segmentId, "name": name} for label, segmentId, name in basis.segments},
    }


def missingOfReport(report: Mapping[str, Any]) -> str:
    """What the scene shows of a run and this report, of whatever engine, does not tell; empty for a complete one."""
    return ", ".join(name for name in ("axis", "painted_slices", "slices", "timings") if name not in report)


def storeText(scene, name: str, content: Any, node=None, indent: int | None = None):
    """Keeps plain JSON in a text node of the scene; with `indent` for people to read, which is slow if it is long."""
    if node is None:
        node = scene.AddNewNodeByClass("vtkMRMLTextNode", scene.GenerateUniqueName(name))
        node.SetEncoding(vtk.VTK_ENCODING_UTF_8)
    node.SetText(json.dumps(content, indent=indent))
    return node


class StoredText:
    """What a text node holds as JSON, read anew only when the text has changed."""

    def __init__(self, read: Callable[[Any], Any] = lambda content: content):
        self._read = read
        self._text = ""
        self._content: Any = None

    def of(self, node) -> Any:
        """None where there is no node, or no text in it."""
        text = (node.GetText() if node is not None else None) or ""
        if text != self._text:
            self._text = text
            self._content = self._read(json.loads(text)) if text else None
        return self._content


def storeReport(scene, run: Mapping[str, Any], node=None):
    return storeText(scene, _("PatchICL report"), run, node, indent=1)


def tagSegment(segment, run: Mapping[str, Any]) -> None:
    """Marks a segment as written by a run, in tags that Slicer saves with the segmentation."""
    weights = run.get("weights") or {}
    tags = {
        "PatchICL.Version": run.get("patchicl"),
        "PatchICL.Weights": weights.get("name"),
        "PatchICL.WeightsSHA256": weights.get("sha256"),
        "PatchICL.Preset": weights.get("preset"),
        "PatchICL.Seed": run.get("seed"),
        "PatchICL.Device": run.get("device"),
    }
    for name, value in tags.items():
        if value is not None:
            # "|" and ":" separate tags in .seg.nrrd files.
            segment.SetTag(name, str(value).replace("|", " ").replace(":", " "))
