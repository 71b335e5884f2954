"""What a user has today: ways to fill a volume from a few painted slices without a trained network."""
