"""What happens to predicted slices after the network."""
