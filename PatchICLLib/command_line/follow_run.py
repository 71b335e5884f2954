"""Runs `patchicl follow`: the painted frame first, then the others; every output known before anything is computed."""

import contextlib
import time
from typing import Any

from PatchICLLib.command_line.console import plain_console
from PatchICLLib.command_line.follow import FollowRequest
from PatchICLLib.command_line.interrupt import interrupt_cancels
from PatchICLLib.command_line.progress_display import ProgressDisplay, time_text
from PatchICLLib.errors import Cancelled, InputError, NothingToFillError, Stopped
from PatchICLLib.follow import LEAST_ALIKE
from PatchICLLib.follow.finished import looks_finished
from PatchICLLib.follow.frame_files import FrameFiles
from PatchICLLib.follow.run import follow_frames
from PatchICLLib.follow.sequence import Sequence
from PatchICLLib.images import Volume
from PatchICLLib.images.label_values import numbered
from PatchICLLib.outputs import check_outputs, output_folder
from PatchICLLib.propagation import CancelToken, Propagator
from PatchICLLib.segmentations import Segmentation
from PatchICLLib.segmentations.files import check_can_hold, read_segmentation
from PatchICLLib.weights import find_weights, sha256_of, weights_file

_FINISHED = "  PAINTED looks finished, so it was followed as it is; --not-finished fills its slices first"
_PAINTED = "  PAINTED looks painted on some slices, so the others were filled first; --finished leaves them empty"


def run_follow(request: FollowRequest) -> None:
    """Fill all frames.

    Raises:
        InputError: bad input.
        Stopped: by Ctrl-C; frames that were finished are there.
    """
    sequence = Sequence.find(request.frames)
    if request.frame >= len(sequence):
        raise InputError(
            f"--frame is {request.frame}, but the last of the {len(sequence)} frames is {len(sequence) - 1}."
        )
    if request.folder.resolve() == request.frames.resolve():
        raise InputError(f"OUTPUT_FOLDER {request.folder} holds the frames; give another folder.")
    image = sequence.volume(request.frame)
    painted = read_segmentation(request.painted, like=image)
    files = FrameFiles(request.folder, sequence, request.frame, _ending(painted, image), _origin(request))
    inputs = {"FRAMES": request.frames, "PAINTED": request.painted, "--weights": weights_file(request.weights)}
    check_can_hold(image, painted, files.segmentation(request.frame))
    with output_folder(request.folder):
        check_outputs(files.outputs(), inputs)
        _fill(request, files, image, painted)


def _fill(request: FollowRequest, files: FrameFiles, image: Volume, painted: Segmentation) -> None:
    started, token, count = time.monotonic(), CancelToken(), len(files.sequence)
    there: set[int] = set()
    new = 0 if request.resume and files.is_finished(files.painted) else 1
    is_finished = request.finished if request.finished is not None else _is_finished(request, painted)
    written: dict[int, float] = {}
    with interrupt_cancels(token), ProgressDisplay(request.quiet, unit="frames") as display:
        try:
            finished = _painted_frame(request, files, image, painted, is_finished, token, display)
            there.add(files.painted)

            def done(number: int) -> None:
                there.add(number)
                display.show("Following", len(there), count)

            done(files.painted)
            for number, alike in follow_frames(files, image, finished, token.raise_if_cancelled, done, request.resume):
                written[number] = alike
        except Cancelled as error:
            raise Stopped(
                f"Stopped after {len(there)} of {count} frames; the same command goes on from there."
            ) from error
    if not request.quiet:
        _summarise(request, files, new, written, time.monotonic() - started)
        if request.finished is None and request.axis == "auto":
            plain_console().print(_FINISHED if is_finished else _PAINTED, soft_wrap=True)


def _painted_frame(
    request: FollowRequest,
    files: FrameFiles,
    image: Volume,
    painted: Segmentation,
    is_finished: bool,
    token: CancelToken,
    display: ProgressDisplay,
) -> Segmentation:
    """The segmentation of the painted frame, from an earlier run or the engine, or as it is."""
    number = files.painted
    if request.resume and files.is_finished(number):
        return painted.filled(read_segmentation(files.segmentation(number), like=image).array)
    if is_finished:
        files.write(number, image, painted, {"names": painted.names})
        return painted
    options = request.options()
    options["labels"] = painted.chosen(options.get("labels"))
    propagator = Propagator.from_pretrained(**request.arguments())
    token.raise_if_cancelled()
    finished, report = painted, {}
    with contextlib.suppress(NothingToFillError):  # it is finished on every slice
        result = propagator.propagate(
            image.array,
            painted.array,
            image.spacing_kji,
            progress=display,
            cancel=token,
            outputs=frozenset(),
            **options,
        )
        finished, report = painted.filled(result.labels), result.report
    files.write(number, image, finished, {**report, "names": finished.names})
    return finished


def _is_finished(request: FollowRequest, painted: Segmentation) -> bool:
    """Whether all of it looks finished; who names the axis of painted slices says that it is not."""
    if request.axis != "auto":
        return False
    labels = painted.chosen(request.options().get("labels"))
    chosen = numbered(painted.array)[0] if labels is None else labels
    masks = (painted.mask(int(label)) for label in chosen if label)
    looks = [looks_finished(mask, mask.shape) for mask in masks if mask.any()]
    return bool(looks) and all(looks)


def _ending(painted: Segmentation, image: Volume) -> str:
    if painted.segments:
        return ".seg.nrrd"
    return ".nii.gz" if image.nifti is not None else ".nrrd"


def _origin(request: FollowRequest) -> list[Any]:
    file, painted = find_weights(request.weights), request.painted.stat()
    options = [request.options(), request.finished]
    return [request.painted.name, painted.st_size, painted.st_mtime_ns, options, sha256_of(file)]


def _summarise(
    request: FollowRequest, files: FrameFiles, new: int, written: dict[int, float], seconds: float
) -> None:  # fmt: skip
    """Args: new: painted frames that were not there before, 0 or 1; written: others, with their likeness."""
    console = plain_console()
    count = len(files.sequence)
    console.print(
        f"{count} frames in {request.folder} ({time_text(seconds)}), {new + len(written)} of them new", soft_wrap=True
    )
    for number, alike in written.items():
        if alike < LEAST_ALIKE:
            console.print(
                f"  frame {files.sequence.names[number]} resembles the painted one little: look at it",
                style="yellow",
                soft_wrap=True,
            )
