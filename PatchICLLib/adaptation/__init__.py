"""Weights that go on learning from a library's cases, and what that gains on a case that is left out."""
