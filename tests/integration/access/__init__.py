"""Stories of who may come in, on a real server."""
