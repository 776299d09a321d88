"""Who trains the units of a run: this process, several that run as one, or workers on a Ray cluster."""
