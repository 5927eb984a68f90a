"""Looking through the jobs of a queue: pages of a state, and what fits a filter, also among a million."""
