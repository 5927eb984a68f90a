"""Numbers for Prometheus: one table of what there is, what each process counts, and how it is told."""
