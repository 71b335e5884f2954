"""What is laid over the slices: the entropy as foreground, one additional slice-view layer per level of the cascade."""
