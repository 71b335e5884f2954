"""Training the cascade: tasks sampled from labelled, unlabelled and synthetic images, supervised at every level."""
