"""Speed, measured side by side with other queues: `python -m benchmarks`, one file per question."""
