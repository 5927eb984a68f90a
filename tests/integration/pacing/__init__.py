"""When messages may go out, on a real server, in a time of the tests' own."""
