"""Lists that any server returns over HTTPS: JSON, read by JMESPath expressions, or CSV."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from itertools import islice
from typing import Any, Final, cast

from portalctl.directories.connection import Connection
from portalctl.directories.oauth import sign_in
from portalctl.directories.protocol import Facts, Group, Identity
from portalctl.directories.web import MOST_IDENTITIES, MOST_PAGES, Web, WebDirectory, count_of, not_found
from portalctl.errors import BadUsageError
from portalctl.http import Answer
from portalctl.http.redaction import inert
from portalctl.words import quoted

_LONGEST_EXPRESSION: Final = 1000
_MOST_ENTRIES: Final = 16  # of all `[a, b]` and `{a: b}` in an expression
_MULTIPLE: Final = frozenset({"multi_select_list", "multi_select_dict"})
_ALLOWED: Final = (
    f"Write a JMESPath expression of at most {_LONGEST_EXPRESSION:,} characters, with at most {_MOST_ENTRIES} "
    "entries in all its `[a, b]` and `{a: b}`, without `join`, and with one `to_string` at most."
)
_SEPARATORS: Final = ",;\t|"
_TRUE: Final = frozenset({"true", "yes", "1", "active"})
_FALSE: Final = frozenset({"false", "no", "0", "inactive", ""})
Row = dict[str, Any]


def connect(connection: Connection) -> Lists:
    """Return the lists to read. Raises BadUsageError for an expression that is not valid JMESPath."""
    return Lists(connection)


class Lists(WebDirectory):
    """A server with lists of identities, one for each group."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, lambda: sign_in(connection))
        self._is_csv = connection.text("format", "json") == "csv"
        self._rows = _Expression(connection, "list", connection.text("list", "@"))
        self._next = _Expression(connection, "next", connection.text("next")) if connection.text("next") else None
        self._total = _Expression(connection, "total", connection.text("total")) if connection.text("total") else None
        self._fields = _Fields(connection, is_csv=self._is_csv)

    def begin(self) -> Facts:
        """Return no facts, because such a server has only lists."""
        return Facts(date=self._web.date)

    def read(self, group: str) -> Group:
        """Return the identities of a list. Raises DirectoryError."""
        observed_at = self._connection.now()
        accept = {"Accept": "text/csv, text/plain;q=0.5"} if self._is_csv else {"Accept": "application/json"}
        answer = self._web.answer(f"/{group}", headers=accept)
        if answer.status == 404:
            raise not_found(self._connection, group, f"{self._web.address} returned 404 to {answer.call}.")
        if not answer.ok:
            raise self._web.refused(answer)
        rows = self._csv(answer) if self._is_csv else self._json(answer, accept)
        identities = tuple(self._fields.identity(self._web, row, number) for number, row in enumerate(rows, 1))
        self._check_ids(identities)
        return Group(group, group, identities, observed_at)

    def _check_ids(self, identities: tuple[Identity, ...]) -> None:
        seen: set[str] = set()
        for identity in identities:
            if identity.id in seen and self._fields.has_id:
                raise self._web.wrong(f"two entries have the id {quoted(identity.id)}", "Check `id` and the list.")
            seen.add(identity.id)

    def _json(self, answer: Answer, accept: dict[str, str]) -> list[Row]:
        """Return the entries of all pages. Raises DirectoryError."""
        rows: list[Row] = []
        links: set[str] = set()
        total: int | None = None
        while True:
            page = self._web.value(answer)
            found = self._rows(self._web, page)
            if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
                text = f"`list: {self._rows.text}` did not yield a list of objects in the answer to {answer.call}"
                raise self._web.wrong(
                    text, "Check the expression (https://jmespath.org) and what the server returns."
                )
            rows += found
            total = self._total_of(page, total)
            link = self._next_of(answer, page)
            if link is None:
                break
            if link in links or len(links) >= MOST_PAGES or len(rows) > MOST_IDENTITIES:
                raise self._web.wrong(f"the pages of {answer.call} do not end", "Check `next`.")
            links.add(link)
            answer = self._web.get(link, headers=accept)
        if total is not None and total != len(rows):
            text = f"{answer.call} returned {len(rows):,} of {total:,} entries (`total: {self._total_text}`)"
            raise self._web.wrong(
                f"{text}, so the list is not complete", "Run the command again, or check `total` and `next`."
            )
        return rows

    @property
    def _total_text(self) -> str:
        return self._total.text if self._total is not None else ""

    def _total_of(self, page: object, before: int | None) -> int | None:
        if self._total is None:
            return before
        value = count_of(self._total(self._web, page))
        if value is None:
            raise self._web.wrong(f"`total: {self._total.text}` did not yield a number", "Check the expression.")
        return value

    def _next_of(self, answer: Answer, page: object) -> str | None:
        link = self._web.next_link(answer)
        if link is not None or self._next is None:
            return link
        value = self._next(self._web, page)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise self._web.wrong(f"`next: {self._next.text}` did not yield an address", "Check the expression.")
        return self._web.same_origin(value, answer.call)

    def _csv(self, answer: Answer) -> list[Row]:
        """Return the rows of a CSV text by the names in its first line. Raises DirectoryError."""
        if answer.is_page:
            self._web.value(answer)  # raises: an HTML page
        try:
            text = answer.body.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise self._web.wrong(f"{answer.call} returned text that is not UTF-8") from None
        head = text.partition("\n")[0]
        separator = max(_SEPARATORS, key=head.count)
        try:
            reader = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True)
            lines = list(islice(filter(None, reader), MOST_IDENTITIES + 2))
        except csv.Error as error:
            raise self._web.wrong(f"{answer.call} did not return valid CSV: {error}") from None
        if len(lines) > MOST_IDENTITIES + 1:
            raise self._web.wrong(f"{answer.call} returned more than {MOST_IDENTITIES:,} rows", "Check the address.")
        if not lines:
            raise self._web.wrong(f"{answer.call} returned an empty text", "A list begins with the names of columns.")
        names = [name.strip() for name in lines[0]]
        for line in lines[1:]:
            if len(line) != len(names):
                raise self._web.wrong(f"{answer.call} returned a row with {len(line)} of {len(names)} fields")
        return [dict(zip(names, line, strict=True)) for line in lines[1:]]


