"""This release beside the one before it: on one queue, and on what that one left behind."""
