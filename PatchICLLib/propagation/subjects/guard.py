"""How much other subjects are listened to: found for each structure, by what they say of slices that are known.

A painted slice is predicted from other subjects and the other painted slices, itself left out. Where that agrees with
what was painted, the subjects are alike; where it does not (another age, another protocol, after an operation), they
would harm. Several slices are a hint of their own, so subjects who one by one say otherwise are not listened to beside
them. Between painted slices, and far from them, subjects count for more than hints do if they may be trusted:
one by one they say what was painted, and what was painted is about as large as it is in them (of another age, they may
know the largest slice and not the rest). Beyond the outermost painted slices they do not decide alone whether the
structure goes on: several slices know its ends better. With one slice, hints are weak, and subjects who may be trusted,
and together say a structure of their own size, always count for more. What they find when nothing is painted is then
worth as much, if it holds the painted slice, too: the average of both is better than either. The figures were chosen on
development cases; see Docs/library.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_LEAST, _LEAST_APART = 0.6, 0.5  # Dice of slices left out from which on subjects are listened to; of each by itself
_BESIDE, _PER_SIZE = 0.25, 1.0  # share beside a painted slice, and its growth with distance
_TRUSTED, _OTHERS = 0.75, 0.5  # its limit, for subjects who may be trusted and for others
_TRUSTED_TWICE = 0.85  # where one slice is painted, and they find it as well when nothing is
_FOUND = 0.7  # Dice of it from which that says something: a painting that differs from what they know is not overruled
_SINGLE = ((0.5, _OTHERS), (0.35, 0.25))  # Dice and share where one slice is painted
_SINGLE_UNLIKE = ((0.85, _OTHERS), (0.35, 0.25))  # if it is of another size
_TRUSTED_APART, _TRUSTED_SIZE = 0.6, 1.3  # Dice of each by itself from which on subjects are trusted; the size they say
_LIKE_SIZE = 4 / 3  # of the largest painted slice over that of subjects, in length
_AS_WELL, _SAME_SIZE = 0.05, 1.2  # Dice that may be lost if placed by scans alone; the size that need not be doubted
_MOST = 3  # slices left out, one after the other
_LARGE = 0.5  # of the largest painted slice's area: the ends of a structure say little


@dataclass(frozen=True)
class Worth:
    """What is known of how alike subjects are.

    Attributes:
        left_out: Dice of painted slices, each predicted by all subjects and the other painted slices.
        apart: Dice of the largest of them, predicted by each subject alone: mean over subjects.
        size: volume of what subjects say, over that of their own structures where these are placed.
        painted_size: of the largest painted slice, over that of subjects' slices that it lies on, in length.
        unpainted: Dice of the single painted slice as they find it placed by the scans, as if nothing were painted;
            None if that is not known.
        by_scan: whether they, or those whose structures' size that is, are placed by the scans alone, as if the single
            painted slice were not painted.
    """

    left_out: float
    apart: float = 1.0
    size: float = 1.0
    painted_size: float = 1.0
    unpainted: float | None = None
    by_scan: bool = False

    def is_confirmed_by(self, dice: float) -> bool:
        """Whether what subjects say of the painted slice when placed by the scans alone says as much."""
        return dice >= self.left_out - _AS_WELL

    @property
    def leads_beside_one(self) -> bool:
        """Whether subjects count for more than the hints of one painted slice."""
        return self.may_be_trusted and self.off_size <= _TRUSTED_SIZE

    @property
    def is_found_unpainted(self) -> bool:
        """Whether they find the painted slice as well as if nothing were painted."""
        return self.unpainted is not None and self.unpainted >= _FOUND and self.is_confirmed_by(self.unpainted)

    @property
    def may_be_trusted(self) -> bool:
        """Whether subjects may count for more than hints."""
        return self.left_out >= _SINGLE[0][0] and self.apart >= _TRUSTED_APART and self.is_of_like_size

    @property
    def is_of_like_size(self) -> bool:
        """Whether what is painted is about as large as it is in subjects."""
        return 1 / _LIKE_SIZE <= self.painted_size <= _LIKE_SIZE

    @property
    def has_own_size(self) -> bool:
        """Whether what subjects say is of the size of their own structures."""
        return self.off_size <= _SAME_SIZE

    @property
    def off_size(self) -> float:
        """How many times what subjects say is larger or smaller than their own structures: 1 or more."""
        return max(self.size, 1 / self.size) if self.size else math.inf


def slices_to_leave_out(indices: Sequence[int], areas: np.ndarray) -> list[int]:
    """The painted slices that are worth predicting: the largest, at most three.

    Args:
        indices: (n,) slices that hold the structure.
        areas: (n,) their sizes.
    """
    order = sorted(range(len(indices)), key=lambda n: -areas[n])[:_MOST]
    return [int(indices[n]) for n in order if areas[n] >= _LARGE * areas.max()]


def shares_of_subjects(worth: Worth, painted: int, distances: np.ndarray, beyond: np.ndarray) -> np.ndarray:
    """The share of the subjects' prediction in the result on n slices: (n,) 0 to 0.85.

    Args:
        worth: of the subjects.
        painted: how many slices hold the structure.
        distances: (n,) of slices to the nearest painted one, over the width of the largest painted one.
        beyond: (n,) whether slices lie beyond the outermost painted ones.
    """
    if painted == 1:
        return np.full(len(distances), share_beside_one(worth))
    if worth.left_out < _LEAST or worth.apart < _LEAST_APART:
        return np.zeros(len(distances))
    limits = np.where(beyond, _OTHERS, _TRUSTED if worth.may_be_trusted else _OTHERS)
    return np.minimum(limits, _BESIDE + _PER_SIZE * distances)


def share_beside_one(worth: Worth) -> float:
    """The share of the subjects' prediction where one slice is painted: 0 to 0.85."""
    if worth.leads_beside_one:
        return _TRUSTED_TWICE if worth.is_found_unpainted else _TRUSTED
    shares = _SINGLE if worth.is_of_like_size else _SINGLE_UNLIKE
    return next((share for least, share in shares if worth.left_out >= least), 0.0)


def size_ratio(volume: float, side: float, others: Sequence[tuple[float, float]]) -> float:
    """A volume over that of others' structures if these were as large here.

    Args:
        volume: in cubic mm.
        side: of its frame, in mm.
        others: volume and side of each of them.
    """
    return volume / float(np.median([theirs * (side / own) ** 3 for theirs, own in others]))
