"""`vault completion`: the script that teaches a shell our commands and options."""

from __future__ import annotations

import click

from vault.cli.command import Answer, Call, command
from vault.errors import ConfigError

SHELLS = ("bash", "zsh", "fish")


@command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def completion(call: Call, shell: str) -> Answer:
    """Print the completion script of a shell: `eval "$(vault completion bash)"`."""
    from click.shell_completion import get_completion_class

    from vault.cli.root import cli

    kind = get_completion_class(shell)
    if kind is None:
        raise ConfigError("unknown_shell", f"expected one of {', '.join(SHELLS)}, found {shell!r}")
    script = kind(cli, {}, "vault", "_VAULT_COMPLETE").source()
    return Answer(
        {"shell": shell, "script": script}, lambda page: page.lines(script.rstrip("\n").split("\n"))
    )
