"""What the effect PatchICL offers in a Segment Editor: the panel's action bar, and the switches that belong to it."""

import slicer
import vtk
from slicer.util import VTKObservationMixin

from ..Errors import SceneError
from ..Installer import PackageInstaller
from ..SharedLogic import sharedLogic
from ..Signal import Connections
from ..Translation import _
from .AnswersRow import AnswersRow
from .Application import LIBRARY_FOLDER, SlicerApplication
from .AreaLine import AreaLine
from .Binding import ParameterBinding, updateLayers
from .Delay import delayed
from .PropagateSection import PropagateSection
from .ReportOffer import ReportOffer
from .Shortcuts import Shortcuts

_REST_MS = 250


class EffectOptions(VTKObservationMixin):
    """A host of the logic, as the panel is one. While the effect is active it works on what its Segment Editor has
    selected; what was begun goes on with other effects too.

    Args:
        effect: a qSlicerSegmentEditorScriptedEffect. Its `parameterSetNode` says what is selected, undo states are
            kept by its `saveStateForUndo`.

    Attributes:
        makeApplication, makeInstaller: collaborators; tests replace them.
        logic: the one that the panel and scripts have too.
        isOver: the logic has ended, and these options with it.
    """

    makeApplication, makeInstaller = SlicerApplication, PackageInstaller

    def __init__(self, effect):
        VTKObservationMixin.__init__(self)
        self.effect, self.isOver = effect, False
        self.application, self.installer = self.makeApplication(), self.makeInstaller()
        self.logic = logic = sharedLogic(slicer.mrmlScene)
        logic.library.folder = self.application.setting(LIBRARY_FOLDER)
        self.widget, self.ui = self.application.loadUi("PatchICLEffect.ui")
        ui, (actionBar, bar) = self.ui, self.application.loadUi("ActionBar.ui")
        vars(ui).update(vars(bar))
        self.widget.layout().addWidget(actionBar)
        self._chosen: tuple | None = None  # in the Segment Editor
        self._problem = None
        self.propagate = PropagateSection(ui, logic, self.attempt, self._isReady)
        self.answers = AnswersRow(ui, logic, self.attempt)
        self.offer = ReportOffer(ui, logic, self.installer, self.application)
        self.area = AreaLine(ui, logic)
        self.binding = ParameterBinding(vars(ui).values(), logic, self._onParameterChanged)
        self.shortcuts = Shortcuts(
            {
                "propagate": self.propagate.propagate,
                "apply": self.propagate.apply,
                "nextSlice": self.propagate.goToNextSlice,
                "nextAnswer": self.answers.showNext,
            }
        )
        self._restTimer = delayed(self.propagate.showEstimate, _REST_MS)
        ui.moreButton.connect("clicked()", self.application.openModule)
        ui.remedyButton.connect("clicked()", self._onRemedy)
        self._connections = Connections(
            (logic.stateChanged, self._onStateChanged),
            (logic.paintingChanged, self._onPaintingChanged),
            (logic.resultsChanged, logic.views.updateEntropy),
            (logic.ended, self._close),
        )
        effect.addOptionsWidget(self.widget)

    def enter(self) -> None:
        """The effect was chosen: this Segment Editor is the one that somebody works with."""
        node = self.effect.parameterSetNode()
        if not self.hasObserver(node, vtk.vtkCommand.ModifiedEvent, self._onEditorModified):
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self._onEditorModified)
        self.takeOver()
        self.binding.updateWidgets()
        self.shortcuts.install(self.application.shortcutParent(self.widget))
        self._offer(None)
        self._onStateChanged()
        self.propagate.refresh()

    def exit(self) -> None:
        """Another effect was chosen, or another module. A run goes on, its slices come, and undo states stay here."""
        self._restTimer.stop()
        self.shortcuts.remove()
        self.removeObservers()

    def stop(self) -> None:
        """The Segment Editor is closed."""
        if not self.isOver:
            self._close()
            self.logic.leaveEditor(self.effect)

    def _close(self) -> None:
        self.isOver = True
        self.exit()
        self.propagate.stop()
        self.answers.stop()
        self.offer.stop()
        self.area.stop()
        self._connections.end()
        self.widget.hide()
        self.widget.setParent(None)
        self.widget.deleteLater()

    def takeOver(self) -> None:
        """The user works here, and no more in the panel or in another Segment Editor."""
        node, logic = self.effect.parameterSetNode(), self.logic
        if logic.editorNode is not node or logic.undoKeeper is not self.effect:
            logic.useEditor(node, self.effect)
            self._chosen = None
        self.shortcuts.own()
        self._follow(node)

    def attempt(self, action) -> bool:
        """Does something; what the user has to mend is shown as one sentence. Returns whether it was done."""
        self.takeOver()
        self._offer(None)
        try:
            action()
        except SceneError as error:
            problem = self.logic.remedies.of(error)
            self.propagate.problem(problem.sentence)
            self._offer(problem)
            return False
        return True

    def _follow(self, node) -> None:
        chosen = node.GetSourceVolumeNode(), node.GetSegmentationNode(), node.GetSelectedSegmentID() or ""
        if chosen != self._chosen:
            self._chosen = chosen
            self.logic.select(*chosen)

    def _onEditorModified(self, node, _event) -> None:
        logic = self.logic
        isChanging = logic.scene.IsClosing() or logic.scene.IsBatchProcessing() or logic.isWriting
        if not isChanging and logic.editorNode is node and logic.undoKeeper is self.effect:
            self._follow(node)

    def _onParameterChanged(self, name: str) -> None:
        updateLayers(self.logic, name)
        if name in ("scope", "completedExclude"):
            self.area.refresh()

    def _onStateChanged(self) -> None:
        self.ui.scopeSelector.setEnabled(not self.logic.state.isBusy)

    def _onPaintingChanged(self) -> None:
        if self.effect.active():
            self._restTimer.start()

    def _isReady(self) -> bool:
        if self.installer.isReady():
            return True
        self.propagate.problem(
            _("Some packages are missing; press {more} and install them there.").format(more=self.ui.moreButton.text)
        )
        return False

    def _offer(self, problem) -> None:
        """Shows the button of a problem, if it has a remedy."""
        self._problem = problem if problem is not None and problem.mend is not None else None
        self.ui.remedyButton.setVisible(self._problem is not None)
        if self._problem is not None:
            self.ui.remedyButton.setText(self._problem.remedy.replace("&", "&&"))

    def _onRemedy(self) -> None:
        if self.attempt(self._problem.mend):
            self.propagate.refresh()
