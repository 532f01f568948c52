"""The command line: the only place that prints or exits.

A candidate waits for whatever `practice run` imports before its verdict is on screen. So this package imports nothing
at its top, `app` knows the commands by name and imports the one that is asked for, and rich and PyYAML come in where
they are needed.
"""


def main() -> int:
    """Run the command that the arguments name; its exit status."""
    try:
        from grader.cli.app import start
    except KeyboardInterrupt:
        return 130
    return start()


__all__ = ["main"]
