"""Planes, axes, layers, regions, gaps and intensities of a volume; no network."""
