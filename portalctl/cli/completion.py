"""`portalctl completion`: the script that teaches a shell to complete our command lines.

The shell runs `portalctl` with `_PORTALCTL_COMPLETE` set, and click answers
(https://click.palletsprojects.com/en/stable/shell-completion/). PowerShell is ours; bash is click's, but for names
with blanks, which its script takes apart.
"""

from __future__ import annotations

import os
import shlex

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
)

from portalctl.cli.main import COMPLETE


class Bash(BashComplete):
    """What is offered is put on the line as it is, so it is quoted where bash would read more than a word in it."""

    source_template = BashComplete.source_template.replace("COMPREPLY+=($value)", 'COMPREPLY+=("$value")')

    def format_completion(self, item: CompletionItem) -> str:
        return f"{item.type},{shlex.quote(item.value)}"

    def source(self) -> str:
        return ShellComplete.source(self)  # without starting bash to learn its version


class PowerShell(ShellComplete):
    """For Register-ArgumentCompleter -Native (Windows PowerShell 5.1, PowerShell 7).

    Nothing is offered for files, since PowerShell then completes them itself.
    """

    name = "powershell"
    source_template = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($word, $line, $cursor)
    $before = $line.CommandElements | Where-Object { $_.Extent.StartOffset -lt $cursor }
    $env:COMP_WORDS = ($before | ForEach-Object { $_.Extent.Text.Trim('"', "'") }) -join "`n"
    $env:COMP_CWORD = $word.Trim('"', "'")
    $env:%(complete_var)s = 'powershell_complete'
    try {
        & %(prog_name)s | ForEach-Object {
            $value, $help = $_ -split "`t", 2
            $text = if ($value -match "[^\\w@.:+/-]") { "'" + $value.Replace("'", "''") + "'" } else { $value }
            [System.Management.Automation.CompletionResult]::new($text, $value, 'ParameterValue', $help)
        }
    } finally {
        Remove-Item Env:COMP_WORDS, Env:COMP_CWORD, Env:%(complete_var)s
    }
}
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one that is being typed, and that one; they come a line each, the command first."""
        incomplete = os.environ.get("COMP_CWORD", "")
        words = os.environ.get("COMP_WORDS", "").split("\n")[1:]
        return (words[:-1] if incomplete and words else words), incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """Value and help; PowerShell takes no empty help."""
        return "" if item.type in {"file", "dir"} else f"{item.value}\t{item.help or item.value}"


SHELLS: dict[str, type[ShellComplete]] = {
    "bash": Bash,
    "zsh": ZshComplete,
    "fish": FishComplete,
    "powershell": PowerShell,
}
for _class in SHELLS.values():
    add_completion_class(_class)


@click.command()
@click.argument("shell", type=click.Choice(list(SHELLS)))
def completion(shell: str) -> None:
    """Print the script that completes commands, options, and the names of portals and teams in the manifest.

    Put it where the shell reads it at its start: for fish in ~/.config/fish/completions/portalctl.fish, for
    PowerShell at the end of $PROFILE.

    \b
    Examples:
      portalctl completion bash > ~/.local/share/bash-completion/completions/portalctl
      eval "$(portalctl completion zsh)"
    """
    root = click.get_current_context().find_root().command
    click.echo(SHELLS[shell](root, {}, "portalctl", COMPLETE).source(), nl=False)
