"""What is done with the jobs of each queue."""
