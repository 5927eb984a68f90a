"""Faults that are really injected, each with what must then hold (docs/faults.md lists them)."""
