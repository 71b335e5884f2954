"""Makes the pictures of the module's tutorial: the real panel, views and network, on the embedded brain.

python -m Testing.StandIn.TutorialPictures Resources/Screenshots
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "PatchICLSegment")]

import numpy as np  # noqa: E402
import slicer  # noqa: E402
import vtk  # noqa: E402
from PatchICLSegmentLib.Installer import PackageInstaller  # noqa: E402
from PatchICLSegmentLib.Story import Story  # noqa: E402
from PatchICLSegmentLib.WorkerSession import defaultWorker  # noqa: E402

from Testing.StandIn import PythonQt  # noqa: E402
from Testing.StandIn.Desk import Desk  # noqa: E402
from Testing.StandIn.Headless import HeadlessSlicer, SliceView, ThreeDView  # noqa: E402

qt = PythonQt.install()
SIZE, PANEL_WIDTH, HEADER = 440, 430, 22
HEADER_COLORS = {"Red": "#f34a33", "Green": "#6eb04b", "Yellow": "#edd54c", "3D": "#7b86c8", "Plot": "#8a8f98"}


def imageOf(pixels: np.ndarray) -> qt.QImage:
    rows, columns, _channels = pixels.shape
    data = np.ascontiguousarray(pixels)
    return qt.QImage(data.data, columns, rows, 3 * columns, qt.QImage.Format_RGB888).copy()


def plotPicture(chartNode, size) -> np.ndarray:
    """The chart node drawn by VTK's charts, as Slicer's plot view does."""
    view = vtk.vtkContextView()
    window = view.GetRenderWindow()
    window.SetOffScreenRendering(1)
    window.SetSize(*size)
    chart = vtk.vtkChartXY()
    view.GetScene().AddItem(chart)
    chart.SetTitle(chartNode.GetTitle())
    chart.SetShowLegend(True)
    chart.GetLegend().SetHorizontalAlignment(vtk.vtkChartLegend.CENTER)
    chart.GetAxis(vtk.vtkAxis.BOTTOM).SetTitle(chartNode.GetXAxisTitle())
    chart.GetAxis(vtk.vtkAxis.LEFT).SetTitle(chartNode.GetYAxisTitle())
    for number in range(chartNode.GetNumberOfPlotSeriesNodes()):
        series = chartNode.GetNthPlotSeriesNode(number)
        points = series.GetLineStyle() == slicer.vtkMRMLPlotSeriesNode.LineStyleNone
        plot = chart.AddPlot(vtk.vtkChart.POINTS if points else vtk.vtkChart.LINE)
        table = series.GetTableNode().GetTable()
        plot.SetInputData(table, series.GetXColumnName(), series.GetYColumnName())
        plot.SetColorF(*series.GetColor())
        plot.SetLabel(series.GetName())
        plot.SetWidth(series.GetLineWidth())
        if points:
            plot.SetMarkerStyle(vtk.vtkPlotPoints.DIAMOND)
            plot.SetMarkerSize(series.GetMarkerSize())
    window.Render()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(window)
    grab.ReadFrontBufferOff()
    grab.Update()
    image = grab.GetOutput()
    columns, rows, _ = image.GetDimensions()
    from vtk.util.numpy_support import vtk_to_numpy

    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, -1)[::-1, :, :3].copy()


class Screen:
    """The panel at the left, four views at the right, as in Slicer's four-up layout."""

    def __init__(self):
        self.slicer = HeadlessSlicer()
        self.desk = Desk(self.slicer, PythonQt.application(), defaultWorker, SIZE, PackageInstaller())
        yellow = SliceView(self.slicer, "Yellow", "Sagittal", (SIZE, SIZE))
        self.desk.views.append(yellow)
        self.desk.application.views.append(yellow)
        self.desk.panel.enter()
        self.threeD = ThreeDView(self.slicer, (SIZE, SIZE))

    def panelImage(self, *openSections) -> qt.QImage:
        ui = self.desk.ui
        for name in ("work", "propagate", "uncertainty", "inspect", "settings", "install"):
            getattr(ui, f"{name}Section").setProperty("collapsed", name not in openSections)
        widget = self.desk.panel.widget
        self.desk.settle()
        widget.resize(PANEL_WIDTH, 100)
        widget.resize(PANEL_WIDTH, max(widget.layout().totalHeightForWidth(PANEL_WIDTH), 200))
        self.desk.settle()
        return widget.grab().toImage()

    def viewsImage(self, chartNode=None) -> qt.QImage:
        red, green, yellow = self.desk.views
        tiles = [("Red", red), ("3D", self.threeD), ("Green", green), ("Yellow", yellow)]
        step = SIZE + HEADER + 4
        image = qt.QImage(2 * (SIZE + 4), 2 * step, qt.QImage.Format_RGB888)
        image.fill(qt.QColor("#202226"))
        painter = qt.QPainter(image)
        for number, (name, view) in enumerate(tiles):
            x, y = (number % 2) * (SIZE + 4), (number // 2) * step
            if name == "3D" and chartNode is not None:
                name, pixels = "Plot", plotPicture(chartNode, (SIZE, SIZE))
            else:
                pixels = view.picture()
            painter.fillRect(x, y, SIZE, HEADER, qt.QColor(HEADER_COLORS[name]))
            painter.setPen(qt.QColor("#14161a"))
            label = name if name in ("3D", "Plot") else f"{name}   {view.logic.GetSliceOffset():.1f} mm"
            painter.drawText(x + 8, y + HEADER - 6, label)
            painter.drawImage(x, y + HEADER, imageOf(pixels))
        painter.end()
        return image

    def save(self, path: Path, *openSections, chartNode=None) -> None:
        panel, views = self.panelImage(*openSections), self.viewsImage(chartNode)
        height = max(panel.height(), views.height())
        image = qt.QImage(panel.width() + views.width() + 8, height, qt.QImage.Format_RGB888)
        image.fill(qt.QColor("#efefef"))
        painter = qt.QPainter(image)
        painter.fillRect(panel.width() + 8, 0, views.width(), height, qt.QColor("#202226"))
        painter.drawImage(0, 0, panel)
        painter.drawImage(panel.width() + 8, 0, views)
        painter.end()
        if not image.save(str(path)):
            raise OSError(f"{path} could not be written.")
        print(path, image.width(), "x", image.height())

    def center(self, story: Story, index: int) -> None:
        """All views through the middle of the structure."""
        from PatchICLSegmentLib.SceneIO.SliceViews import jumpToSlice
        from PatchICLSegmentLib.SceneIO.Volumes import gridOfVolume

        rows, columns = np.nonzero(story.reference.any(axis=0))
        world = (gridOfVolume(story.volume).ijkToWorld @ [columns.mean() - 8, rows.mean(), index, 1])[:3]
        jumpToSlice(self.slicer.scene, story.volume, 0, index, inPlane=world)

    def zoom(self, factor: float) -> None:
        for view in self.desk.views:
            width, height, depth = view.node.GetFieldOfView()
            view.node.SetFieldOfView(width / factor, height / factor, depth)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    screen = Screen()
    desk = screen.desk
    ui, logic = desk.ui, desk.logic
    story = Story(desk.panel, desk)
    story.loadSample()
    screen.zoom(1.5)
    story.paintThreeSlices()
    screen.center(story, story.painted[1])
    screen.save(folder / "slicer_1_paint.png", "work", "propagate")
    logic.segmentationNode.CreateClosedSurfaceRepresentation()
    story.propagate()
    logic.segmentationNode.GetDisplayNode().SetVisibility3D(False)
    ui.entropyCheckBox.setChecked(False)
    screen.center(story, story.painted[1] + 3)
    screen.save(folder / "slicer_2_preview.png", "work", "propagate")
    ui.entropyCheckBox.setChecked(True)
    ui.previewOpacitySlider.setValue(0.25)
    ui.nextSliceButton.click()
    desk.settle()
    screen.center(story, logic.views.currentIndex())
    screen.save(folder / "slicer_3_uncertainty.png", "propagate", "uncertainty", chartNode=logic.results.chartNode)
    ui.entropyCheckBox.setChecked(False)
    ui.patchesCheckBox.setChecked(True)
    desk.settle()
    screen.center(story, story.painted[1] + 3)
    screen.save(folder / "slicer_4_inspect.png", "inspect")
    ui.patchesCheckBox.setChecked(False)
    ui.logitsButton.click()
    while logic.logits.isBusy:
        desk.processEvents()
    ui.logitsSelector.setCurrentIndex(2)
    logic.preview.node.SetDisplayVisibility(False)
    desk.settle()
    screen.save(folder / "slicer_6_logits.png", "inspect")
    ui.logitsSelector.setCurrentIndex(0)
    ui.selfCheckButton.click()
    screen.panelImage("settings", "install").save(str(folder / "slicer_5_settings.png"))
    desk.panel.cleanup()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
