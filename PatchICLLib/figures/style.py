"""Colours and typography of the demo's picture."""

from typing import Any

BACKGROUND, PANEL = "#0b0f14", "#121820"
TEXT, MUTED, FAINT = "#eef2f6", "#93a1b0", "#2a3542"
REFERENCE = "#ffffff"
REFERENCE_DASHES = (0, (2.2, 1.6))


def matplotlib_settings() -> Any:
    """Settings for `matplotlib.rc_context`."""
    return {
        "figure.facecolor": BACKGROUND,
        "savefig.facecolor": BACKGROUND,
        "axes.facecolor": PANEL,
        "axes.edgecolor": FAINT,
        "text.color": TEXT,
        "axes.labelcolor": MUTED,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "font.family": "DejaVu Sans",
        "font.size": 11,
        "axes.linewidth": 0.8,
    }
