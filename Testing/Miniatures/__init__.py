"""Data small enough for tests, in the official layouts."""
