"""Stories of the engine against a real Redis server."""
