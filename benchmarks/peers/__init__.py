"""The programs that are measured, ours among them: each runs as a process of its own and does what it is told.

Nothing here may import what only some peers have installed.
"""
