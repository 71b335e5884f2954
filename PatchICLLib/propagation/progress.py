"""How far a propagation is."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Progress:
    """One step of a propagation.

    Attributes:
        stage: "preparing" or "propagating".
        done, total: slices times labels; the total falls when the model finds that a structure has ended.
        elapsed: seconds.
        remaining: seconds, estimated; None while unknown.
        slice_index: the slice along the slicing axis that has just been finished, or None.
        slice_labels: its 2D labels as far as known, or None.
        layer: which layer of the painting it is of, 0 where there is but one.
    """

    stage: str
    done: int
    total: int
    elapsed: float
    remaining: float | None = None
    slice_index: int | None = None
    slice_labels: np.ndarray | None = None
    layer: int = 0
