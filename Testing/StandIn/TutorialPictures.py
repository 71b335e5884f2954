"""Makes the pictures of the module's tutorial: the real panel, views and network, on the embedded brain.

python -m Testing.StandIn.TutorialPictures Resources/Screenshots
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "PatchICLSegment")]

import numpy as np  # noqa: E402
import slicer  # noqa: E402
import slicer.util  # noqa: E402
import vtk  # noqa: E402
from PatchICLSegmentLib.EffectStory import EffectStory  # noqa: E402
from PatchICLSegmentLib.Installer import PackageInstaller  # noqa: E402
from PatchICLSegmentLib.Parameters import Parameters  # noqa: E402
from PatchICLSegmentLib.PlanesStory import BESIDE, CORONAL, PlanesStory  # noqa: E402
from PatchICLSegmentLib.SampleJob import THALAMI, loadSample, slicesToPaint  # noqa: E402
from PatchICLSegmentLib.SceneIO.SliceViews import jumpToSlice  # noqa: E402
from PatchICLSegmentLib.SceneIO.Volumes import gridOfVolume  # noqa: E402
from PatchICLSegmentLib.Story import Story  # noqa: E402
from PatchICLSegmentLib.WorkerSession import defaultWorker  # noqa: E402
from scipy import ndimage  # noqa: E402

from Testing.StandIn import PythonQt  # noqa: E402
from Testing.StandIn.Desk import Desk  # noqa: E402
from Testing.StandIn.EditorDesk import EditorDesk  # noqa: E402
from Testing.StandIn.Headless import HeadlessSlicer, SliceView, ThreeDView, pixelsOf, sequenceOf  # noqa: E402

qt = PythonQt.install()

from PatchICLSegmentLib.Panel.Panel import SECTIONS  # noqa: E402

SIZE, PANEL_WIDTH, HEADER = 440, 380, 22
SMALL, LARGE = 600, 2 * (SIZE + HEADER + 4)  # heights of the panel: on a small screen, and beside the views
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
    return pixelsOf(window)


def saveSideBySide(path: Path, *images: qt.QImage, gap: int = 8) -> None:
    width = sum(image.width() + gap for image in images) - gap
    picture = qt.QImage(width, max(image.height() for image in images), qt.QImage.Format_RGB888)
    picture.fill(qt.QColor("#202226"))
    painter, left = qt.QPainter(picture), 0
    for image in images:
        painter.drawImage(left, 0, image)
        left += image.width() + gap
    painter.end()
    if not picture.save(str(path)):
        raise OSError(f"{path} could not be written.")
    print(path, picture.width(), "x", picture.height())


class Screen:
    """The panel at the left, four views at the right, as in Slicer's four-up layout."""

    def __init__(self):
        self.slicer = HeadlessSlicer()
        names = {"Red": "Axial", "Green": "Coronal", "Yellow": "Sagittal"}
        views = [SliceView(self.slicer, name, orientation, (SIZE, SIZE)) for name, orientation in names.items()]
        self.desk = Desk(self.slicer, PythonQt.application(), defaultWorker, installer=PackageInstaller(), views=views)
        self.threeD = ThreeDView(self.slicer, (SIZE, SIZE))

    def panelImage(self, *openSections: str, height: int = LARGE) -> qt.QImage:
        """Args: openSections: beginnings of their names; the last one is scrolled to, without one the editor."""
        ui, widget = self.desk.ui, self.desk.panel.widget
        widget.resize(PANEL_WIDTH, height)
        for name in SECTIONS:
            getattr(ui, name).setProperty("collapsed", name.removesuffix("Section") not in openSections)
        self.desk.settle()
        if not openSections:
            ui.scrollArea.verticalScrollBar().setValue(0)
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

    def watchRun(self) -> list[qt.QImage]:
        """The panel on a small screen before a run, and, once that is half done, in the midst of it."""
        images = [self.panelImage(height=SMALL)]

        def onProgress():
            progress = self.desk.logic.progress
            if len(images) == 1 and 2 * progress.done >= progress.total:
                images.append(self.desk.panel.widget.grab().toImage())

        self.desk.logic.progressChanged.connect(onProgress)
        return images

    def save(self, path: Path, *openSections, chartNode=None) -> None:
        saveSideBySide(path, self.panelImage(*openSections), self.viewsImage(chartNode))

    def center(self, story: Story, index: int) -> None:
        """All views through the middle of the structure."""
        rows, columns = np.nonzero(story.reference.any(axis=0))
        world = (gridOfVolume(story.volume).ijkToWorld @ [columns.mean() - 8, rows.mean(), index, 1])[:3]
        jumpToSlice(self.slicer.scene, story.volume, 0, index, inPlane=world)

    def zoom(self, factor: float) -> None:
        for view in self.desk.views:
            width, height, depth = view.node.GetFieldOfView()
            view.node.SetFieldOfView(width / factor, height / factor, depth)


