"""Snapshots against real servers."""
