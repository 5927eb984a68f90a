"""Bulk tasks: one thing done to many jobs, in the background, with progress; others go on when a process dies."""
