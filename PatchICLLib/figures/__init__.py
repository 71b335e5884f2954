"""What the demo, the evaluation and the experiments draw with."""
