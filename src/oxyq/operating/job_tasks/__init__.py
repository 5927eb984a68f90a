"""Kinds of bulk tasks that work on the jobs of a queue: retry, promote, remove, clean, bury."""
