"""Panel logic, Python, worker process and command line give the same mask, bit for bit, with the bundled network."""

import os
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
import slicer.util
from PatchICLSegmentLib.Logic import PatchICLSegmentLogic
from PatchICLSegmentLib.Parameters import Parameters
from PatchICLSegmentLib.WorkerSession import defaultWorker

pytest.importorskip("torch")

from PatchICLLib import Propagator
from PatchICLLib.worker import InProcessWorker, WorkerClient

PAINTED = (5, 9, 13)


@pytest.fixture(scope="module")
def direct(phantom):
    """The mask that Python gets from the library itself."""
    painted = np.zeros(phantom.labels.shape, np.uint8)
    for index in PAINTED:
        painted[index] = phantom.labels[index] == 1
    result = Propagator.from_pretrained(device="cpu").propagate(phantom.image, painted, phantom.spacing, seed=3)
    assert result.labels.any(axis=(1, 2)).sum() > len(PAINTED)
    return painted, result.labels


@contextmanager
def propagated(scene, phantom, painted, makeWorker=defaultWorker):
    """The volume, and the logic on it with its proposal."""
    step = phantom.spacing
    matrix = np.diag([-step[2], -step[1], step[0], 1.0])
    volume = slicer.util.addVolumeFromArray(phantom.image.copy(), matrix, "phantom")
    logic = PatchICLSegmentLogic(scene, makeWorker)
    try:
        logic.select(volume, None)
        segmentation = logic.createSegmentation()
        slicer.util.updateSegmentBinaryLabelmapFromArray(painted, segmentation, logic.segmentId, volume)
        logic.parameters = Parameters(device="cpu", seed=3)
        logic.propagate()
        yield volume, logic
    finally:
        logic.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [WorkerClient, InProcessWorker])
def testPanelLogic(scene, phantom, direct, kind):
    painted, expected = direct

    def makeWorker(device, weights):
        return kind(device=device, weights=weights or None)

    with propagated(scene, phantom, painted, makeWorker) as (volume, logic):
        logic.applyPreview()
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(logic.segmentationNode, logic.segmentId, volume)
        assert ((mask > 0) == (expected > 0)).all()
        assert logic.results.run["weights"]["sha256"] and logic.results.selections


@pytest.mark.slow
def testCommandLine(phantom, direct, tmp_path):
    painted, expected = direct
    paths = [tmp_path / name for name in ("image.nii.gz", "painted.nii.gz", "output.nii.gz")]
    for path, array in zip(paths, (phantom.image, painted), strict=False):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing(phantom.spacing[::-1])
        sitk.WriteImage(image, str(path))
    command = [sys.executable, "-m", "PatchICLLib", "propagate", *map(str, paths)]
    command += ["--device", "cpu", "--seed", "3", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"})
    assert done.returncode == 0, done.stderr
    assert (sitk.GetArrayFromImage(sitk.ReadImage(str(paths[2]))) == expected).all()


@pytest.mark.slow
def testLogitsAreThoseOfTheMask(scene, phantom, direct, application):
    """The last level's logits, asked for after the run, have the sign of the mask that the run gave."""
    from PatchICLSegmentLib.SceneIO.SliceViews import jumpToSlice

    from Testing.StandIn.Headless import SliceView

    painted, expected = direct
    with propagated(scene, phantom, painted) as (volume, logic):
        view = SliceView(application, "Red", "Axial", (200, 200))
        view.show(volume)
        jumpToSlice(scene, volume, 0, 7)
        logic.logits.start()
        while logic.needsPolling:
            logic.poll()
        found = logic.logits.found
        values = found.levels[-1].after
        places = [
            ((np.arange(count) - corner) / size * len(values)).astype(int)
            for count, corner, size in zip(expected.shape[1:], found.corner, found.size, strict=True)
        ]
        rows, columns = (np.flatnonzero((place >= 0) & (place < len(values))) for place in places)
        seen = values[np.ix_(places[0][rows], places[1][columns])] > 0
        mask = expected[7][np.ix_(rows, columns)] > 0
        assert mask.any() and (seen == mask).mean() > 0.98, "nearest pixels differ from interpolated ones at the border"
