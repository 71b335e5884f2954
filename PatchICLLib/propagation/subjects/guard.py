"""How much other subjects are listened to: found for each structure, by what they say of slices that are known.

A painted slice is predicted from other subjects and the other painted slices, itself left out. Where that agrees with
what was painted, the subjects are alike; where it does not (another age, another protocol, after an operation), they
would harm. Far from painted slices they are listened to more. The figures were chosen on development cases; see
Docs/library.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_LEAST = 0.6  # Dice of slices left out from which on subjects are listened to
_BESIDE, _PER_SIZE, _MOST_SHARE = 0.25, 1.0, 0.75  # share beside a painted slice, its growth with distance, its limit
_SINGLE = ((0.5, 0.5), (0.35, 0.25))  # Dice and share where one slice is painted: it says little by itself
_MOST = 3  # slices left out, one after the other
_LARGE = 0.5  # of the largest painted slice's area: the ends of a structure say little


def slices_to_leave_out(indices: Sequence[int], areas: np.ndarray) -> list[int]:
    """The painted slices that are worth predicting: the largest, at most three.

    Args:
        indices: (n,) slices that hold the structure.
        areas: (n,) their sizes.
    """
    order = sorted(range(len(indices)), key=lambda n: -areas[n])[:_MOST]
    return [int(indices[n]) for n in order if areas[n] >= _LARGE * areas.max()]


def shares_of_subjects(left_out: float, painted: int, distances: np.ndarray) -> np.ndarray:
    """The share of the subjects' prediction in the result on n slices: (n,) 0 to 0.75.

    Args:
        left_out: Dice over the slices left out, 0 to 1.
        painted: how many slices hold the structure.
        distances: (n,) of slices to the nearest painted one, over the width of the largest painted one.
    """
    if painted == 1:
        share = next((share for least, share in _SINGLE if left_out >= least), 0.0)
        return np.full(len(distances), share)
    if left_out < _LEAST:
        return np.zeros(len(distances))
    return np.minimum(_MOST_SHARE, _BESIDE + _PER_SIZE * distances)
