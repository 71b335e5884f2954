"""Measures how long the application is held up, and how fast a run stops, with the bundled network on a large volume.

python -m Testing.StandIn.Responsiveness [COLUMNS ROWS SLICES]
"""

import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "PatchICLSegment")]

import numpy as np  # noqa: E402
import slicer  # noqa: E402
import slicer.util  # noqa: E402
from PatchICLSegmentLib.Logic import PatchICLSegmentLogic  # noqa: E402
from PatchICLSegmentLib.State import State  # noqa: E402

from Testing.StandIn.Headless import HeadlessSlicer  # noqa: E402

POLL_SECONDS = 0.05  # as the panel's timer


def phantomVolume(columns: int, rows: int, slices: int) -> tuple[np.ndarray, np.ndarray]:
    """int16 image with a bright ellipsoid in noise, and the ellipsoid, (slices, rows, columns)."""
    image = np.random.default_rng(0).integers(-40, 40, (slices, rows, columns), np.int16)
    k, j, i = np.ogrid[:slices, :rows, :columns]
    inside = (
        ((k - slices / 2) / (0.45 * slices)) ** 2
        + ((j - rows / 2) / (0.16 * rows)) ** 2
        + ((i - columns / 2) / (0.2 * columns)) ** 2
    ) <= 1
    image[inside] += 100
    return image, inside


class Measurement:
    """A logic with the real worker and a painted phantom; every method measures one thing."""

    def __init__(self, shape):
        self.application = HeadlessSlicer()
        image, inside = phantomVolume(*shape)
        volume = slicer.util.addVolumeFromArray(image, np.diag([-0.8, -0.8, 1.0, 1.0]), "phantom")
        self.logic = PatchICLSegmentLogic(self.application.scene)
        self.logic.select(volume, None)
        segmentation = self.logic.createSegmentation()
        count = len(inside)
        painted = np.zeros(inside.shape, np.uint8)
        for index in (count // 5, count // 2, 4 * count // 5):
            painted[index] = inside[index]
        slicer.util.updateSegmentBinaryLabelmapFromArray(painted, segmentation, self.logic.segmentId, volume)
        self.longestPoll = 0.0

    def runUntil(self, done: int) -> None:
        """Starts a run and polls until so many slices are there."""
        self.logic.startPropagation()
        while self.logic.progress is None or self.logic.progress.done < done:
            self.poll()
            if not self.logic.state.isBusy:
                raise RuntimeError("The run ended before it could be stopped; take a larger volume.")

    def drain(self) -> float:
        """Until the worker is free again; seconds since now."""
        start = time.perf_counter()
        while self.logic.needsPolling:
            self.poll()
        return time.perf_counter() - start

    def poll(self) -> None:
        start = time.perf_counter()
        self.logic.poll()
        self.longestPoll = max(self.longestPoll, time.perf_counter() - start)
        time.sleep(POLL_SECONDS)

    def cancel(self, keep: bool) -> float:
        """Seconds of the call itself."""
        start = time.perf_counter()
        self.logic.cancel(keepPartialResult=keep)
        return time.perf_counter() - start


def main(shape=(512, 512, 600)) -> None:
    measurement = Measurement(shape)
    logic = measurement.logic
    print(f"{shape[0]} x {shape[1]} x {shape[2]} voxels, 3 painted slices, bundled network in its worker process")
    start = time.perf_counter()
    logic.painting.slices()
    print(f"table of painted slices           {time.perf_counter() - start:6.2f} s")
    measurement.runUntil(1)
    print(f"first slice after                 {time.perf_counter() - start:6.2f} s")
    print(f"longest poll until then           {measurement.longestPoll:6.2f} s")
    for number, done in enumerate((12, 70, 140)):
        if number:
            measurement.runUntil(done)
        call = measurement.cancel(keep=False)
        assert logic.state is State.IDLE
        print(f"Cancel at slice {done:4d}: panel free   {call:6.2f} s, worker free {measurement.drain():6.2f} s")
    for done in (60, 200):
        measurement.longestPoll = 0.0
        measurement.runUntil(done)
        call = measurement.cancel(keep=True)
        assert logic.state is State.KEEPING and logic.preview is not None
        seconds = call + measurement.drain()
        assert logic.state is State.PREVIEW
        print(
            f"Stop and keep at slice {done:4d}: preview {call:6.2f} s, uncertainty {seconds:6.2f} s "
            f"(longest poll {measurement.longestPoll:.2f} s)"
        )
    start = time.perf_counter()
    logic.applyPreview()
    print(f"Apply                             {time.perf_counter() - start:6.2f} s")
    logic.shutdown()
    measurement.application.close()


if __name__ == "__main__":
    main(tuple(int(text) for text in sys.argv[1:4]) or (512, 512, 600))
