"""On which slices something is painted, as one reads it on the console."""

from collections.abc import Mapping, Sequence


def painted_text(planes: Mapping[str, Sequence[int]]) -> str:
    """Such as "slices 3, 7 along k and 40 along i" of {"k": [3, 7], "i": [40]}."""
    return "slices " + " and ".join(f"{', '.join(map(str, found))} along {axis}" for axis, found in planes.items())
