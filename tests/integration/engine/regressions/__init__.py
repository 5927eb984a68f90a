"""Faults measured in the package's own Queue and Worker, each beside ours, which must not have it."""
