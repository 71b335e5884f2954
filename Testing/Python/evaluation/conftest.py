"""A small folder of labelled cases with shapes whose scores are known."""

from Testing.Miniatures.labelled_cases import data  # noqa: F401
