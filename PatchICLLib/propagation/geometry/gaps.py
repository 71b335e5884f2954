"""The unpainted runs of slices, and the painted slices that each of them learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Gap:
    """Unpainted slices between two painted ones, or beyond the outermost.

    Attributes:
        before, after: the painted slices that bound it; None beyond the outermost.
        slices: unpainted slices, nearest to a painted one first (the lower first where equally near).
        context: painted slices to learn from, ascending.
        sparse: whether every second slice alone is to be filled.
    """

    before: int | None
    after: int | None
    slices: tuple[int, ...]
    context: tuple[int, ...]
    sparse: bool = False

    @property
    def inner(self) -> bool:
        return self.before is not None and self.after is not None

    def distance(self, index: int) -> int:
        """Slices to the nearest bounding painted slice."""
        return min(abs(index - bound) for bound in (self.before, self.after) if bound is not None)

    def reduced(self, reach: float, sparse: bool) -> Gap:
        """The gap without slices that lie farther from its bounds than so many; if sparse, with every second alone."""
        near = [z for z in self.slices if self.distance(z) <= reach]
        return replace(self, slices=tuple(z for z in near if not sparse or self.distance(z) % 2), sparse=sparse)


def find_gaps(
    painted: Sequence[int], filled: Sequence[int], depth: int, context_size: int, extent: tuple[int, int] | str
) -> list[Gap]:
    """All gaps of a label.

    Args:
        painted: ascending slices painted for the label.
        filled: those of them that hold a voxel of it; at least one.
        depth: number of slices of the volume.
        context_size: most painted slices a gap learns from; its bounds and one filled slice are always among them.
        extent: "auto" or "painted", or first and last slice to fill.
    """
    first, last = (0, depth - 1) if isinstance(extent, str) else extent
    bounds: list[tuple[int | None, int | None]] = list(zip(painted[:-1], painted[1:], strict=True))
    if extent != "painted":
        bounds += [(None, painted[0]), (painted[-1], None)]
    gaps = []
    for before, after in bounds:
        start = 0 if before is None else before + 1
        stop = depth if after is None else after
        inside = [z for z in range(start, stop) if first <= z <= last]
        if inside:
            gap = Gap(before, after, (), ())
            order = tuple(sorted(inside, key=lambda z: (gap.distance(z), z)))
            gaps.append(Gap(before, after, order, _context(painted, filled, (before, after), context_size)))
    return gaps


def _context(
    painted: Sequence[int], filled: Sequence[int], bounds: tuple[int | None, int | None], size: int
) -> tuple[int, ...]:
    ends = [b for b in bounds if b is not None]
    middle = sum(ends) / len(ends)

    def nearest(slices: Sequence[int]) -> list[int]:
        return sorted(slices, key=lambda z: (abs(z - middle), z))

    chosen = dict.fromkeys([*ends, nearest(filled)[0]])
    for index in nearest(painted):
        if len(chosen) >= size:
            break
        chosen[index] = None
    return tuple(sorted(chosen))
