"""What happens, said once: work emits events, logs and metrics listen."""
