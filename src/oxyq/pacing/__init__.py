"""When a message may go out: limits of organizations, numbers and people, kept together in Redis."""
