"""What happens to slices after the network happens on its device, and nothing waits for it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from PatchICLLib.propagation.geometry.gaps import Gap, find_gaps
from PatchICLLib.propagation.geometry.orientation import Orientation
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.memory import rounded
from PatchICLLib.propagation.refinement.gap_refinement import GapRefinement
from PatchICLLib.propagation.result.canvas import Canvas
from PatchICLLib.propagation.result.filled_slices import FilledSlices
from PatchICLLib.runtime.transfers import to_device
from Testing.Miniatures.device_purity import DevicePurity

SHAPE = (7, 9, 8)
WINDOWS = [(slice(2, 7), slice(1, 6)), (slice(1, 9), slice(0, 8))]  # a region may turn out too small, and grow
LIMIT = slice(0, 9), slice(2, 6)

Batches = list[tuple[int, Gap, list[FilledSlices]]]


def painted_volume(painted: list[int], mirrored: tuple[bool, bool, bool]) -> SlicedVolume:
    orientation = Orientation((0, 2, 1), mirrored, (SHAPE[0], SHAPE[2], SHAPE[1]))
    drawn = np.zeros(SHAPE, np.uint8)
    for z in painted:
        drawn[z, 3:6, 2 : 4 + z % 2], drawn[z, 5:7, 4:6] = 3, 1
    return SlicedVolume(drawn.astype(np.float32), drawn, 1.0, (1.0, 1.0), orientation)


def batches_of(volume: SlicedVolume, painted: list[int], size: int, seed: int) -> Batches:
    """What a network might say, in ragged batches, some slices of it empty."""
    rng, found = np.random.default_rng(seed), []
    for label in (1, 3):
        for gap in find_gaps(painted, painted, SHAPE[0], 3, "auto"):
            parts = []
            for start in range(0, len(gap.slices), size):
                indices = gap.slices[start : start + size]
                window = WINDOWS[start > 0]
                shape = (len(indices), *(span.stop - span.start for span in window))
                logits = rng.normal(rng.choice([-6, -1], (shape[0], 1, 1)), 2, shape).astype(np.float32)
                parts.append(FilledSlices(label, indices, window, torch.from_numpy(logits)))
            found.append((label, gap, parts))
    return found


def finished(volume: SlicedVolume, batches: Batches, device: torch.device) -> Iterator[FilledSlices]:
    for label, gap, parts in batches:
        refinement = GapRefinement(volume, label, gap, prior=True)
        for part in parts:
            yield from refinement.add(FilledSlices(label, part.indices, part.window, to_device(part.logits, device)))
        yield from refinement.rest()


def drawn(volume: SlicedVolume, batches: Batches, device: torch.device) -> tuple[Any, ...]:
    canvas = Canvas(volume, (1, 3), device)
    for filled in finished(volume, batches, device):
        canvas.add(rounded(filled).within(LIMIT))
    return canvas.labels(), canvas.probability(), canvas.entropy(), canvas.planes(range(SHAPE[0])), canvas.figures()


@settings(max_examples=12)
@given(
    painted=st.lists(st.integers(0, SHAPE[0] - 1), min_size=1, max_size=3, unique=True).map(sorted),
    mirrored=st.tuples(*[st.booleans()] * 3),
    size=st.integers(1, 3),
    seed=st.integers(0, 999),
)
def test_same_on_a_device_that_nobody_waits_for(
    painted: list[int], mirrored: tuple[bool, bool, bool], size: int, seed: int
) -> None:
    volume = painted_volume(painted, mirrored)
    batches = batches_of(volume, painted, size, seed)
    expected = drawn(volume, batches, torch.device("cpu"))
    with torch.inference_mode(), DevicePurity(single=True) as purity:
        found = drawn(volume, batches, purity.device)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[3], expected[3])
    for one, other in zip(found[1:3], expected[1:3], strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3)  # logits are kept in half precision
    for figure, told in zip(found[4], expected[4], strict=True):
        assert figure == pytest.approx(told, rel=1e-2, abs=1e-2)
