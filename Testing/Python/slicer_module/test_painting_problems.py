"""Paintings that cannot be used as they are: one sentence says so, with a remedy where there is one."""

from __future__ import annotations

import numpy as np
import pytest
from PatchICLSegmentLib.Errors import SceneError
from PatchICLSegmentLib.State import State

from PatchICLLib.errors import InputError
from PatchICLLib.propagation.axis import find_axis


def testTwoAxesAreRefusedInTheLibrarysSentence(workplace):
    workplace.paint(0, [3, 8], size=12)
    drawn = workplace.paint(2, [12], size=12)
    logic = workplace.logic
    with pytest.raises(InputError) as ofTheLibrary:
        find_axis(drawn, (2.5, 0.9, 0.8))
    assert str(logic.currentPainting().problem) == str(ofTheLibrary.value)
    assert logic.painting.slices() == [] and logic.painting.axis() is None
    for act in (logic.startPropagation, lambda: logic.painting.setNotOnSlice(5)):
        with pytest.raises(SceneError) as refused:
            act()
        assert str(refused.value) == str(ofTheLibrary.value)
    assert logic.state is State.IDLE and (workplace.read() == drawn).all()


def testWhatIsPaintedOnAnotherAxisDuringAPreviewSurvivesApply(workplace):
    workplace.paint(0, [3, 9])
    workplace.runToPreview()
    drawn = workplace.paint(2, [20])
    workplace.logic.applyPreview()
    assert (workplace.read()[:, :, 20] == drawn[:, :, 20]).all()
    assert np.array_equal(workplace.read()[[3, 9]], drawn[[3, 9]])
