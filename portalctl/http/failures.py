"""Messages for requests without a usable answer: the stage that failed, the proxy, and what to do."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Final

import httpcore

from portalctl.errors import NoAnswerError
from portalctl.http.network import Network, OverdueError, OverlongError
from portalctl.http.proxy import Proxy
from portalctl.http.redaction import Redactor, inert
from portalctl.http.server import Server
from portalctl.words import wait_words

_NAME_MISMATCHES: Final = frozenset({62, 64})  # OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and …_IP_ADDRESS_MISMATCH
_MISNAMED: Final = "Use the name in the certificate, if that is the right server."
_UNTRUSTED: Final = "Name the authority that signed it: --ca-file FILE. For a test only: --insecure-skip-tls-verify."
_UNTRUSTED_BY: Final = "Name the authority that signed it in {source}."
_CHECK: Final = "Check the address and your network."


@dataclass(frozen=True, slots=True)
class Failures:
    """Explains failures of requests to one server. `where` is its address with the origin of that."""

    where: str
    host: str
    proxy: Proxy | None
    redact: Redactor
    server: Server

    def explain(self, call: str, error: Exception, network: Network, seconds: float) -> NoAnswerError:
        """Return the error for a request that had no complete answer within `seconds`."""
        if network.stage == "tls":
            return self._tls(error)
        if network.stage == "proxy" or (network.stage == "connect" and self.proxy is not None):
            return self._proxy(error, seconds)
        if network.stage == "connect":
            reason = self._reason(error, seconds)
            return NoAnswerError(f"can't reach {self.where}: {reason}", _CHECK, sent=False)
        if isinstance(error, OverlongError):
            text = "the headers of the answer, with all interim answers, are too long"
            return NoAnswerError(f"{call}: {text}", *self._path(), sent=True)
        if isinstance(error, httpcore.TimeoutException):
            text = f"the answer was not complete within {wait_words(seconds)}" if network.reads else _silent(seconds)
            return NoAnswerError(f"{call}: {text}", *self._path(), sent=network.sent)
        reason = self._reason(error, seconds)
        return NoAnswerError(f"{call}: the connection was lost ({reason})", *self._path(), sent=network.sent)

    def _tls(self, error: Exception) -> NoAnswerError:
        trouble = _tls_trouble(error)
        if isinstance(trouble, ssl.SSLCertVerificationError):
            misnamed = [_MISNAMED] if trouble.verify_code in _NAME_MISMATCHES else []
            text = f"the certificate of {self.where} can't be trusted: {inert(trouble.verify_message)}"
            source = self.server.ca_source
            advice = _UNTRUSTED if source == "--ca-file" else _UNTRUSTED_BY.format(source=source)
            return NoAnswerError(text, *misnamed, advice, *self._path(), sent=False)
        advice = _CHECK if trouble is None else "Check that the server uses https on this port."
        reason = self._reason(error, 0) if trouble is not None else "no TLS connection was made"
        return NoAnswerError(f"can't reach {self.where}: {reason}", advice, *self._path(), sent=False)

    def _proxy(self, error: Exception, seconds: float) -> NoAnswerError:
        assert self.proxy is not None  # noqa: S101 (only a proxy has this stage)
        reason, source = self._reason(error, seconds), self.proxy.source
        if not isinstance(error, httpcore.ProxyError):
            text = f"can't reach the proxy {self.proxy}: {reason}"
            return NoAnswerError(text, f"Check {source}, or name {self.host} in NO_PROXY.", sent=False)
        text = f"the proxy {self.proxy} refused a connection to {self.host}: {reason}"
        if reason.startswith("407"):
            return NoAnswerError(text, f"Check the user and password in {source}.", sent=False)
        advice = f"Check that the proxy allows this host, or name {self.host} in NO_PROXY."
        return NoAnswerError(text, advice, sent=False)

    def _path(self) -> tuple[str, ...]:
        """Return advice about the proxy in between, which may be the cause."""
        return (f"The connection goes through the proxy {self.proxy}.",) if self.proxy is not None else ()

    def _reason(self, error: Exception, seconds: float) -> str:
        if isinstance(error, httpcore.TimeoutException):
            return "timed out" if not seconds else _silent(seconds)
        return inert(self.redact(str(error)), 200) or type(error).__name__


def is_refusal(error: Exception) -> bool:
    """Return whether a proxy refuses our credentials (407): another try could lock the account."""
    return isinstance(error, httpcore.ProxyError) and str(error).startswith("407")


def is_slow(error: Exception, network: Network) -> bool:
    """Return whether an answer began and did not end by the deadline: another try would be as slow."""
    return isinstance(error, OverdueError | httpcore.ReadTimeout | OverlongError) and bool(network.reads)


def _silent(seconds: float) -> str:
    return f"no answer within {wait_words(seconds)}"


def _tls_trouble(error: BaseException) -> ssl.SSLError | None:
    """Return the TLS error that caused an error; None if there is none."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return cause
