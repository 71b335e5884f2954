"""What the user can set, as a dataclass, and its storage in a parameter node of the scene."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


def _choice(default: str, *choices: str):
    return field(default=default, metadata={"choices": choices})


def _within(default, minimum, maximum):
    return field(default=default, metadata={"minimum": minimum, "maximum": maximum})


@dataclass(frozen=True)
class Parameters:
    """Settings of the module. Widgets are bound by field name (property SlicerParameterName in the .ui file).

    Attributes:
        scope: propagate the selected segment, or every visible one that has painted slices.
        device: where the network runs.
        weights: name or file of the weights; "" = the bundled ones.
        contextSize: painted slices used per slice; 0 = the weights' own number.
        useAllSlices: learn also from slices that look as if they were painted by accident.
        usePrior: start from a shape interpolation between the painted slices.
        patchBudget: patches per level, times what the network was trained with.
        fieldOfView: side of the square that the network sees, over the painted extent.
        candidates: most answers where the network is torn.
        seed: of the random choices, for repeatable results.
        completedExclude: nothing is filled where segments are whose status is Completed.
        updateWhilePainting: propagate when a stroke is finished.
        extent: which slices are filled: as far as the structure goes, between painted slices only, or a given range.
        firstSlice, lastSlice: that range, both included.
        previewOpacity, entropyOpacity, patchOpacity: of the layers, 0-1.
        entropyVisible, patchesVisible: whether the layers are shown.
        entropyThreshold: below it (bits) the entropy layer is transparent.
        reviewThreshold: entropy (bits) from which a voxel belongs to the review segment.
        patchLevel: level shown by Inspect; -1 = all.
        logitsShown: which logits of that level (of the last one, for all) lie over the slice they were asked for.
    """

    scope: str = _choice("selected", "selected", "visible")
    device: str = _choice("auto", "auto", "cpu", "cuda", "mps")
    weights: str = ""
    contextSize: int = _within(0, 0, 16)
    useAllSlices: bool = False
    usePrior: bool = True
    patchBudget: float = _within(1.0, 0.25, 4.0)
    fieldOfView: float = _within(1.3, 1.0, 4.0)
    candidates: int = _within(1, 1, 4)
    seed: int = _within(0, 0, 2**31 - 1)
    completedExclude: bool = False
    updateWhilePainting: bool = False
    extent: str = _choice("auto", "auto", "painted", "range")
    firstSlice: int = _within(0, 0, 100000)
    lastSlice: int = _within(0, 0, 100000)
    previewOpacity: float = _within(0.5, 0.0, 1.0)
    entropyVisible: bool = True
    entropyOpacity: float = _within(0.6, 0.0, 1.0)
    entropyThreshold: float = _within(0.2, 0.0, 1.0)
    reviewThreshold: float = _within(0.8, 0.0, 1.0)
    patchesVisible: bool = False
    patchOpacity: float = _within(0.9, 0.0, 1.0)
    patchLevel: int = _within(-1, -1, 15)
    logitsShown: str = _choice("nothing", "nothing", "before", "after", "change")

    def __post_init__(self):
        for description in fields(self):
            problem = invalid(description, getattr(self, description.name))
            if problem:
                raise ValueError(problem)


def invalid(description, value) -> str | None:
    """Why a value does not fit a field of Parameters, or None."""
    metadata = description.metadata
    if "choices" in metadata and value not in metadata["choices"]:
        return f"{description.name} is {value!r} (expected one of {', '.join(metadata['choices'])})."
    if "minimum" in metadata and not metadata["minimum"] <= value <= metadata["maximum"]:
        return f"{description.name} is {value} (expected {metadata['minimum']} to {metadata['maximum']})."
    return None


class ParameterNode:
    """Parameters and node references in a vtkMRMLScriptedModuleNode, so that they are saved with the scene."""

    MODULE_NAME = "PatchICLSegment"

    def __init__(self, node):
        self.node = node

    @classmethod
    def ofScene(cls, scene) -> ParameterNode:
        """The one parameter node of the module in a scene, added when missing."""
        node = scene.GetSingletonNode(cls.MODULE_NAME, "vtkMRMLScriptedModuleNode")
        if node is None:
            node = scene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
            node.UnRegister(None)
            node.SetSingletonTag(cls.MODULE_NAME)
            node.SetModuleName(cls.MODULE_NAME)
            node.SetName(cls.MODULE_NAME)
            node = scene.AddNode(node)
        return cls(node)

    def read(self) -> Parameters:
        values = {}
        for description in fields(Parameters):
            text = self.node.GetParameter(description.name)
            if not text:
                continue
            try:
                value = _decoded(text, type(description.default))
                problem = invalid(description, value)
            except ValueError as error:
                problem = str(error)
            if problem:
                logging.warning("PatchICL: the scene's setting is not usable and was reset. %s", problem)
                continue
            values[description.name] = value
        return Parameters(**values)

    def write(self, parameters: Parameters) -> None:
        """Stores all fields; the node tells its observers once."""
        wasModifying = self.node.StartModify()
        for description in fields(Parameters):
            self.node.SetParameter(description.name, _encoded(getattr(parameters, description.name)))
        self.node.EndModify(wasModifying)

    def reference(self, role: str):
        return self.node.GetNodeReference(role)

    def references(self) -> dict[str, Any]:
        """All nodes that are referred to, by their role."""
        roles = [
            self.node.GetNthNodeReferenceRole(number) for number in range(self.node.GetNumberOfNodeReferenceRoles())
        ]
        return {role: self.reference(role) for role in roles}

    def restoreReferences(self, references: Mapping[str, Any]) -> None:
        """Refers to these nodes and to no others."""
        for role in self.references() | references:
            self.setReference(role, references.get(role))

    def setReference(self, role: str, node) -> None:
        self.node.SetNodeReferenceID(role, node.GetID() if node is not None else None)


def _encoded(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _decoded(text: str, kind: type) -> Any:
    if kind is bool:
        if text not in ("true", "false"):
            raise ValueError(f"{text!r} is neither true nor false.")
        return text == "true"
    return kind(text)
