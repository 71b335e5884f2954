"""From painted slices to a full segmentation: volumes in; labels, probability, entropy and selections out."""
