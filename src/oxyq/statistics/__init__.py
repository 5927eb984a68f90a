"""What was done, how fast and by whom: counted by the workers, kept in Redis for 90 days, read by people."""
