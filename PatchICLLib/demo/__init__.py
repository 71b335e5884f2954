"""The main job on the embedded real scan: paint three slices per structure, propagate, score, draw."""
