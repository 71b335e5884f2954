"""The version of the library, the command line and the Slicer module."""

from __future__ import annotations

__version__ = "0.1.0"
