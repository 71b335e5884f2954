"""What the caller of a propagation gets."""
