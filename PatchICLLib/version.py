"""The version of the library, the command line and the Slicer module."""

__version__ = "0.7.1"
