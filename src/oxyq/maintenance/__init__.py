"""Chores: what keeps the queues healthy, one per file."""
