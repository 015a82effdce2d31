"""Errors of the simulated API7, before a service puts them into its own shape."""

from __future__ import annotations


class ApiError(Exception):
    """Raised by operations to answer with an error. `status` is the HTTP code, `text` the message."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def not_found(what: str) -> ApiError:
    return ApiError(404, f"{what} not found")


def invalid(what: str) -> ApiError:
    return ApiError(400, what)
