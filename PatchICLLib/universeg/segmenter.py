"""UniverSeg with the official weights, used like ours."""

from __future__ import annotations

from pathlib import Path

from PatchICLLib.runtime.device import resolve_device
from PatchICLLib.segmenter import InContextSegmenter
from PatchICLLib.universeg.in_context import UniverSegInContext, UniverSegInContextConfiguration
from PatchICLLib.universeg.official import load_official_weights
from PatchICLLib.weights import Pretrained, sha256_of

PUBLISHED_SIZE = 128  # pixels a side that the official weights were trained with


def official_pretrained(path: str | Path, working_size: int | None = PUBLISHED_SIZE) -> Pretrained:
    """The official weights as a pretrained model, on the CPU, for whatever takes one (``Propagator`` too).

    Args:
        path: of ``universeg_v1_nf64_ss64_STA.pt``.
        working_size: side that images are resized to, or None for their own.

    Raises:
        WeightsError: see ``load_official_weights``.
    """
    path = Path(path)
    model = UniverSegInContext(UniverSegInContextConfiguration(working_size=working_size))
    model.network = load_official_weights(path)
    return Pretrained(model.eval(), path.stem, "universeg", sha256_of(path), {})


def universeg_segmenter(path: str | Path, device: str = "auto", native_size: int | None = None) -> InContextSegmenter:
    """A segmenter with the official weights: ``set_context(images, masks)`` once, then ``segment(image)``.

    Args:
        path: of ``universeg_v1_nf64_ss64_STA.pt``.
        device: see ``resolve_device``.
        native_size: work at this side in pixels, a multiple of 8, instead of the published 128.

    Raises:
        InputError: wrong weights or device.
    """
    chosen = resolve_device(device)
    size = native_size or PUBLISHED_SIZE
    pretrained = official_pretrained(path, size)
    pretrained.model.to(chosen)
    return InContextSegmenter(pretrained, chosen, size)
