"""`portalctl completion`: print the script for the completion of command lines in a shell.

The shell runs `portalctl` with `_PORTALCTL_COMPLETE` set, and click answers
(https://click.palletsprojects.com/en/stable/shell-completion/). zsh uses click's script. Bash and fish have their own
here, because click's scripts split names that contain blanks, colons or commas.
"""

from __future__ import annotations

import os
import re
from functools import cached_property

import click
from click.shell_completion import CompletionItem, ShellComplete, ZshComplete, add_completion_class, split_arg_string

from portalctl.cli.completion_variable import COMPLETE


class _Complete(ShellComplete):
    """Completions of whole words: those for the value of `--option=value` begin with `--option=`."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        option, found, _ = incomplete.partition("=")
        items = super().get_completions(args, incomplete)
        if not found or not option.startswith("--"):
            return items
        return [
            CompletionItem(f"{option}={item.value}", help=item.help) if item.type == "plain" else item
            for item in items
        ]


def _words(line: str) -> tuple[list[str], str]:
    """Return the words of a command line up to the cursor, without the command, and the unfinished last word."""
    *words, last = split_arg_string(f"{line}.")  # the dot shows whether the last blank ends a word
    return words[1:], last.removesuffix(".")


class _FromLine(_Complete):
    """Completion for scripts that pass the line up to the cursor."""

    def get_completion_args(self) -> tuple[list[str], str]:
        return _words(os.environ["COMP_LINE"])


class Bash(_FromLine):
    """Bash 4.4 or later. For Bash, words end at `=` and `:`, so it completes only the text after these."""

    name = "bash"
    source_template = """\
%(complete_func)s() {
    local line type value
    while IFS= read -r line; do
        IFS=, read -r type value <<< "$line"
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORD="${COMP_WORDS[COMP_CWORD]}" \\
        %(complete_var)s=bash_complete "$1")
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    @cached_property
    def _typed(self) -> tuple[str, str]:
        """The part of the word before the text to complete, and the open quote after it; both may be empty."""
        part = os.environ["COMP_WORD"]
        _, word = self.get_completion_args()
        completed = "" if part in {"=", ":"} else _words(f"_ {part}")[1]
        return word.removesuffix(completed), part[:1]

    def format_completion(self, item: CompletionItem) -> str:
        before, opening = self._typed
        return f"{item.type},{_quoted(item.value.removeprefix(before), opening)}"


def _quoted(value: str, opening: str) -> str:
    """Return a value as Bash expects it: after the `opening` quote, which Bash closes, or without quotes."""
    match opening:
        case "'":
            return value.replace("'", r"'\''")
        case '"':
            return re.sub(r'([\\"$`])', r"\\\1", value)
        case _:
            return re.sub(r"([^\w@%+=:,./-])", r"\\\1", value)


class Fish(_FromLine):
    """fish."""

    name = "fish"
    source_template = """\
function %(complete_func)s
    set -l line (commandline --cut-at-cursor --current-process | string collect)
    for answer in (env COMP_LINE="$line" %(complete_var)s=fish_complete %(prog_name)s)
        set -l parts (string split --max 1 , $answer)
        switch $parts[1]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
            case plain
                echo $parts[2]
        end
    end
end
complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""

    def format_completion(self, item: CompletionItem) -> str:
        return f"{item.type},{item.value}" + (f"\t{item.help}" if item.help else "")


class Zsh(_Complete, ZshComplete):
    """zsh, with click's script and a fix: as _portalctl in $fpath, the original completes the first time only."""

    source_template = ZshComplete.source_template.replace(
        "[[ $zsh_eval_context[-1] == loadautofunc ]]", "[[ $funcstack[1] == _%(prog_name)s ]]"
    )


SHELLS: dict[str, type[ShellComplete]] = {"bash": Bash, "zsh": Zsh, "fish": Fish}
for _class in SHELLS.values():
    add_completion_class(_class)


@click.command()
@click.argument("shell", type=click.Choice(list(SHELLS)))
def completion(shell: str) -> None:
    """Print the script that completes commands, options, and the names of portals and teams in the manifest.

    Save it where the shell looks for it: for zsh as _portalctl in a folder of $fpath (or put the second example into
    ~/.zshrc, after compinit), for fish as ~/.config/fish/completions/portalctl.fish. Requires Bash 4.4 or later.

    \b
    Examples:
      portalctl completion bash > ~/.local/share/bash-completion/completions/portalctl
      eval "$(portalctl completion zsh)"
    """
    root = click.get_current_context().find_root().command
    click.echo(SHELLS[shell](root, {}, "portalctl", COMPLETE).source(), nl=False)
