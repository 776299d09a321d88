"""Training: parts, the step, lanes on devices, the loop, checkpoints."""
