"""The color of a proposal beside that of the segment it is meant for."""

import colorsys


def previewColor(color) -> tuple[float, float, float]:
    """A vivid neighbor of the segment's color: seen as related, never mistaken for it."""
    hue, saturation, _value = colorsys.rgb_to_hsv(*color)
    return colorsys.hsv_to_rgb((hue + 0.14) % 1.0, max(saturation, 0.6), 1.0)
