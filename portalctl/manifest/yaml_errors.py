"""YAML parser errors → findings in plain words.

The parser's own messages mention scanners and tokens, and are not shown.
"""

from __future__ import annotations

from typing import Final

from ruamel.yaml.error import MarkedYAMLError, YAMLError

from portalctl.errors import Finding, Position

# The fixed part of a parser message → our message; {} is the line where the construct begins.
_PROBLEMS: Final = {
    "found unexpected ':'": "between braces or brackets, a value with `:` in it needs quotes",
    "mapping values are not allowed": "`:` can't stand here; check the indentation, and quote a value with `: `",
    "sequence entries are not allowed": "a list can't begin here; put `- ` on a line of its own, below its key",
    "could not find expected ':'": "expected `:` after a key; check line {} and the indentation",
    "cannot start any token": "a value can't begin with this character; put it in quotes",
    "unexpected end of stream": "the quotes opened in line {} are never closed",
    "expected key": "expected a key in line with those that begin in line {}; check the indentation",
    "expected '-' indicator": "expected `- ` in line with the list that begins in line {}; check the indentation",
    "expected <block end>": "expected the end of what begins in line {}; check the indentation",
    "expected ',' or ']'": "expected `,` or `]` in the list that begins in line {}",
    "expected ',' or '}'": "expected `,` or `}` in the mapping that begins in line {}",
    "expected node content": "expected a value",
    "<document start>": "one file holds one document; this begins another",
    "tag": "tags are not allowed",
    "directive": "`%` directives are not allowed",
    "incompatible YAML": "`%YAML` names an unsupported version; leave it out",
    "escape": "not a valid escape in double quotes; use single quotes to write \\ itself",
    "indentation": "check the indentation of this block text",
    "comment": "a comment begins with ` #`, after a blank",
}


def explain(file: str, text: str, error: YAMLError) -> Finding:
    """Return a finding with advice for a parser error."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if not isinstance(error, MarkedYAMLError) or mark is None:
        return Finding(Position(file, 1, 1), "this file is not valid YAML")
    begin = error.context_mark or mark
    lines = text.splitlines() or [""]
    line, column = mark.line, mark.column
    if line >= len(lines):  # the parser counts the line after the last one
        line, column = len(lines) - 1, len(lines[-1])
    at = Position(file, line + 1, column + 1)
    if lines[line][column : column + 1] == "\t":
        return Finding(at, "a tab can't indent; use spaces")
    problem = str(error.problem or "")
    ours = next((ours for theirs, ours in _PROBLEMS.items() if theirs in problem), None)
    return Finding(at, ours.replace("{}", str(begin.line + 1)) if ours else "this is not valid YAML")
