"""TLS for simulated services: a self-signed certificate that ships with the package, and its private key.

The key is no secret: everybody has it, as it is with the test certificate of Go's net/http/httptest. Making one at
each start would need a library for certificates that nothing else here needs. All that the certificate can vouch for
is `localhost` and the loopback addresses, and it is no authority that could sign another.
"""

from __future__ import annotations

import ssl
from pathlib import Path

_FOLDER = Path(__file__).with_name("certificate")
CERTIFICATE = _FOLDER / "certificate.pem"  # what a client has to trust; also the server's own
_KEY = _FOLDER / "key.pem"


def server_context() -> ssl.SSLContext:
    """The server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, _KEY)
    return context
