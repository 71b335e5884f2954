"""The panel before the packages are installed, and its sample."""

import pytest

pytest.importorskip("PySide6", reason="needs PySide6-Essentials")

from PatchICLSegmentLib.Logic import State


def testNothingRunsBeforeTheInstallation(desk):
    desk.openPhantom().paintWithMouse(3, 14)
    desk.installer.ready = False
    desk.panel.install.refresh()
    assert desk.ui.installHint.visible and "2900 MB" in desk.ui.installLabel.text
    desk.ui.propagateButton.click()
    assert desk.logic.state is State.IDLE and not desk.ui.installSection.collapsed
    desk.application.answer = False
    desk.ui.installButton.click()
    assert desk.installer.calls == [], "declined: nothing happens"
    desk.application.answer, desk.application.folder = True, "bad"
    desk.ui.wheelsButton.click()
    assert desk.ui.statusLabel.text == "The folder bad holds no wheels."
    desk.ui.installButton.click()
    assert desk.installer.calls == [("install", "bad"), ("install", "")]
    assert not desk.ui.installHint.visible
    desk.ui.propagateButton.click()
    assert desk.logic.state.isBusy
    desk.waitWhileBusy()
    desk.ui.selfCheckButton.click()
    desk.ui.copyReportButton.click()
    assert desk.application.copied == [desk.ui.reportText.plainText] and "cpu" in desk.application.copied[0]
    desk.ui.uninstallButton.click()
    assert desk.installer.calls[-1] == ("uninstall",) and desk.ui.installHint.visible


def testExtensionComesFirst(desk):
    desk.installer.ready, desk.installer.extensionIsMissing = False, True
    desk.application.answer = False
    desk.ui.showInstallButton.click()
    desk.panel.install.refresh()
    desk.ui.installButton.click()
    assert "2900 MB" in desk.application.questions[-1] and desk.application.extensions == []
    desk.application.answer = True
    desk.ui.installButton.click()
    assert desk.application.extensions == ["PyTorch"] and desk.installer.calls == []
    desk.application.folder = "wheels"
    desk.ui.wheelsButton.click()
    assert desk.installer.calls == [("install", "wheels")], "a folder of wheels needs no extension"


def testTryItLoadsPaintsAndPropagates(desk):
    assert desk.ui.tryItButton.visible
    desk.ui.tryItButton.click()
    assert desk.logic.state.isBusy and desk.logic.volumeNode.GetName() == "PatchICL sample brain"
    assert len(desk.logic.painting.slices()) == 3
    desk.waitWhileBusy()
    assert desk.logic.state is State.PREVIEW and not desk.ui.tryItButton.visible
    desk.ui.applyButton.click()
    areas = desk.logic.currentPainting().box.areas(0)
    assert (areas > 0).sum() > 10
