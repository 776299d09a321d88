"""Layout and escaping, one file per format."""
