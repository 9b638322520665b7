"""Runs the command line."""

from devcluster.cli import main

if __name__ == "__main__":
    main(prog_name="devcluster")
