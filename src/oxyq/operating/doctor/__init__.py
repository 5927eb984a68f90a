"""What is wrong with an installation before it costs jobs: each check a row of a table, each finding with its fix."""
