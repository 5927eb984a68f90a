"""People: what is held about them, and erasing it."""
