"""The next time point: a structure of one frame, carried along with the motion to all frames of a sequence."""

LEAST_ALIKE = 0.5  # correlation below which a frame is said to resemble the painted one little
