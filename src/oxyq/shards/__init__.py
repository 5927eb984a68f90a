"""Organizations on several Redis servers: each a whole Oxyq of its own, and a list at home that says who is where."""
