"""How large a structure is expected to be between and beyond its painted slices.

The cross-sections of an ellipsoid change their areas along a parabola. One through three neighbouring painted slices
says how round a structure is between them, and where it ends beyond the outermost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_LEAST, _MOST = 0.5, 1.3  # times the smaller and the larger area of the two painted slices around
_BEYOND = 1.1  # times the area of the outermost painted slice
_FLAT = 1e-3  # of that area: a smaller change along the painted range is none


@dataclass(frozen=True)
class SizeProfile:
    """Areas of k painted slices.

    Attributes:
        positions: (k,) ascending places along the slicing axis, in any unit.
        areas: (k,) in any unit, not negative.
    """

    positions: np.ndarray
    areas: np.ndarray

    def at(self, target: float) -> float | None:
        """Area expected on a slice; None if the painted slices tell nothing about it.

        Painted slices without the structure say that it ended before, not where.
        """
        after = int(np.searchsorted(self.positions, target))
        if 0 < after < len(self.positions):
            return self._between(after - 1, target)
        return self._beyond(target)

    def _parabola(self, first: int, origin: float) -> np.ndarray | None:
        """Through three painted slices from ``first`` on: coefficients, highest power first, of the way from ``origin``
        in units of the slices' span; None if there are no three or the structure is missing on one."""
        places, areas = self.positions[first : first + 3], self.areas[first : first + 3]
        if first < 0 or len(places) < 3 or not areas.all():
            return None
        return np.polyfit((places - origin) / (places[2] - places[0]), areas, 2)

    def _between(self, before: int, target: float) -> float | None:
        places, areas = self.positions[before : before + 2], self.areas[before : before + 2]
        if not areas.all():
            return None
        t = (target - places[0]) / (places[1] - places[0])
        guesses, weights = [], []
        for first, weight in ((before - 1, 1 - t), (before, t)):
            parabola = self._parabola(first, target)
            if parabola is not None:
                guesses.append(parabola[2])
                weights.append(weight)
        if not sum(weights):
            return float((1 - t) * areas[0] + t * areas[1])
        return float(np.clip(np.average(guesses, weights=weights), _LEAST * areas.min(), _MOST * areas.max()))

    def _beyond(self, target: float) -> float | None:
        low = target <= self.positions[0]
        first, end = (0, 0) if low else (len(self.positions) - 3, len(self.positions) - 1)
        if not self.areas[end]:
            return 0.0
        parabola = self._parabola(first, self.positions[end])
        if parabola is None:
            return None
        slope = -parabola[1] if low else parabola[1]
        flat = _FLAT * self.areas[end]
        if parabola[0] > -flat or slope > -flat:  # it does not narrow towards its end
            return None
        way = (target - self.positions[end]) / (self.positions[first + 2] - self.positions[first])
        return float(np.clip(np.polyval(parabola, way), 0, _BEYOND * self.areas[end]))
