"""The network learns from the library's cases: with progress, stopped and gone on with, and told what it gained."""

import pytest
from PatchICLSegmentLib.Errors import SceneError
from PatchICLSegmentLib.State import State

from PatchICLLib.library import Library
from Testing.Miniatures.finished_cases import LIVER, put


def filled(folder, count=3):
    library = Library.open(folder, may_be_new=True)
    for seed in range(1, count + 1):
        put(library, seed, LIVER)
    return library


def learn(logic, steps=1000):
    """Until it is over, or so many steps are done; what was told on the way."""
    told = []
    logic.adaptation.changed.connect(lambda: told.append(logic.adaptation.told))
    logic.adaptation.start()
    while logic.adaptation.isBusy and len(told) <= steps:
        logic.poll()
    return told


@pytest.fixture
def taught(workplace, tmp_path):
    """The workplace, with a library of three livers."""
    filled(tmp_path / "cases")
    workplace.logic.library.choose(str(tmp_path / "cases"))
    return workplace


def testWhatIsGainedIsTold(taught, tmp_path):
    logic = taught.logic
    told = learn(logic)
    options = taught.workers[-1].calls[-1].options
    assert options["adapt"] == str(tmp_path / "cases") and options["minutes"] == 5
    assert "step 1 of about 6" in told[1] and "Measuring" in told[-2]
    assert told[-1] == (
        "Learned in 6 steps. Dice on case 3, left out, from three slices: Liver 0.850 before, 0.880 after. "
        "From now on used for Liver, painted on three slices or more."
    )
    assert not logic.needsPolling and logic.state is State.IDLE


def testThatNothingIsGainedIsTold(taught):
    taught.propagate(0, (4, 9))  # makes the worker
    taught.logic.discardPreview()
    taught.workers[-1].gain = -0.01
    assert learn(taught.logic)[-1].endswith("0.840 after. Nothing was gained, so the network stays as it is.")


def testItIsStoppedAndGoesOn(taught):
    logic = taught.logic
    learn(logic, steps=3)
    logic.adaptation.cancel()
    assert not logic.adaptation.isBusy and "goes on from there" in logic.adaptation.told
    assert "step 4 of" in learn(logic)[1]
    assert len(taught.workers) == 1 and "used for Liver" in logic.adaptation.told
    taught.propagate(0, (4, 9))
    assert logic.state is State.PREVIEW


def testNothingElseIsComputedMeanwhile(taught):
    logic, failed = taught.logic, []
    logic.failed.connect(failed.append)
    taught.paint(0, (4, 9))
    learn(logic, steps=2)
    with pytest.raises(SceneError, match="is learning from the library"):
        logic.startPropagation()
    logic.updatePropagation()
    with pytest.raises(SceneError, match="busy"):
        logic.adaptation.start()
    logic.scene.Clear(0)  # has nothing to do with it
    while logic.adaptation.isBusy:
        logic.poll()
    assert "used for Liver" in logic.adaptation.told and failed == []


def testItDoesNotBeginWhereItCannot(taught, tmp_path):
    logic = taught.logic
    taught.paint(0, (4, 9))
    logic.startPropagation()
    with pytest.raises(SceneError, match="busy"):
        logic.adaptation.start()
    taught.finish()
    with pytest.raises(SceneError, match="Apply or discard"):
        logic.adaptation.start()
    logic.discardPreview()
    filled(tmp_path / "one", 1)
    logic.library.choose(str(tmp_path / "one"))
    with pytest.raises(SceneError, match="two cases"):
        logic.adaptation.start()
    logic.library.choose("")
    with pytest.raises(SceneError, match="Choose a folder"):
        logic.adaptation.start()


def testAFailureIsTold(taught):
    failed = []
    taught.logic.failed.connect(failed.append)
    taught.propagate(0, (4, 9))
    taught.logic.discardPreview()
    taught.workers[-1].failure = "Case 1 was removed."
    learn(taught.logic)
    assert failed == ["Case 1 was removed."] and not taught.logic.adaptation.isBusy


def testInThePanel(desk, tmp_path):
    desk.openPhantom()
    ui = desk.ui
    ui.librarySection.setProperty("collapsed", False)
    assert not ui.adaptButton.enabled and not ui.stopAdaptingButton.visible
    filled(tmp_path / "cases", 1)
    desk.application.folder = str(tmp_path / "cases")
    ui.libraryFolderButton.click()
    assert not ui.adaptButton.enabled  # one case: none could be left out
    put(Library.open(tmp_path / "cases"), 2, LIVER)
    put(Library.open(tmp_path / "cases"), 3, LIVER)
    desk.panel.library.refresh()
    assert ui.adaptButton.enabled
    ui.adaptButton.click()
    assert ui.stopAdaptingButton.visible and not ui.adaptButton.visible and not ui.libraryFolderButton.enabled
    while desk.logic.adaptation.progress is None:
        desk.settle(0.02)
    assert ui.adaptProgressBar.visible and "step" in ui.adaptLabel.text
    ui.stopAdaptingButton.click()
    assert ui.adaptButton.visible and not ui.adaptProgressBar.visible and "Stopped" in ui.adaptLabel.text
    ui.adaptButton.click()
    while desk.logic.adaptation.isBusy:
        desk.settle(0.02)
    assert "used for Liver" in ui.adaptLabel.text and ui.libraryFolderButton.enabled
