"""Fills the frames of a sequence one after the other, away from the painted one: to the end, then to the start."""

from collections.abc import Callable, Iterator

from PatchICLLib.follow.frame_files import FrameFiles
from PatchICLLib.follow.motion import MotionTracker
from PatchICLLib.images import Volume
from PatchICLLib.segmentations import Segmentation


def follow_frames(
    files: FrameFiles,
    image: Volume,
    finished: Segmentation,
    cancelled: Callable[[], None],
    done: Callable[[int], None],
    resume: bool = True,
) -> Iterator[tuple[int, float]]:
    """Carry the segmentation of the painted frame to all others and write them.

    Frames that are finished are not written again, but the motion through them is found as if they were not, so that a
    run that was stopped ends as one that was not.

    Args:
        files: of the frames.
        image: the painted frame.
        finished: its segmentation.
        cancelled: raises if it shall stop; asked before each frame.
        done: called with the number of each frame that is there.
        resume: leave finished frames alone.

    Yields:
        Number of each frame that was written, and how much it is like the painted one (correlation).
    """
    for way in (range(files.painted + 1, len(files.sequence)), range(files.painted - 1, -1, -1)):
        left = [number for number in way if not (resume and files.is_finished(number))]
        tracker = MotionTracker(image, finished.array)
        for number in way:
            if number in left or left and (left[-1] - number) * way.step > 0:
                cancelled()
                frame = files.sequence.volume(number)
                motion, labels = tracker.next(frame)
                if number in left:
                    report = {"alike": round(motion.alike, 4), "farthest_mm": round(motion.farthest, 3)}
                    files.write(number, frame, finished.filled(labels), report)
                    yield number, motion.alike
            done(number)
