"""Planning an installation: servers, processes and money for what it shall do, and its busiest minutes simulated."""
