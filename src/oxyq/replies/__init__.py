"""Who answers a message, and what."""
