"""What a report says of candidates."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from PatchICLLib.propagation.candidates.uncertain_parts import Box
from PatchICLLib.propagation.result.propagation_result import Candidate


def described(candidates: Sequence[Candidate], axis: int, box: Box) -> list[dict[str, Any]]:
    """Plain JSON.

    Args:
        candidates: the result's own first; (K, J, I) or (L, K, J, I).
        axis: of the slices, 0 for k.
        box: around all that differs.

    Returns:
        For each its ``probability``, and against the first voxels ``added`` and ``removed`` and the
        ``most_different_slice``, None for the first.
    """
    own = candidates[0].labels[(..., *box)]
    found = []
    for candidate in candidates:
        other = candidate.labels[(..., *box)]
        differs = own != other
        by_slice = np.moveaxis(differs, axis - 3, 0).reshape(differs.shape[axis - 3], -1).sum(1)
        place = int(by_slice.argmax()) + (box[axis].start or 0) if by_slice.any() else None
        found.append(
            {
                "probability": candidate.probability,
                "added": int(np.count_nonzero(differs & (own == 0))),
                "removed": int(np.count_nonzero(differs & (other == 0))),
                "most_different_slice": place,
            }
        )
    return found
