"""`oxyq …`: the commands, one group of them per file."""


def main() -> int:
    """Run the command line and return the exit code: 0 ok, 1 failed, 2 wrong use, 130 Ctrl-C."""
    try:
        # Imported here, so that Ctrl-C while modules are loading ends as quietly as later on.
        from oxyq.cli.program import run

        return run()
    except KeyboardInterrupt:
        return 130
