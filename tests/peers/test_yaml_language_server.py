"""What an editor makes of the schema and of the line that names it: the real server, spoken to as an editor does."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from portalctl.directories.kinds import KINDS
from portalctl.manifest.schema import manifest_schema
from portalctl.manifest.yaml_source import Branch, read
from tests.manifest.examples import COMPLETE, ROOT

pytestmark = pytest.mark.peer

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart"
MODELINE = (QUICKSTART / "partners.yaml").read_text().partition("\n")[0] + "\n"
SETTINGS = {"yaml": {"hover": True, "completion": True, "validate": True, "schemaStore": {"enable": False}}}

# The keys that COMPLETE has no place for.
TITLED = (
    ROOT
    + """\
teams:
  - name: city
    members_from: {file: city.csv, column: developer}
    roles: [{role: API Viewer, api: Payments}]
overrides:
  - developer: a@b.example
    status: approved
    reason: x
    invite: true
    full_name: Ann
    send_invitation_email: true
access_requests:
  - products: [Payments]
    teams: [city]
    status: approved
delegate:
  shared.yaml: {all: true}
  more/portal.yaml: {roots: true}
"""
)
# The keys of directories and groups.
EXAMPLE = (QUICKSTART.parent / "complete" / "partners.yaml").read_text().partition("\n")[2]
FRAGMENT = "version: 1\nportals: [partners]\nteams: [{name: city, members_from: city.csv}]\n"


class Editor:
    """Speaks the Language Server Protocol 3.17 with a server on its stdin and stdout, one thing at a time."""

    def __init__(self, server: subprocess.Popen[bytes]) -> None:
        assert server.stdin is not None
        assert server.stdout is not None
        self._to, self._from = server.stdin, server.stdout
        self._asked = 0
        self._opened = 0
        self._diagnostics: dict[str, list[dict[str, Any]]] = {}
        self.ask(
            "initialize", {"processId": None, "rootUri": None, "capabilities": {"workspace": {"configuration": True}}}
        )
        self._send({"method": "initialized", "params": {}})
        self._send({"method": "workspace/didChangeConfiguration", "params": {"settings": SETTINGS}})

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        self._asked += 1
        self._send({"id": self._asked, "method": method, "params": params})
        while (answer := self._receive()).get("id") != self._asked or "method" in answer:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, text: str, folder: Path = QUICKSTART) -> str:
        """Open a new file in a folder, which need not be on the disk; gives its URI."""
        self._opened += 1
        uri = (folder / f"new-{self._opened}.yaml").as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        return uri

    def problems(self, text: str, folder: Path = QUICKSTART) -> list[tuple[str, str]]:
        """What is underlined in a text, and what is said of it."""
        uri = self.open(text, folder)
        while uri not in self._diagnostics:
            self._receive()
        lines = text.split("\n")
        return [
            (_between(lines, diagnostic["range"]), diagnostic["message"]) for diagnostic in self._diagnostics[uri]
        ]

    def at(self, method: str, uri: str, line: int, column: int) -> Any:
        """Ask about a place; both count from 0."""
        place = {"textDocument": {"uri": uri}, "position": {"line": line, "character": column}}
        return self.ask(f"textDocument/{method}", place)

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._to.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._to.flush()

    def _receive(self) -> dict[str, Any]:
        """The next message. What the server asks is answered: its settings, and otherwise nothing."""
        length = 0
        while line := self._from.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, "the server has ended"
        message: dict[str, Any] = json.loads(self._from.read(length))
        if message.get("method") == "textDocument/publishDiagnostics":
            self._diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "method" in message and "id" in message:
            self._send({"id": message["id"], "result": self._answer(message)})
        return message

    def _answer(self, message: dict[str, Any]) -> Any:
        if message["method"] != "workspace/configuration":
            return None
        return [SETTINGS.get(item.get("section", ""), {}) for item in message["params"]["items"]]


def _between(lines: list[str], place: dict[str, Any]) -> str:
    start, end = place["start"], place["end"]
    assert start["line"] == end["line"]
    return f"{start['line'] + 1}:{lines[start['line']][start['character'] : end['character']]}"


@pytest.fixture(scope="module")
def editor() -> Iterator[Editor]:
    program = shutil.which("yaml-language-server")
    if program is None:
        pytest.skip("yaml-language-server is not installed; .ci/run installs it where there is npm")
    with subprocess.Popen([program, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        try:
            yield Editor(server)
        finally:
            server.kill()


def test_examples_are_right(editor: Editor) -> None:
    for example in QUICKSTART.parent.rglob("*.yaml"):
        assert editor.problems(example.read_text(), example.parent) == []
    assert editor.problems(MODELINE + COMPLETE) == []


def test_a_wrong_choice_is_underlined(editor: Editor) -> None:
    text = MODELINE + COMPLETE.replace("status: revoked", "status: revokd")
    ((underlined, message),) = editor.problems(text)
    line = text[: text.index("revokd")].count("\n") + 1
    assert underlined == f"{line}:revokd"
    assert '"revoked"' in message


def test_an_unknown_key_is_underlined(editor: Editor) -> None:
    text = MODELINE + COMPLETE.replace("membership:", "membershp:")
    assert f"{text[: text.index('membershp')].count(chr(10)) + 1}:membershp" in [
        item for item, _ in editor.problems(text)
    ]


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("", {"policy", "trusted_domains", "teams", "overrides", "protected", "delegate"}),
        ("policy:\n  ", {"unmatched", "reinstate", "on_revoke", "limits"}),
        ("teams:\n  - name: city\n    ", {"description", "membership", "members"}),
        ("overrides:\n  - developer: a@b.example\n    ", {"status", "teams", "reason", "expires"}),
        ("overrides:\n  - status: ", {"approved", "pending", "rejected", "revoked", "absent"}),
    ],
)
def test_keys_and_choices_complete(editor: Editor, line: str, some: set[str]) -> None:
    text = f"{MODELINE}version: 1\nportal:\n  name: a\n  provider: konnect\n  title: A\n{line}"
    lines = text.split("\n")
    offered = editor.at("completion", editor.open(text), len(lines) - 1, len(lines[-1]))
    assert some <= {item["label"] for item in offered["items"]}


def test_hover_shows_the_description_of_every_key(editor: Editor) -> None:
    described: dict[str, set[str]] = {}
    models: Any = manifest_schema(KINDS)["$defs"]
    for model in models.values():
        for key, value in model["properties"].items():
            description = value.get("description") or models[value["$ref"].rpartition("/")[2]]["description"]
            described.setdefault(key, set()).add(_letters(description))
    seen = set()
    for text in (MODELINE + COMPLETE, MODELINE + TITLED, MODELINE + FRAGMENT, MODELINE + EXAMPLE):
        source, _ = read("f.yaml", text.encode())
        assert source is not None
        uri = editor.open(text)
        for key, mark in _keys(source.mark):
            if key in described:
                # Not at its first character: to the server, what stands before reaches up to there.
                hover = _letters(editor.at("hover", uri, mark.line, mark.column + 1)["contents"]["value"])
                assert any(description in hover for description in described[key]), (key, hover)
                seen.add(key)
    assert seen == set(described), "a key is in none of the texts"


def _letters(text: str) -> str:
    """Without what Markdown adds, and how lines are broken."""
    return re.sub(r"[\W_]+", " ", text.replace("&nbsp;", " "))


def _keys(mark: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(mark, Branch):
        yield from mark.keys.items()
        for inside in mark.inside.values() if isinstance(mark.inside, dict) else mark.inside:
            yield from _keys(inside)
