"""Random faults on real processes, from a seed, and a count of everything afterwards: `make chaos`."""
