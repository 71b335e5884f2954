"""What the models cost: floating point operations, seconds, memory."""
