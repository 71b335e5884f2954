"""The version of the library, the command line and the Slicer module."""

__version__ = "0.8.0"