def drawEffect(screen: Screen, path: Path) -> None:
    """The Segment Editor with the effect: before a run, once that is half done, and with its preview."""
    screen.slicer.scene.Clear(False)
    desk = EditorDesk(screen.slicer, PythonQt.application(), defaultWorker, screen.desk.views)
    story = EffectStory(desk.editor, desk)
    story.loadSample()
    story.paintThreeSlices()
    story.chooseTheEffect()

    def grabbed():
        desk.editor.resize(PANEL_WIDTH, desk.editor.minimumSizeHint().height())
        return desk.editor.grab().toImage()

    images = [grabbed()]

    def onProgress():
        if len(images) == 1 and 2 * desk.logic.progress.done >= desk.logic.progress.total:
            images.append(grabbed())

    desk.logic.progressChanged.connect(onProgress)
    story.propagate()
    saveSideBySide(path, *images, grabbed())
    desk.close()


def drawLibrary(screen: Screen, path: Path, cases: Path) -> None:
    """Three patients, made by bending the sample, with three painted slices, one, and none; each is added when done."""
    screen.slicer.scene.Clear(False)
    desk = screen.desk
    desk.application.folder = str(cases)
    desk.ui.libraryFolderButton.click()
    desk.logic.parameters = Parameters(device="cpu", entropyVisible=False)
    images = []
    for number, count in enumerate((3, 1, 0)):
        image, thalami, matrix = bentSample(screen.slicer.scene, number)
        volume = slicer.util.addVolumeFromArray(image, matrix, f"patient {number + 1}")
        desk.logic.select(volume, None)
        desk.application.showVolume(volume)
        segmentation, segmentId = desk.logic.createSegmentation(), desk.logic.segmentId
        segmentation.GetSegmentation().GetSegment(segmentId).SetName("thalami")
        painted = np.zeros(thalami.shape, np.uint8)
        chosen = slicesToPaint(thalami, count)
        painted[chosen] = thalami[chosen]
        if count:
            slicer.util.updateSegmentBinaryLabelmapFromArray(painted, segmentation, segmentId, volume)
        rows, columns = np.nonzero(thalami.any(axis=0))
        middle = slicesToPaint(thalami, 1)[0] + 2  # not a painted one
        world = (gridOfVolume(volume).ijkToWorld @ [columns.mean(), rows.mean(), middle, 1])[:3]
        desk.settle()
        desk.propagate()
        jumpToSlice(screen.slicer.scene, volume, 0, middle, inPlane=world)
        panel = screen.panelImage("library", height=SMALL)
        images += [panel, imageOf(desk.views[0].picture())]
        desk.ui.applyButton.click()
        desk.settle()
        desk.ui.addCaseButton.click()
        found = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segmentId, volume) > 0
        print(f"{count} painted slices: Dice {2 * (found & thalami).sum() / (found.sum() + thalami.sum()):.3f}")
        segmentation.GetDisplayNode().SetVisibility(False)
    saveSideBySide(path, *images)


def drawSequence(screen: Screen, path: Path) -> None:
    """The sample, bent by more and more voxels, as a sequence of three: the thalami of the first carried to all."""
    scene, desk = screen.slicer.scene, screen.desk
    scene.Clear(False)
    desk.logic.parameters = Parameters(device="cpu")
    bent = [bentSample(scene, 1, voxels) for voxels in (0, 4, 8)]
    (_image, thalami, matrix), truths = bent[0], [truth for _image, truth, _matrix in bent]
    volume = slicer.util.addVolumeFromArray(bent[0][0], matrix, "sequence")
    browser, _sequence = sequenceOf(scene, volume, "012", [image for image, _thalami, _matrix in bent], 0)
    desk.logic.select(volume, None)
    desk.application.showVolume(volume)
    segmentation, segmentId = desk.logic.createSegmentation(), desk.logic.segmentId
    slicer.util.updateSegmentBinaryLabelmapFromArray(thalami.astype(np.uint8), segmentation, segmentId, volume)
    desk.settle()
    desk.ui.fillFramesButton.click()
    while desk.logic.sequence.isBusy:
        desk.settle()
    rows, columns = np.nonzero(thalami.any(axis=0))
    middle = slicesToPaint(thalami, 1)[0]
    world = (gridOfVolume(volume).ijkToWorld @ [columns.mean(), rows.mean(), middle, 1])[:3]
    images = [screen.panelImage("input", height=SMALL)]
    for number, truth in enumerate(truths):
        browser.SetSelectedItemNumber(number)
        jumpToSlice(scene, volume, 0, middle, inPlane=world)
        desk.settle()
        images.append(imageOf(desk.views[0].picture()))
        proxy = desk.logic.sequence.frames.filled().proxy
        found = slicer.util.arrayFromSegmentBinaryLabelmap(proxy, segmentId, volume) > 0
        dice, stayed = (2 * (one & truth).sum() / (one.sum() + truth.sum()) for one in (found, thalami))
        print(f"frame {number}: Dice {dice:.3f}, where it was {stayed:.3f}")
    saveSideBySide(path, *images)


