"""Every text of the repository that a user or a contributor reads, one value per passage, with its place."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_CODE = re.compile(
    r"```.*?```|``.*?``|`[^`]*`|https?://\S+|<!--.*?-->|\{\}|\*\*[a-z-]+\*\*:"
    r"|(?<=\w)\.[a-z_]+",  # an attribute, as in a template, or an ending
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Passage:
    """A string, docstring, comment or paragraph. `name`: it is an identifier, with spaces for underscores."""

    path: str
    line: int
    text: str
    name: bool = False

    @property
    def prose(self) -> str:
        """The text on one line, without code spans and addresses of web pages."""
        return " ".join(_CODE.sub(" ` ", self.text).split())


def of_python(path: Path, shown: str) -> Iterator[Passage]:
    """Yield the strings, docstrings, comments and names of a Python file."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    yield from _strings(tree, shown)
    yield from _names(tree, shown)
    yield from _comments(source, shown)


def of_text(path: Path, shown: str) -> Iterator[Passage]:
    """Yield the paragraphs of a Markdown or other text file."""
    line = 1
    text = re.sub(r"```.*?```", _blank, path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for block in re.split(r"(\n[ \t]*\n)", text):
        if block.strip() and not block.startswith("| word | meaning |"):  # the glossary quotes what it replaces
            yield Passage(shown, line, block)
        line += block.count("\n")


def of_yaml(path: Path, shown: str) -> Iterator[Passage]:
    """Yield the comments, names and descriptions of a YAML file; consecutive comment lines are one text."""
    comment: list[str] = []
    begin = 0
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate([*lines, ""], 1):
        whole = re.match(r"\s*#\s?(.*)", line)
        if whole:
            begin = begin or number
            comment.append(whole[1])
            continue
        if comment:
            yield Passage(shown, begin, " ".join(comment))
            comment, begin = [], 0
        if found := re.search(r"(?:^|\s)#\s(.*)|\b(?:name|description): (.*)", line):
            yield Passage(shown, number, found[1] or found[2] or "")


def of_schema(path: Path, shown: str) -> Iterator[Passage]:
    """Yield the descriptions of a JSON Schema; its titles are those of keys."""
    for text in _descriptions(json.loads(path.read_text(encoding="utf-8"))):
        yield Passage(shown, 1, text)


def _blank(block: re.Match[str]) -> str:
    """Return as many empty lines as a code block has, so that line numbers stay true."""
    return "\n" * block[0].count("\n")


def _descriptions(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "description" and isinstance(value, str):
                yield value
            else:
                yield from _descriptions(value)
    elif isinstance(node, list):
        for value in node:
            yield from _descriptions(value)


def _strings(node: ast.AST, shown: str) -> Iterator[Passage]:
    """Yield string literals with at least two words; an f-string is one text with `{}` for its values."""
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
        yield Passage(shown, node.lineno, "".join(map(str, parts)))
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from _strings(part.value, shown)
        return
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) and " " in node.value.strip():
            yield Passage(shown, node.lineno, node.value)
        return
    for child in ast.iter_child_nodes(node):
        yield from _strings(child, shown)


def _names(tree: ast.AST, shown: str) -> Iterator[Passage]:
    """Yield the names that a file gives: of functions, classes, arguments and variables."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield Passage(shown, node.lineno, _words(name), name=True)
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                yield Passage(shown, node.lineno, _words(name), name=True)


def _words(name: str) -> str:
    """Split `snake_case` and `CamelCase`; a name written in capitals keeps its words, too."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ").strip().lower()


def _comments(source: str, shown: str) -> Iterator[Passage]:
    """Yield the comments; consecutive lines are one text."""
    lines: list[tuple[int, str]] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if lines and token.start[0] != lines[-1][0] + 1:
                yield Passage(shown, lines[0][0], " ".join(text for _, text in lines))
                lines = []
            lines.append((token.start[0], token.string.lstrip("#: ")))
    if lines:
        yield Passage(shown, lines[0][0], " ".join(text for _, text in lines))
