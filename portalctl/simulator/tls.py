"""TLS for simulated services: a self-signed certificate, made anew at each start.

It vouches for `localhost` and the loopback addresses, for a day, and cannot sign another. The
private key is on disk only for the moment in which Python reads it, and only its owner could read it there.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

_NAME = "portalctl simulator"
_LIFE = timedelta(days=1)
_SKEW = timedelta(minutes=5)  # a client's clock may be behind


class NoTlsError(Exception):
    """The package that makes certificates is not installed."""


class Certificate:
    """`file` is what a client has to trust, until `close`; `context` the server's side. Raises NoTlsError."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="portalctl-sim-")
        self.file = Path(self._folder.name, "certificate.pem")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            self._load()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._folder.cleanup()

    def _load(self) -> None:
        certificate, key = _made()
        key_file = self.file.with_name("key.pem")
        self.file.write_bytes(certificate)
        key_file.write_bytes(key)
        self.context.load_cert_chain(self.file, key_file)
        key_file.unlink()


def _made() -> tuple[bytes, bytes]:
    """A certificate and its key, both as PEM."""
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError as error:
        raise NoTlsError("TLS needs the package cryptography; install it: pip install cryptography") from error
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, _NAME)])
    addresses = [x509.IPAddress(ip_address(text)) for text in ("127.0.0.1", "::1")]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _LIFE)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), *addresses]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
