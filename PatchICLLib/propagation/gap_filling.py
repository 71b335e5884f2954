"""How far the filling of one gap of one label is, and what is learned on the way about its region and its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PatchICLLib.propagation.geometry.gaps import Gap

_PORTION = 8 * 128  # rows of pixels in slices of one gap that are judged together; half as many if it is sparse
_EMPTY_RUN, _SPARSE_EMPTY_RUN = 3, 2  # so many empty slices in a row, or every second one, end a structure
_STEP, MOST_GROWTH = 1.35, 2.5  # of a region that turns out too small, and how far it may go


@dataclass(frozen=True)
class ContextKey:
    """What a slice learns from.

    Attributes:
        label: the label.
        slices: painted slices, ascending.
        growth: of the region beyond its usual size.
    """

    label: int
    slices: tuple[int, ...]
    growth: float = 1.0


@dataclass(frozen=True, eq=False)
class Portion:
    """A few slices of one gap that are seen through the same region and judged together.

    What becomes of a gap depends on its portions, and not on which of them are predicted at once.

    Attributes:
        filling: of the gap.
        indices: the slices, nearest to a painted one first.
        key: what they learn from.
    """

    filling: GapFilling
    indices: tuple[int, ...]
    key: ContextKey


class GapFilling:
    """Deals the slices of a gap out in portions, nearest to a painted slice first.

    Args:
        number: of the gap among all.
        label: the label.
        gap: what to fill.
        stops: end beyond the outermost painted slice where the structure ends.
        size_of: input of the network, pixels a side, for what is learned from.
        is_too_small: whether a region, by what is learned from, is known to be too small from the start.
        shown: so far beyond the outermost painted slice do planes across show the structure; 0 if they do not.
    """

    def __init__(
        self,
        number: int,
        label: int,
        gap: Gap,
        stops: bool,
        size_of: Callable[[ContextKey], int],
        is_too_small: Callable[[ContextKey], bool] = lambda _: False,
        shown: int = 0,
    ) -> None:
        self.number, self.label, self.gap = number, label, gap
        self.stops = stops and not gap.inner
        self._size_of = size_of
        self._growth = 1.0
        self._left = gap.slices  # not settled
        self._dealt = 0  # of those left
        self._again = 0  # of those left, judged together before the region grew, and so once more
        self._empty = 0
        self._most_empty = _SPARSE_EMPTY_RUN if gap.sparse else _EMPTY_RUN
        self._shown = shown if self.stops else 0
        while self._growth * _STEP <= MOST_GROWTH and is_too_small(self.key):
            self._growth *= _STEP

    @property
    def key(self) -> ContextKey:
        # a gap's own growth: what is found in it does not depend on what was found in others, or when
        return ContextKey(self.label, self.gap.context, self._growth)

    @property
    def size(self) -> int:
        """Input of the network for the next portion, pixels a side."""
        return self._size_of(self.key)

    @property
    def left(self) -> int:
        """Slices that are not settled."""
        return len(self._left)

    @property
    def is_dealt(self) -> bool:
        """Whether all slices are dealt out."""
        return self._dealt == len(self._left)

    @property
    def distance(self) -> int:
        """How far from a painted slice the next portion begins."""
        return self.gap.distance(self._left[self._dealt])

    @property
    def end(self) -> int:
        """Slices from a painted one by which the structure has ended, if it ends where planes across say; else 0."""
        return self._shown and self._shown + self._most_empty * (1 + self.gap.sparse)

    @property
    def next(self) -> Portion:
        """The next portion; none begins before and ends beyond where the structure should be known to have ended."""
        again = 0 if self._dealt else self._again
        count = again or max(1, _PORTION // self.size // (1 + self.gap.sparse))
        if not again and self.distance <= self.end:
            count = min(count, sum(self.gap.distance(z) <= self.end for z in self._left[self._dealt :]))
        return Portion(self, self._left[self._dealt : self._dealt + count], self.key)

    def deal(self) -> Portion:
        """Give the next portion away. Several may be out at a time: those after one that changes things are void."""
        portion = self.next
        self._dealt += len(portion.indices)
        return portion

    def settle(self, portion: Portion, held: Sequence[bool], touching: bool) -> int:
        """Judge a portion; in the order in which they were dealt.

        Args:
            portion: that was predicted.
            held: whether each of its slices holds anything.
            touching: whether the structure reaches the border of the region where slices go on.

        Returns:
            How many of its slices count: none if it is void, or must be predicted anew through a larger region.
        """
        if portion.key != self.key or portion.indices != self._left[: len(portion.indices)]:
            return 0
        if touching and self._growth * _STEP <= MOST_GROWTH:
            self._growth *= _STEP
            self._dealt, self._again = 0, len(portion.indices)
            return 0
        self._again = 0
        for number, one in enumerate(held, 1):
            self._empty = 0 if one else self._empty + 1
            if self.stops and self._empty == self._most_empty:
                self._left, self._dealt = (), 0
                return number
        self._left = self._left[len(portion.indices) :]
        self._dealt -= len(portion.indices)
        return len(portion.indices)
