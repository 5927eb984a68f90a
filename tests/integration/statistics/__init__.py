"""What is counted, and who is alive, on a real Redis."""
