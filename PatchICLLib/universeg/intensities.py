"""UniverSeg expects intensities from 0 to 1 in every image."""

from torch import Tensor


def unit_range(images: Tensor) -> Tensor:
    """Stretches each image (..., H, W) linearly to 0-1; a constant image becomes 0."""
    low, high = images.amin((-2, -1), keepdim=True), images.amax((-2, -1), keepdim=True)
    return (images - low) / (high - low).clamp_min(1e-6)
