"""A server that gives the same bytes to whoever asks, whatever they ask."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def answering(answer: bytes, *, asked: list[bytes] | None = None, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Its URL. What was asked is put into `asked`."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    plain, _ = server.accept()
                    with tls.wrap_socket(plain, server_side=True) if tls else plain as connection:
                        request = connection.recv(65536)
                        if asked is not None:
                            asked.append(request)
                        connection.sendall(answer)
                except ssl.SSLError:
                    continue
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.getsockname()[1]}"
        # Were it closed under the thread, that could go on accepting for the next socket of this number.
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def http(status: str, body: bytes = b"", headers: str = "Content-Type: application/json\r\n") -> bytes:
    """An HTTP answer after which the connection ends."""
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
