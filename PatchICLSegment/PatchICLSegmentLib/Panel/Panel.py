"""The panel as a whole: loads the .ui file, wires its sections to the logic, follows module and scene."""

import contextlib

import vtk
from slicer.util import VTKObservationMixin

from ..Errors import SceneError
from ..Installer import PackageInstaller
from ..SampleJob import trySample
from ..SceneIO.SliceViews import sliceNodes
from ..SharedLogic import sharedLogic
from .AnswersRow import AnswersRow
from .Application import SlicerApplication
from .AreaLine import AreaLine
from .Binding import ParameterBinding, updateLayers
from .Delay import delayed
from .EmbeddedEditor import EmbeddedEditor
from .FramesSection import FramesSection
from .InspectSection import InspectSection
from .InstallSection import InstallSection
from .LibrarySection import LibrarySection
from .PropagateSection import PropagateSection
from .ReportOffer import ReportOffer
from .ScrollColumn import ScrollColumn
from .SettingsSection import SettingsSection
from .Shortcuts import Shortcuts
from .UncertaintySection import UncertaintySection
from .WorkSection import WorkSection

SECTIONS = (
    "inputSection",
    "paintedSection",
    "librarySection",
    "uncertaintySection",
    "inspectSection",
    "settingsSection",
    "installSection",
)
_VIEW_DELAY_MS = 80
# Node selectors do not know the nodes of a scene before its import is over.
_SCENE_DELAY_MS = 100