class _Expression:
    """A JMESPath expression of the manifest. `key` is its key there."""

    def __init__(self, connection: Connection, key: str, text: str) -> None:
        import jmespath  # noqa: PLC0415 (only for this kind)
        from jmespath.exceptions import JMESPathError  # noqa: PLC0415 (only for this kind)

        self.text = text
        self._fault: type[Exception] = JMESPathError
        named = f"directory {connection.name}: `{key}: {inert(text, 60)}`"
        if len(text) > _LONGEST_EXPRESSION:
            raise BadUsageError(f"{named} has more than {_LONGEST_EXPRESSION:,} characters", _ALLOWED)
        try:
            self._compiled = jmespath.compile(text)
        except (JMESPathError, RecursionError) as error:
            problem = f"{named} is not a JMESPath expression: {inert(str(error).splitlines()[0], 200)}"
            raise BadUsageError(problem, "See https://jmespath.org.") from None
        if fault := _fault_of(self._compiled.parsed):
            raise BadUsageError(f"{named} {fault}", _ALLOWED)

    def __call__(self, web: Web, value: object) -> object:
        """Return the value of the expression. Raises DirectoryError if it cannot be evaluated."""
        try:
            return cast(object, self._compiled.search(value))
        except (self._fault, RecursionError, TypeError, ValueError) as error:
            message = inert(str(error).splitlines()[0], 200) if str(error) else type(error).__name__
            raise web.wrong(
                f"`{inert(self.text, 60)}` cannot be evaluated: {message}", "Check the expression."
            ) from None


def _fault_of(tree: Any) -> str | None:  # noqa: ANN401 (jmespath's nodes)
    """Return the fault in an expression: a part that could multiply a small answer repeatedly."""
    width, functions, nodes = 0, Counter[str](), [tree]
    while nodes:
        node = nodes.pop()
        children = [child for child in node["children"] if isinstance(child, dict)]
        width += len(children) if node["type"] in _MULTIPLE else 0
        if node["type"] == "function_expression":
            functions[node["value"]] += 1
        nodes += children
    if width > _MOST_ENTRIES:
        return f"has {width} entries in `[a, b]` and `{{a: b}}`, more than {_MOST_ENTRIES}"
    if functions["join"]:
        return "uses `join`"
    return "uses `to_string` more than once" if functions["to_string"] > 1 else None


class _Fields:
    """Reads the id, addresses and state of an entry, by column names or JMESPath expressions."""

    def __init__(self, connection: Connection, *, is_csv: bool) -> None:
        keys = {key: connection.text(key) for key in ("id", "active") if connection.text(key)}
        self._names = {**{f"email {name}": name for name in connection.email}, **keys}
        self._expressions = (
            {}
            if is_csv
            else {
                label: _Expression(connection, label.split()[0], name)
                for label, name in self._names.items()
                if not name.replace("-", "_").isidentifier()
            }
        )
        self.has_id = "id" in keys

    def identity(self, web: Web, row: Row, number: int) -> Identity:
        """Return an entry as an identity. Raises DirectoryError if it lacks a required attribute."""
        addresses = tuple(dict.fromkeys(self._addresses(web, row, number)))
        active = self._active(web, row, number)
        if not self.has_id:
            return Identity(addresses[0] if addresses else f"entry {number}", addresses, active)
        value = self._value(web, row, "id")
        if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
            raise web.wrong(f"entry {number} of the list has no `{self._names['id']}` (`id`)", "Check `id`.")
        return Identity(str(value), addresses, active)

    def _addresses(self, web: Web, row: Row, number: int) -> Iterator[str]:
        for label, name in self._names.items():
            if not label.startswith("email"):
                continue
            if label not in self._expressions and name not in row:
                known = ", ".join(list(row)[:10])
                raise web.wrong(
                    f"entry {number} of the list has no {quoted(name)} (`email`); it has: {known}", _EMAIL
                )
            value = self._value(web, row, label)
            for text in value if isinstance(value, list) else [value]:
                if text is not None and not isinstance(text, str):
                    raise web.wrong(f"entry {number} of the list has no text in {quoted(name)} (`email`)", _EMAIL)
                if text and text.strip():
                    yield text.strip()

    def _active(self, web: Web, row: Row, number: int) -> bool:
        if "active" not in self._names:
            return True
        value = self._value(web, row, "active")
        if isinstance(value, bool):
            return value
        word = value.strip().lower() if isinstance(value, str) else None
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        name = self._names["active"]
        raise web.wrong(f"entry {number} of the list has no true or false in {quoted(name)} (`active`)", "Check it.")

    def _value(self, web: Web, row: Row, label: str) -> object:
        expression = self._expressions.get(label)
        return row.get(self._names[label]) if expression is None else expression(web, row)


_EMAIL: Final = "Check `email` of the directory in the manifest."
