"""Where a result came from: a text node with the report, and tags on the segments that carry the result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import vtk

from .Translation import _


def describeRun(report: Mapping[str, Any], volumeNode, segmentationNode, labels, frame: str | None) -> dict[str, Any]:
    """The worker's report together with the names that the labels have in the scene."""
    segmentation = segmentationNode.GetSegmentation()
    return {
        **report,
        "volume": volumeNode.GetName(),
        "frame": frame,
        "segmentation": segmentationNode.GetName(),
        "segments": {
            str(label): {"id": segmentId, "name": segmentation.GetSegment(segmentId).GetName()}
            for label, segmentId in labels.items()
        },
    }


def storeText(scene, name: str, content: Any, node=None):
    """Keeps plain JSON in a text node of the scene."""
    if node is None:
        node = scene.AddNewNodeByClass("vtkMRMLTextNode", scene.GenerateUniqueName(name))
        node.SetEncoding(vtk.VTK_ENCODING_UTF_8)
    node.SetText(json.dumps(content, indent=1))
    return node


def readText(node) -> Any:
    return json.loads(node.GetText()) if node is not None and node.GetText() else None


def storeReport(scene, run: Mapping[str, Any], node=None):
    return storeText(scene, _("PatchICL report"), run, node)


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
