"""What is done to queues and jobs by hand: looking through them, and tasks that work on many."""
