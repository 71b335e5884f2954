"""A run that is cancelled: what it had finished is kept or dropped, and the next one is not in its way."""

import pytest
from PatchICLSegmentLib.Running import CANCEL_PATIENCE_SECONDS
from PatchICLSegmentLib.State import State


@pytest.mark.parametrize("keep", [True, False])
def testCancelKeepsOrDropsWhatIsFinished(workplace, keep):
    logic = workplace.logic
    drawn = workplace.paint(0, [2, 15])
    workplace.startUntil(4)
    logic.cancel(keepPartialResult=keep)
    assert logic.state is (State.KEEPING if keep else State.IDLE), "neither needs any waiting"
    if keep:
        assert (logic.preview.masks()[workplace.organ].areas(0) > 0).sum() == 2 + 4
    workplace.settle()
    assert (workplace.read() == drawn).all()
    if keep:
        assert logic.state is State.PREVIEW
        assert (logic.preview.masks()[workplace.organ].areas(0) > 0).sum() == 2 + 4
    else:
        assert logic.state is State.IDLE and logic.preview is None and logic.results.run is None
    workplace.runToPreview()
    assert (logic.preview.masks()[workplace.organ].areas(0) > 0).sum() == 14


def keptRun(workplace):
    """A run that was stopped after four slices, its preview kept; the worker has not answered yet."""
    drawn = workplace.paint(0, [2, 15])
    workplace.startUntil(4)
    workplace.logic.cancel(keepPartialResult=True)
    assert workplace.logic.state is State.KEEPING
    return drawn


def testWorkerThatDoesNotStopIsReplaced(workplace):
    now = [0.0]
    workplace.logic.clock = lambda: now[0]
    keptRun(workplace)
    workplace.workers[0].poll = lambda timeout=0.0: []
    workplace.logic.poll()
    assert workplace.logic.state is State.KEEPING
    now[0] = CANCEL_PATIENCE_SECONDS + 0.1
    workplace.logic.poll()
    assert workplace.logic.state is State.PREVIEW and not workplace.workers[0].is_alive
    assert workplace.logic.results.run is None, "nothing is known of the slices but themselves"
    workplace.runToPreview()
    assert len(workplace.workers) == 2


def testKeptPreviewIsAppliedWithWhatBelongsToIt(workplace):
    drawn = keptRun(workplace)
    workplace.logic.applyPreview()
    assert workplace.logic.state is State.IDLE
    assert (workplace.read().any(axis=(1, 2))).sum() == 2 + 4 and (workplace.read()[2] == drawn[2]).all()
    assert workplace.logic.results.run["painted_slices"] == {"1": [2, 15]}


def testKeptPreviewIsDiscardedAtOnce(workplace):
    drawn = keptRun(workplace)
    workplace.logic.discardPreview()
    assert workplace.logic.state is State.IDLE and workplace.logic.preview is None
    workplace.settle()
    assert workplace.logic.results.run is None and (workplace.read() == drawn).all()


def testKeptPreviewOutlivesItsWorker(workplace):
    keptRun(workplace)
    workplace.workers[0].died = True
    workplace.workers[0].failure = "The worker was killed."
    workplace.settle()
    assert workplace.messages == ["The worker was killed."] and workplace.logic.state is State.PREVIEW
    workplace.logic.applyPreview()
    assert (workplace.read().any(axis=(1, 2))).sum() == 2 + 4


def testNextRunGoesBeforeWhatWasKept(workplace):
    keptRun(workplace)
    workplace.runToPreview()
    assert (workplace.logic.preview.masks()[workplace.organ].areas(0) > 0).sum() == 14
    assert len(workplace.logic.results.run["slices"]) == 12


def testNextRunWaitsForTheCancelledOne(workplace):
    logic = workplace.logic
    workplace.paint(0, [2, 15])
    logic.startPropagation()
    while logic.state is not State.RUNNING:
        logic.poll()
    logic.cancel()
    assert logic.state is State.IDLE and logic.needsPolling
    logic.startPropagation()
    assert len(workplace.workers[0].calls) == 1
    workplace.finish()
    assert len(workplace.workers[0].calls) == 2 and logic.state is State.PREVIEW
    assert (logic.preview.masks()[workplace.organ].areas(0) > 0).sum() == 14
