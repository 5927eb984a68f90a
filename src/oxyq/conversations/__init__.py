"""One chat at a time: who it is, whose turn it is, what was said, and when a person has taken over."""
