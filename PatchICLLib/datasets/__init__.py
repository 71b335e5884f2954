"""Data sets of the paper in their official form, read in place, as 2D examples (paper, section 4.1)."""
