"""The HTTP door: jobs come in, their state and the system's health go out."""
