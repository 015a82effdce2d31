"""Trusted authorities for TLS, checked before anything is sent.

`SSL_CERT_FILE` and `SSL_CERT_DIR`, else `REQUESTS_CA_BUNDLE`, else the operating system's store, else the authorities
of Mozilla (the package certifi); `--ca-file` adds to them.
"""

from __future__ import annotations

import os
import re
import ssl
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from portalctl.errors import BadUsageError

MAX_BYTES: Final = 16 * 1024 * 1024  # of a file with certificates; Mozilla's authorities take 0.3 MB
NO_STORE: Final = (
    "this system has no store of trusted authorities; those of Mozilla (certifi) are used. "
    "Install the package ca-certificates, or set SSL_CERT_FILE."
)
# The files in which systems keep their authorities, in addition to OpenSSL's default places: Alpine and Fedora,
# Debian, SUSE, older Red Hat.
STORES: Final = (
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
)
_HASHED: Final = re.compile(r"[0-9a-f]{8}\.[0-9]")  # how OpenSSL finds certificates in a folder

Contexts = Callable[[], ssl.SSLContext]


def contexts(
    ca_file: Path | None, *, verify: bool, notice: Callable[[str], None], ca_source: str = "--ca-file"
) -> Contexts:
    """Return a function that returns the TLS context for a connection. `notice` receives a warning, if there is one.

    Raises BadUsageError for a file or folder that cannot be used; it names the variable and not its value.
    """
    if not verify:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return _always(_with_key_log(context))
    sources = list(_sources(ca_file, ca_source))
    for place, path in sources:
        try:
            _check(place, path)
        except OSError as error:
            raise _unusable(place, error.strerror or "it cannot be read") from None
    if not any(place != ca_source for place, _ in sources):
        if sys.platform in {"darwin", "win32"}:
            return _native(sources)
        sources += _system_store(notice)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for place, path in sources:
        _load(context, place, path)
    return _always(_with_key_log(context))


def no_tls() -> Contexts:
    """Return what plain http needs: a context that is never used. Without one, httpcore would make its own."""
    return _always(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def _always(context: ssl.SSLContext) -> Contexts:
    return lambda: context


def _native(sources: list[tuple[str, str]]) -> Contexts:
    """macOS and Windows have an interface for their store instead of files.

    One context for each connection: a handshake holds its context's lock.
    """
    import truststore  # noqa: PLC0415 (only where it is needed)

    def make() -> ssl.SSLContext:
        context: ssl.SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        for place, path in sources:
            _load(context, place, path)
        return _with_key_log(context)

    make()  # so that a fault is found now
    return make


def _sources(ca_file: Path | None, ca_source: str) -> Iterator[tuple[str, str]]:
    """Yield the files and folders that the user names, each with the variable or option that names it."""
    if ca_file is not None:
        yield ca_source, str(ca_file)
    named = [(name, os.environ[name]) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)]
    bundle = os.environ.get("REQUESTS_CA_BUNDLE")
    yield from named or ([("REQUESTS_CA_BUNDLE", bundle)] if bundle else [])


def _system_store(notice: Callable[[str], None]) -> Iterator[tuple[str, str]]:
    """Yield the places of this system's authorities, else Mozilla's list."""
    defaults = ssl.get_default_verify_paths()
    store = next((path for path in (defaults.openssl_cafile, *STORES) if Path(path).is_file()), None)
    folder = Path(defaults.openssl_capath)
    if folder.is_dir() and any(_HASHED.fullmatch(entry.name) for entry in folder.iterdir()):
        yield "the system's store", str(folder)  # read one by one when needed, which is quicker than the file
    elif store is not None:
        yield "the system's store", store
    else:
        import certifi  # noqa: PLC0415 (only where it is needed)

        notice(NO_STORE)
        yield "certifi", certifi.where()


def _check(place: str, path: str) -> None:
    """Check that files are small regular files and that folders are not empty. Raises BadUsageError or OSError."""
    if place == "SSL_CERT_DIR":
        for folder in path.split(os.pathsep):
            _check_folder(place, Path(folder))
    elif place == "REQUESTS_CA_BUNDLE" and Path(path).is_dir():
        _check_folder(place, Path(path))
    elif not Path(path).exists():
        raise _unusable(place, "there is no such file")
    elif not Path(path).is_file():
        raise _unusable(place, "not a regular file")
    elif Path(path).stat().st_size > MAX_BYTES:
        raise _unusable(place, f"larger than {MAX_BYTES // 1024**2} MiB")


def _check_folder(place: str, folder: Path) -> None:
    if not folder.is_dir():
        raise _unusable(place, "not a folder" if folder.exists() else "there is no such folder")
    if not any(folder.iterdir()):
        raise _unusable(place, "the folder is empty")


def _load(context: ssl.SSLContext, place: str, path: str) -> None:
    try:
        if place == "SSL_CERT_DIR" or Path(path).is_dir():
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise _unusable(place, "no certificates in PEM format in it") from None
    except OSError as error:
        raise _unusable(place, error.strerror or "it cannot be read") from None


def _with_key_log(context: ssl.SSLContext) -> ssl.SSLContext:
    """Honour SSLKEYLOGFILE, as other programs do (RFC 9850)."""
    if path := os.environ.get("SSLKEYLOGFILE"):
        try:
            if Path(path).is_fifo():
                raise _unusable("SSLKEYLOGFILE", "it is a pipe")  # opening it would wait for a reader
            context.keylog_filename = path
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it cannot be written"
            raise _unusable("SSLKEYLOGFILE", reason) from None
    return context


def _unusable(place: str, fault: str) -> BadUsageError:
    return BadUsageError(
        f"{place}: {fault}",
        f"Check the path in {place}, or unset it." if place.isupper() else "Name a file of certificates (PEM).",
    )