def drawPlanes(screen: Screen, planes: Path, correction: Path) -> None:
    """One slice in each view with its preview; the coronal view before a correction, with it, and propagated again."""
    desk = screen.desk
    screen.slicer.scene.Clear(False)
    desk.settle()
    desk.logic.parameters = Parameters(device="cpu", entropyVisible=False)
    story = PlanesStory(desk.panel, desk)
    story.loadSample()
    screen.zoom(1.5)
    story.paintThreePlanes()
    story.declareInTheCoronalView()
    story.runToPreview()
    grid, places = gridOfVolume(story.volume), [story.wanted[axis] for axis in (2, 1, 0)]
    jumpToSlice(screen.slicer.scene, story.volume, 0, places[2], inPlane=(grid.ijkToWorld @ [*places, 1])[:3])
    screen.save(planes)
    desk.ui.applyButton.click()
    desk.settle()
    story.result = story.voxels()
    images = []
    for act in (lambda: None, story.correctInTheCoronalView, story.runToPreview):
        act()
        jumpToSlice(screen.slicer.scene, story.volume, CORONAL, story.wanted[CORONAL] + BESIDE)
        desk.settle()
        images.append(imageOf(desk.views[CORONAL].picture()))
    saveSideBySide(correction, screen.panelImage("painted", height=SMALL), *images)


def bentSample(scene, number: int, voxels: float = 4):
    """The sample and its thalami, (K, J, I), bent in its own way for each number but 0, and its matrix."""
    sample, labels = loadSample(scene)
    image, matrix = slicer.util.arrayFromVolume(sample).astype(np.float32), gridOfVolume(sample).ijkToLocal
    scene.RemoveNode(sample)
    rng = np.random.default_rng(number)
    places = np.indices(image.shape).astype(np.float32)
    for place in places if number else ():
        bend = ndimage.gaussian_filter(rng.normal(size=image.shape).astype(np.float32), 14)
        place += voxels * bend / np.abs(bend).max()
    bent = ndimage.map_coordinates(image, places, order=1, mode="nearest")
    thalami = (labels == THALAMI).astype(np.float32)
    return bent.astype(np.int16), ndimage.map_coordinates(thalami, places, order=1) >= 0.5, matrix


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    screen = Screen()
    desk = screen.desk
    ui, logic = desk.ui, desk.logic
    story = Story(desk.panel, desk)
    story.loadSample()
    screen.zoom(1.5)
    story.paintThreeSlices()
    middle = sorted(story.painted)[1]
    screen.center(story, middle)
    screen.save(folder / "slicer_1_paint.png")
    logic.segmentationNode.CreateClosedSurfaceRepresentation()
    smallPanels = screen.watchRun()
    story.propagate()
    saveSideBySide(folder / "slicer_7_small_screen.png", *smallPanels, screen.panelImage(height=SMALL))
    logic.segmentationNode.GetDisplayNode().SetVisibility3D(False)
    ui.entropyCheckBox.setChecked(False)
    screen.center(story, middle + 3)
    screen.save(folder / "slicer_2_preview.png")
    ui.entropyCheckBox.setChecked(True)
    ui.previewOpacitySlider.setValue(0.25)
    ui.nextSliceButton.click()
    desk.settle()
    screen.center(story, logic.views.currentIndex())
    screen.save(folder / "slicer_3_uncertainty.png", "uncertainty", chartNode=logic.results.chartNode)
    ui.entropyCheckBox.setChecked(False)
    ui.patchesCheckBox.setChecked(True)
    desk.settle()
    screen.center(story, middle + 3)
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
    saveSideBySide(folder / "slicer_5_settings.png", screen.panelImage("settings", "install"))
    with tempfile.TemporaryDirectory() as cases:
        drawLibrary(screen, folder / "slicer_9_library.png", Path(cases) / "thalami")
    drawSequence(screen, folder / "slicer_10_sequence.png")
    drawPlanes(screen, folder / "slicer_11_planes.png", folder / "slicer_12_correction.png")
    desk.panel.cleanup()
    drawEffect(screen, folder / "slicer_8_effect.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