class Panel(VTKObservationMixin):
    """Args: scene: the MRML scene; application, makeLogic, installer: collaborators, Slicer's own by default.

    Attributes: widget: to be put into a layout; ui: its children by name; logic.
    """

    def __init__(self, scene, application=None, makeLogic=sharedLogic, installer=None):
        VTKObservationMixin.__init__(self)
        self.application = application or SlicerApplication()
        self.widget, self.ui = self.application.loadUi("PatchICLSegment.ui")
        ui, (actionBar, bar) = self.ui, self.application.loadUi("ActionBar.ui")
        vars(ui).update(vars(bar))
        self.widget.layout().addWidget(actionBar)
        self.logic = logic = makeLogic(scene)
        self.editor = EmbeddedEditor(ui.segmentEditor, logic)
        self.widget.setMRMLScene(scene)
        self.scroll = ScrollColumn(ui.scrollArea, [getattr(ui, name) for name in SECTIONS])
        self.install = InstallSection(
            ui, logic, installer or PackageInstaller(), self.application, self.attempt, self.scroll.show
        )
        self.propagate = PropagateSection(ui, logic, self.attempt, self.install.isReady)
        self.answers = AnswersRow(ui, logic, self.attempt)
        self.offer = ReportOffer(ui, logic, self.install.installer, self.application)
        self.work = WorkSection(ui, logic, self.application, self.editor, self.attempt, self.propagate.showEstimate)
        self.area = AreaLine(ui, logic)
        self.library = LibrarySection(
            ui, logic, self.application, self.attempt, self.install.isReady, self.propagate.startPolling
        )
        self.frames = FramesSection(
            ui,
            logic,
            self.application,
            self.attempt,
            self.install.isReady,
            self.propagate.note,
            self.propagate.startPolling,
        )
        self.uncertainty = UncertaintySection(ui, logic, self.application, self.attempt)
        self.inspect = InspectSection(ui, logic, self.application, self.attempt, self.propagate.startPolling)
        self.settings = SettingsSection(ui, logic, self.attempt)
        self.binding = ParameterBinding(vars(ui).values(), logic, self._onParameterChanged)
        self._viewTimer = delayed(self._onViewsRested, _VIEW_DELAY_MS)
        self._sceneTimer = delayed(self._onSceneRested, _SCENE_DELAY_MS)
        self.shortcuts = Shortcuts(
            {
                "propagate": self.propagate.propagate,
                "apply": self.propagate.apply,
                "nextSlice": self.propagate.goToNextSlice,
                "nextAnswer": self.answers.showNext,
                "drawAfresh": self.work.drawAfresh,
                "notOnSlice": self.work.declareNotOnSlice,
            }
        )
        ui.tryItButton.connect("clicked()", self.tryIt)
        logic.sceneReplaced.connect(self._onSceneReplaced)
        logic.paintingChanged.connect(self._onPaintingChanged)
        logic.stateChanged.connect(self._lockInputs)
        logic.sequence.changed.connect(self._lockInputs)
        self.refresh()

    # Life of the module

    def enter(self) -> None:
        """The module is shown."""
        self._observeViews()
        self.editor.enter()
        self.shortcuts.install(self.application.shortcutParent(self.widget))
        self.binding.updateWidgets()
        self.refresh()

    def exit(self) -> None:
        """Another module is shown: keys and mouse belong to it."""
        self.editor.exit()
        self.shortcuts.remove()
        self.removeObservers()

    def cleanup(self) -> None:
        """The module is closed or reloaded."""
        self.exit()
        self.editor.stop()
        self.propagate.stop()
        self.answers.stop()
        self.offer.stop()
        self.scroll.stop()
        self.work.stop()
        self.area.stop()
        self.settings.stop()
        self.library.stop()
        self.frames.stop()
        self._viewTimer.stop()
        self._sceneTimer.stop()
        self.logic.shutdown()

    def refresh(self) -> None:
        """Everything as the scene and the installation say."""
        self._lockInputs()
        self.work.refresh()
        self.propagate.refresh()
        self.uncertainty.refresh()
        self.inspect.refresh()
        self.settings.refresh()
        self.library.refresh()
        self.frames.refresh()
        self.install.refresh()

    # Actions

    def attempt(self, action) -> bool:
        """Does something; what the user has to mend is shown as one sentence. Returns whether it was done."""
        self.editor.takeOver()
        self.shortcuts.own()
        try:
            action()
        except SceneError as error:
            problem = self.logic.remedies.of(error)
            self.propagate.problem(problem.sentence)
            if problem.mend is not None:
                self.work.offer(problem)
        else:
            return True
        return False

    def tryIt(self) -> None:
        """Loads the sample, paints three slices of it and propagates."""
        if self.install.isReady():
            self.attempt(lambda: trySample(self.logic, self.application.showVolume))
            self.work.refresh()

    # Events

    def _onParameterChanged(self, name: str) -> None:
        updateLayers(self.logic, name)
        if name == "extent":
            self.settings.refresh()
        elif name == "useAllSlices":
            self.work.refreshTable()
        elif name in ("scope", "completedExclude"):
            self.area.refresh()
        elif name.startswith("entropy"):
            self.uncertainty.refresh()
        elif name in ("patchesVisible", "patchOpacity", "patchLevel", "logitsShown"):
            self.inspect.refresh()

    def _onPaintingChanged(self) -> None:
        self._noticeUse()
        self._viewTimer.start()

    def _noticeUse(self) -> None:
        with contextlib.suppress(SceneError):  # of a volume that cannot be used
            self.logic.views.noticeUse()

    def _lockInputs(self) -> None:
        busy = self.logic.state.isBusy or self.logic.sequence.isBusy
        self.ui.volumeSelector.setEnabled(not busy)
        self.ui.segmentationSelector.setEnabled(not busy)
        self.ui.scopeSelector.setEnabled(not busy)
        self.ui.tryItButton.setEnabled(not busy)

    def _onSceneReplaced(self) -> None:
        self.binding.updateWidgets()
        self.editor.sceneCame()
        self._showScene()
        # What the selectors lose and find until then is not the user's choice.
        self._blockSelectors(True)
        self._sceneTimer.start()

    def _onSceneRested(self) -> None:
        if self.logic.scene.IsBatchProcessing():
            self._sceneTimer.start()
            return
        self._blockSelectors(False)
        self.editor.rest()
        self._showScene()

    def _showScene(self) -> None:
        if self.editor.isEntered:
            self._observeViews()
        self.refresh()

    def _blockSelectors(self, blocked: bool) -> None:
        for selector in (self.ui.volumeSelector, self.ui.segmentationSelector, self.ui.regionSelector):
            selector.blockSignals(blocked)

    def _onViewsRested(self) -> None:
        self._noticeUse()
        self.work.refreshViews()
        self.uncertainty.refresh()
        self.inspect.refresh()

    def _observeViews(self) -> None:
        for node in sliceNodes(self.logic.scene):
            if not self.hasObserver(node, vtk.vtkCommand.ModifiedEvent, self._onViewModified):
                self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self._onViewModified)

    def _onViewModified(self, _caller, _event) -> None:
        self._viewTimer.start()
