"""Scene, module logics and offscreen views of Slicer without Qt, on slicer-core."""

from __future__ import annotations

import os
import tempfile
import types
from pathlib import Path

os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")

import numpy as np
import slicer
import slicer.util
import vtk
from vtk.util.numpy_support import vtk_to_numpy

SLICE_MANAGERS = (
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLModelSliceDisplayableManager",
)
THREE_D_MANAGERS = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
)
MODULE_LOGICS = {
    "Colors": "vtkSlicerColorLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Texts": "vtkSlicerTextsLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Sequences": "vtkSlicerSequencesLogic",
}


class SceneCrash(Exception):
    """Where this is raised, the real application would have ended."""


class Scene(slicer.vtkMRMLScene):
    """A scene whose observers can tell of what would end the application: an observer cannot raise through VTK.

    Attributes: crashes: sentences, raised by the call during which they were added.
    """

    def __init__(self):
        self.crashes = []

    def Clear(self, *arguments):
        return self._crashing(super().Clear, *arguments)

    def Connect(self):
        return self._crashing(super().Connect)

    def Import(self):
        return self._crashing(super().Import)

    def ReadFromMRB(self, *arguments):
        return self._crashing(super().ReadFromMRB, *arguments)

    def RemoveNode(self, node):
        """As in the application, what is removed must be there: else its observers complain about a missing scene."""
        if not self.IsNodePresent(node):
            raise LookupError(f"{node.GetName()} is not in the scene any more.")
        super().RemoveNode(node)

    def _crashing(self, method, *arguments):
        result = method(*arguments)
        crashes, self.crashes = self.crashes, []
        if crashes:
            raise SceneCrash("; ".join(crashes))
        return result


class HeadlessSlicer:
    """One scene with the logics that scene code expects, and what `slicer.util` looks up by name."""

    def __init__(self):
        toStandardError = vtk.vtkOutputWindow()
        toStandardError.SetDisplayModeToAlwaysStdErr()
        vtk.vtkOutputWindow.SetInstance(toStandardError)
        self.scene = Scene()
        # Scene bundles (.mrb) are unpacked in the cache's folder.
        self._folder = tempfile.TemporaryDirectory()
        self._cache = slicer.vtkCacheManager()
        self._cache.SetRemoteCacheDirectory(self._folder.name)
        self._cache.SetMRMLScene(self.scene)
        self._files = slicer.vtkDataIOManager()
        self._files.SetCacheManager(self._cache)
        self.scene.SetCacheManager(self._cache)
        self.scene.SetDataIOManager(self._files)
        crosshair = slicer.vtkMRMLCrosshairNode()
        crosshair.SetCrosshairName("default")
        self.scene.AddNode(crosshair)
        self.scene.AddObserver(self.scene.NodeAboutToBeRemovedEvent, self._removeDisplayNodes)
        self.applicationLogic = slicer.vtkSlicerApplicationLogic()
        self.applicationLogic.SetHomeDirectory(self._folder.name)
        self.applicationLogic.SetShareDirectory(".")
        Path(self._folder.name, "ColorFiles").mkdir()
        self.applicationLogic.SetMRMLScene(self.scene)
        self.applicationLogic.GetColorLogic().SetMRMLScene(self.scene)
        self.applicationLogic.GetColorLogic().AddDefaultColorNodes()
        self.applicationLogic.SetSliceLogics(vtk.vtkCollection())
        self.applicationLogic.SetViewLogics(vtk.vtkCollection())
        for factory in (
            slicer.vtkMRMLSliceViewDisplayableManagerFactory,
            slicer.vtkMRMLThreeDViewDisplayableManagerFactory,
        ):
            factory.GetInstance().SetMRMLApplicationLogic(self.applicationLogic)
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(self.scene, True)
        self.logics = {}
        for name, className in MODULE_LOGICS.items():
            logic = getattr(slicer, className)()
            logic.SetMRMLApplicationLogic(self.applicationLogic)
            logic.SetMRMLScene(self.scene)
            self.applicationLogic.SetModuleLogic(name, logic)
            self.logics[name.lower()] = logic
        # The Segment Editor's node class is registered by its logic.
        self.segmentEditorLogic = slicer.vtkSlicerSegmentEditorLogic()
        self.segmentEditorLogic.SetMRMLScene(self.scene)
        slicer.mrmlScene = self.scene
        slicer.modules = types.SimpleNamespace(
            **{name: types.SimpleNamespace(logic=lambda logic=logic: logic) for name, logic in self.logics.items()}
        )

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _removeDisplayNodes(self, _caller, _event, node) -> None:
        """The application takes the display nodes of a removed node along."""
        if not node.IsA("vtkMRMLDisplayableNode") or self.scene.IsClosing():
            return
        for number in reversed(range(node.GetNumberOfDisplayNodes())):
            display = node.GetNthDisplayNode(number)
            if display is not None and self.scene.IsNodePresent(display):
                self.scene.RemoveNode(display)

    def close(self) -> None:
        self.scene.Clear(True)
        # The scene may be destroyed by the garbage collector, when what observes it is half gone.
        self.scene.RemoveAllObservers()
        self._folder.cleanup()


