"""Who trains the units of a run: this machine, or a Ray cluster."""
