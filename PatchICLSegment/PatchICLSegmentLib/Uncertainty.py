"""What the model is unsure of: the entropy volume, a value per slice with its plot, and voxels to review."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import slicer.util
import vtk

from .SceneIO.Segments import SegmentBox
from .SceneIO.Volumes import VolumeGrid, addVolume
from .Translation import _


@dataclass(frozen=True)
class SliceUncertainty:
    """One row of the table: slice index, its position in mm, and its uncertainty (0-1)."""

    index: int
    offset: float
    uncertainty: float


def uncertaintyOfSlices(
    report: Mapping[str, Any], grid: VolumeGrid, axis: int, label: int | None = None
) -> list[SliceUncertainty]:
    """Rows in the order of the slices; the highest over all labels, or those of one label."""
    highest: dict[int, float] = {}
    for entry in report["slices"]:
        if label not in (None, entry["label"]):
            continue
        highest[entry["index"]] = max(highest.get(entry["index"], 0.0), float(entry["uncertainty"]))
    return [SliceUncertainty(index, grid.sliceOffset(axis, index), highest[index]) for index in sorted(highest)]


def slicesToReview(rows: Iterable[SliceUncertainty], painted: Iterable[int]) -> list[SliceUncertainty]:
    """Slices that are not painted, the most uncertain first."""
    painted = set(painted)
    return sorted((row for row in rows if row.index not in painted), key=lambda row: -row.uncertainty)


def storeTable(scene, name: str, columns: Mapping[str, Iterable], node=None):
    """Fills a table node; whole numbers stay whole numbers, text stays text."""
    if node is None:
        node = scene.AddNewNodeByClass("vtkMRMLTableNode", name)
    wasModifying = node.StartModify()
    node.RemoveAllColumns()
    for title, values in columns.items():
        values = list(values)
        if any(isinstance(value, str) for value in values):
            column = vtk.vtkStringArray()
        elif all(isinstance(value, int) for value in values):
            column = vtk.vtkIntArray()
        else:
            column = vtk.vtkDoubleArray()
        column.SetName(title)
        for value in values:
            column.InsertNextValue(value)
        node.AddColumn(column)
    node.EndModify(wasModifying)
    return node


class UncertaintyPlot:
    """A plot chart: uncertainty over slices as a line, the painted slices as points on the base line."""

    LINE_TABLE, POINT_TABLE, LINE, POINTS, CHART = (
        "UncertaintyTable",
        "PaintedTable",
        "UncertaintySeries",
        "PaintedSeries",
        "UncertaintyChart",
    )

    def __init__(self, scene, parameterNode):
        self.scene = scene
        self.parameterNode = parameterNode

    def update(self, rows: list[SliceUncertainty], painted: Iterable[int], axisTitle: str):
        """Fills the tables and returns the chart node."""
        sliceTitle, valueTitle = _("Slice"), _("Uncertainty")
        lines = storeTable(
            self.scene,
            _("PatchICL uncertainty"),
            {
                sliceTitle: [row.index for row in rows],
                _("Position [mm]"): [float(row.offset) for row in rows],
                valueTitle: [float(row.uncertainty) for row in rows],
            },
            self.parameterNode.reference(self.LINE_TABLE),
        )
        painted = sorted(painted)
        points = storeTable(
            self.scene,
            _("PatchICL painted slices"),
            {sliceTitle: painted, valueTitle: [0.0] * len(painted)},
            self.parameterNode.reference(self.POINT_TABLE),
        )
        self.parameterNode.setReference(self.LINE_TABLE, lines)
        self.parameterNode.setReference(self.POINT_TABLE, points)
        chart = self.parameterNode.reference(self.CHART)
        if chart is None:
            chart = self.scene.AddNewNodeByClass("vtkMRMLPlotChartNode", _("PatchICL uncertainty"))
            self.parameterNode.setReference(self.CHART, chart)
            chart.AddAndObservePlotSeriesNodeID(self._lineSeries(lines, sliceTitle, valueTitle).GetID())
            chart.AddAndObservePlotSeriesNodeID(self._pointSeries(points, sliceTitle, valueTitle).GetID())
        chart.SetTitle(_("Uncertainty per slice"))
        chart.SetXAxisTitle(axisTitle)
        chart.SetYAxisTitle(valueTitle)
        return chart

    def _lineSeries(self, table, xColumn, yColumn):
        series = self._series(_("Uncertainty"), table, xColumn, yColumn, self.LINE)
        series.SetColor(0.93, 0.42, 0.25)
        series.SetLineWidth(3)
        series.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleNone)
        return series

    def _pointSeries(self, table, xColumn, yColumn):
        series = self._series(_("Painted slices"), table, xColumn, yColumn, self.POINTS)
        series.SetColor(0.18, 0.62, 0.38)
        series.SetLineStyle(slicer.vtkMRMLPlotSeriesNode.LineStyleNone)
        series.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleDiamond)
        series.SetMarkerSize(12)
        return series

    def _series(self, name, table, xColumn, yColumn, role):
        series = self.scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", name)
        series.SetAndObserveTableNodeID(table.GetID())
        series.SetXColumnName(xColumn)
        series.SetYColumnName(yColumn)
        series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
        self.parameterNode.setReference(role, series)
        return series


def storeEntropy(scene, entropy: np.ndarray, volumeNode, box=None, node=None):
    """The entropy as a volume, cropped to where it is above zero: certain regions cost no memory.

    Args:
        box: three slices outside of which the entropy is zero; None if that is not known.
    """
    if box is None:
        box = boundingBox(entropy) or (slice(0, 1),) * 3
    return addVolume(
        scene, entropy[box], volumeNode, _("PatchICL entropy"), offset=tuple(part.start for part in box), node=node
    )


def boxAbove(entropyNode, volumeNode, grid: VolumeGrid, threshold: float) -> SegmentBox:
    """Voxels of the volume whose entropy reaches the threshold."""
    entropy = slicer.util.arrayFromVolume(entropyNode)
    origin = grid.ijkToLocal @ [0, 0, 0, 1]
    shift = np.linalg.solve(grid.ijkToLocal[:3, :3], np.asarray(entropyNode.GetOrigin()) - origin[:3])
    offset = tuple(int(round(value)) for value in reversed(shift))
    return SegmentBox(grid.shape, offset, entropy >= threshold)


def boundingBox(mask: np.ndarray) -> tuple[slice, ...] | None:
    """The smallest box with all voxels that are not zero, None where all are."""
    box = []
    for axis in range(mask.ndim):
        occupied = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        if not len(occupied):
            return None
        box.append(slice(int(occupied[0]), int(occupied[-1]) + 1))
    return tuple(box)