def sequenceOf(scene, volume, values, images, current):
    """Makes a volume the proxy of a sequence, as Slicer's reader of sequences does."""
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "frames")
    sequence.SetIndexName("time")
    sequence.SetIndexUnit("s")
    for value, image in zip(values, images, strict=True):
        slicer.util.updateVolumeFromArray(volume, image)
        sequence.SetDataNodeAtValue(volume, value)
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "browser")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    browser.AddProxyNode(volume, sequence, False)
    browser.SetSelectedItemNumber(current)
    return browser, sequence


def pixelsOf(window) -> np.ndarray:
    """RGB pixels of a render window, (rows, columns, 3), first row on top."""
    window.Render()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(window)
    grab.ReadFrontBufferOff()
    grab.Update()
    image = grab.GetOutput()
    columns, rows, _ = image.GetDimensions()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, -1)[::-1, :, :3].copy()


class View:
    """An offscreen render window with the displayable managers of a view node."""

    factory = None
    managers: tuple[str, ...] = ()

    def _open(self, application: HeadlessSlicer, size: tuple[int, int]) -> None:
        self.application = application
        self.renderer = vtk.vtkRenderer()
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetShowWindow(False)
        self.window.SetMultiSamples(0)
        self.window.SetSize(*size)
        self.window.AddRenderer(self.renderer)
        self.interactor = vtk.vtkRenderWindowInteractor()
        self.interactor.SetRenderWindow(self.window)
        self.interactor.Initialize()
        # VTK's own style would take the mouse from whoever observes the view.
        self.interactor.SetInteractorStyle(None)
        factory = self.factory.GetInstance()
        for manager in self.managers:
            if not factory.IsDisplayableManagerRegistered(manager):
                factory.RegisterDisplayableManager(manager)
        self.group = slicer.vtkMRMLDisplayableManagerGroup()
        self.group.Initialize(factory, self._annotationRenderer())

    def _annotationRenderer(self) -> vtk.vtkRenderer:
        return self.renderer

    def picture(self) -> np.ndarray:
        """RGB pixels of the view, (rows, columns, 3), first row on top."""
        return pixelsOf(self.window)


class SliceView(View):
    factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory
    managers = SLICE_MANAGERS

    def __init__(self, application, name="Red", orientation="Axial", size=(400, 400)):
        self._open(application, size)
        self.renderer.GetActiveCamera().ParallelProjectionOn()
        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLApplicationLogic(application.applicationLogic)
        application.applicationLogic.GetSliceLogics().AddItem(self.logic)
        self.logic.SetMRMLScene(application.scene)
        self.node = self.logic.AddSliceNode(name)
        self.node.SetOrientation(orientation)
        self.group.SetMRMLDisplayableNode(self.node)
        mapper = vtk.vtkImageMapper()
        mapper.SetColorWindow(255)
        mapper.SetColorLevel(127.5)
        self.actor = vtk.vtkActor2D()
        self.actor.SetMapper(mapper)
        self.actor.GetProperty().SetDisplayLocationToBackground()
        self.renderer.AddViewProp(self.actor)

    def _annotationRenderer(self):
        # Slicer's slice views draw segments in a layer above the image; in one layer a fill would blend with black.
        above = vtk.vtkRenderer()
        above.SetLayer(1)
        above.GetActiveCamera().ParallelProjectionOn()
        self.window.SetNumberOfLayers(2)
        self.window.AddRenderer(above)
        return above

    @property
    def layers(self):
        return self.logic.GetSliceCompositeNode()

    def show(self, volume) -> None:
        """A volume, on its planes."""
        self.layers.SetBackgroundVolumeID(volume.GetID())
        self.node.RotateToVolumePlane(volume)
        self.logic.ResizeSliceNode(*self.window.GetSize())
        self.logic.FitSliceToBackground()
        self.logic.SnapSliceOffsetToIJK()

    def picture(self):
        self.actor.GetMapper().SetInputConnection(self.logic.GetImageDataConnection())
        return super().picture()

    def displayPosition(self, ras) -> tuple[int, int]:
        """The pixel (x, y) of the view at which a point in RAS lies."""
        toDisplay = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(self.node.GetXYToRAS(), toDisplay)
        x, y, *_ = toDisplay.MultiplyPoint((*ras, 1.0))
        return round(x), round(y)


class ThreeDView(View):
    factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory
    managers = THREE_D_MANAGERS

    def __init__(self, application, size=(400, 400)):
        self._open(application, size)
        node = slicer.vtkMRMLViewNode()
        node.SetName("3D")
        node.SetSingletonTag("1")
        self.node = application.scene.AddNode(node)
        self.group.SetMRMLDisplayableNode(self.node)
        self.node.SetBoxVisible(False)
        self.node.SetAxisLabelsVisible(False)

    def picture(self):
        self.renderer.ResetCamera()
        return super().picture()
