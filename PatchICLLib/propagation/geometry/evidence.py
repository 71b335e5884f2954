"""What a caller knows of voxels beside the painted slices: what is drawn on single voxels, and where labels are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.propagation.geometry.holding_planes import Plane
from PatchICLLib.propagation.geometry.whole_numbers import whole_numbers

SINGLE = 1  # the code of voxels that stand for themselves
WALL = 128  # from this code on something else is where labels are not
_CODES = 256


@dataclass(frozen=True, eq=False)
class Evidence:
    """Codes of voxels; checked by ``of``.

    What is painted holds wherever a code says something: there an excluded label lies if, and only if, it is painted.

    Attributes:
        codes: (K, J, I) uint8, or (L, K, J, I) where labels overlap. 0: nothing is known. ``SINGLE``: this voxel of the
            painting, a label or 0 for none of its layer, is exact, but makes no slice painted; where layers share codes
            and a label is painted in one of them, nothing is said of the others. From 2: labels are not here, as
            somebody found, who erased them; what is like it beside it is not, either. From ``WALL``: they are not here,
            because another structure is; nothing is said of what is beside it, but no way leads through it.
        excluded: for codes from 2 the labels that are not there; of a code that is missing, none is.
        planes: for each label those, as stored, on which the painting says all of it.
    """

    codes: np.ndarray | None = None
    excluded: Mapping[int, frozenset[int]] = field(default_factory=dict)
    planes: Mapping[int, frozenset[Plane]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, codes: np.ndarray | None, excluded: Mapping[int, Sequence[int]] | None, image: Any, painted: Any
    ) -> Evidence | None:
        """What is known; None if nothing is.

        Args:
            codes: see above.
            excluded: for codes the labels that are not there; of a code that is missing, none is.
            image: (K, J, I).
            painted: (K, J, I), or (L, K, J, I).

        Raises:
            InputError: codes or labels that are not of this kind, or do not fit the image.
        """
        if codes is None:
            if excluded:
                raise InputError("Labels are excluded, but there is no evidence to say where: give both.")
            return None
        if not isinstance(codes, np.ndarray) or codes.dtype != np.uint8:
            kind = codes.dtype if isinstance(codes, np.ndarray) else type(codes).__name__
            raise InputError(f"The evidence must be a numpy array of type uint8, not {kind}.")
        fitting = {np.shape(image), np.shape(painted)} if np.ndim(painted) == 4 else {np.shape(image)}
        if codes.shape not in fitting:
            raise InputError(f"The evidence has the shape {codes.shape}, but the image has {np.shape(image)}.")
        if excluded is not None and not isinstance(excluded, Mapping):
            raise InputError(f"Excluded labels must be given by the code of the evidence, not as {excluded!r}.")
        named = {}
        for code, labels in (excluded or {}).items():
            whole_numbers([code], "The codes of excluded labels")
            if not SINGLE < code < _CODES:
                raise InputError(f"Labels are excluded by codes from 2 to 255 of the evidence, not by {code}.")
            if isinstance(labels, str) or not np.iterable(labels):
                raise InputError(f"The labels excluded by code {code} must be a list, not {labels!r}.")
            named[int(code)] = frozenset(whole_numbers(labels, f"The labels excluded by code {code}"))
        return cls(codes, named) if codes.any() else None

    def layers(self, painted: Sequence[np.ndarray]) -> list[Evidence]:
        """What is known of each layer of a painting: where codes are shared, a voxel of a layer is that layer's."""
        if self.codes is None:
            return [self] * len(painted)
        if self.codes.ndim == 4:
            return [Evidence(codes, self.excluded) for codes in self.codes]
        single = self.codes == SINGLE
        if len(painted) == 1 or not single.any():
            return [self] * len(painted)
        drawn = [layer != 0 for layer in painted]
        on_any = single & np.logical_or.reduce(drawn)
        return [
            Evidence(np.where(on_any & ~held, np.uint8(0), self.codes), self.excluded) if on_any.any() else self
            for held in drawn
        ]

    def drawn(self, painted: np.ndarray) -> np.ndarray:
        """A painting (K, J, I) without voxels that stand for themselves: what slices are painted by."""
        if self.codes is None:
            return painted
        single = self.codes == SINGLE
        return np.where(single, np.zeros((), painted.dtype), painted) if single.any() else painted

    def told(self, label: int) -> np.ndarray:
        """For each of 256 codes, whether it says something of a label."""
        table = np.ones(_CODES, bool)
        table[0] = False
        for code, labels in self.excluded.items():
            table[code] = label in labels
        return table
