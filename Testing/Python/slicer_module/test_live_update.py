"""Update while painting: a second after the last stroke, in the place of the run before, with what is shown kept."""

from dataclasses import replace

import numpy as np
import pytest
from PatchICLSegmentLib.LiveUpdate import REST_SECONDS
from PatchICLSegmentLib.State import State


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now

    def rest(self, seconds: float = REST_SECONDS + 0.01) -> None:
        self.now += seconds


@pytest.fixture
def live(workplace):
    """The logic with the switch on, and a clock that only moves when told."""
    workplace.clock = workplace.logic.clock = Clock()
    workplace.logic.parameters = replace(workplace.logic.parameters, updateWhilePainting=True)
    return workplace


def update(live):
    live.clock.rest()
    live.logic.poll()
    live.finish()


def testNothingStartsWhileTheHandMoves(live):
    live.paint(0, [3, 12])
    live.logic.poll()
    assert live.logic.state is State.IDLE and live.logic.needsPolling
    live.clock.rest(0.7)
    live.paint(0, [8])
    live.clock.rest(0.7)  # more than a second since the first stroke, less since the last
    live.logic.poll()
    assert live.logic.state is State.IDLE
    live.clock.rest(0.4)
    live.logic.poll()
    assert live.logic.state.isBusy and live.workers[-1].calls[-1].painted.any(axis=(1, 2)).sum() == 3
    live.finish()
    assert live.logic.state is State.PREVIEW and not live.logic.needsPolling


def testItIsOffByDefault(workplace):
    workplace.logic.clock = clock = Clock()
    workplace.paint(0, [3, 12])
    clock.rest()
    workplace.logic.poll()
    assert workplace.logic.state is State.IDLE and not workplace.logic.needsPolling


def testARunUnderWayIsSuperseded(live):
    live.paint(0, [3, 12])
    live.clock.rest()
    for _number in range(4):
        live.logic.poll()
    assert live.logic.state is State.RUNNING
    live.paint(0, [8], size=14)
    live.clock.rest()
    live.finish()
    first, second = live.workers[-1].calls
    assert not first.painted[8].any() and second.painted[8].any()
    mask = live.proposal()
    drawn = live.read()
    assert (mask[[3, 8, 12]] == drawn[[3, 8, 12]]).all() and mask[7].sum() == drawn[8].sum()


def testWhatIsShownStaysUntilASliceReplacesIt(live):
    live.paint(0, [3, 12])
    update(live)
    before = live.proposal()
    assert before[5].any()
    live.paint(0, [8], size=14)
    live.clock.rest()
    while live.logic.state is not State.RUNNING:
        live.logic.poll()
    now = live.proposal()
    replaced = live.logic.progress.slice_index
    others = [index for index in range(len(now)) if index not in (3, 8, 12, replaced)]
    assert (now[others] == before[others]).all()
    assert (now[8] == live.read()[8]).all()
    live.finish()
    assert live.logic.state is State.PREVIEW


def testSlicesThatTheNewRunDoesNotFillGo(live):
    """The range became shorter: nothing of the earlier run is left beyond it."""
    live.paint(0, [3, 12])
    update(live)
    live.write(np.where(np.arange(18)[:, None, None] == 12, False, live.read()))
    live.paint(0, [6])
    update(live)
    mask = live.proposal()
    assert np.flatnonzero(mask.any(axis=(1, 2))).tolist() == [3, 4, 5, 6]


def testNothingNewStartsNothing(live):
    """After Apply, and where a stroke changed nothing, the network is not asked again."""
    live.paint(0, [3, 12])
    update(live)
    live.write(live.read())
    live.clock.rest()
    live.logic.poll()
    assert live.logic.state is State.PREVIEW and len(live.workers[-1].calls) == 1
    live.logic.applyPreview()
    live.clock.rest()
    live.logic.poll()
    assert live.logic.state is State.IDLE and len(live.workers[-1].calls) == 1


def testWhatIsMissingIsTold(live):
    live.paint(0, [3, 12])
    live.segmentation.GetDisplayNode().SetSegmentVisibility(live.organ, False)
    live.clock.rest()
    live.logic.poll()
    live.logic.poll()
    assert len(live.messages) == 1 and "hidden" in live.messages[0] and live.logic.state is State.IDLE


def testClosingTheSceneForgetsWhatWasDue(live):
    live.paint(0, [3, 12])
    live.scene.Clear(False)
    live.clock.rest()
    live.logic.poll()
    assert live.logic.state is State.IDLE and not live.logic.needsPolling
