"""Running programs as the user would type them. They find the demo's cluster through this process's environment."""

import shlex
import shutil
import subprocess

from demo.console import CONSOLE


class DemoError(Exception):
    """The demo can't go on; the message says why and what to do."""


def typed(*command: str) -> None:
    """Show the command as a user would type it and let it print.

    Raises:
        DemoError: it failed, and has said why itself.
    """
    CONSOLE.print(f"[bold]$ {shlex.join(command)}[/bold]", soft_wrap=True)
    with subprocess.Popen(_found(command)) as process:
        try:
            failed = process.wait()
        except KeyboardInterrupt:
            process.terminate()  # and the block waits, so that it can end what it has started itself
            raise
    if failed:
        raise DemoError(f"`{shlex.join(command)}` failed.")


def quietly(*command: str, stdin: str | None = None) -> str:
    """Run the command and give what it prints.

    Raises:
        DemoError: it failed; the message holds its own words.
    """
    result = subprocess.run(_found(command), input=stdin, capture_output=True, text=True, check=False)
    if result.returncode:
        raise DemoError(f"`{shlex.join(command)}` failed: {result.stderr.strip() or result.stdout.strip()}")
    return result.stdout


def _found(command: tuple[str, ...]) -> list[str]:
    program = shutil.which(command[0])
    if program is None:
        raise DemoError(f"{command[0]} is missing: install it and put it on the PATH.")
    return [program, *command[1:]]
