"""How much other subjects are listened to: found for each structure, by what they say of slices that are known.

A painted slice is predicted from other subjects and the other painted slices, itself left out. Where that agrees with
what was painted, the subjects are alike; where it does not (another age, another protocol, after an operation), they
would harm. The steps were chosen on development cases; see Docs/library.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_STEPS = ((0.7, 0.5), (0.6, 0.25))  # Dice of slices left out from which on, and the weight then
_SINGLE = ((0.9, 0.75), (0.5, 0.5), (0.35, 0.25))  # the same where one slice is painted: it says little by itself
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


def weight_of_subjects(left_out: float, painted: int) -> float:
    """The share of the subjects' prediction in the result: 0, 0.25, 0.5 or 0.75.

    Args:
        left_out: Dice over the slices left out, 0 to 1.
        painted: how many slices hold the structure.
    """
    steps = _SINGLE if painted == 1 else _STEPS
    return next((weight for least, weight in steps if left_out >= least), 0.0)
