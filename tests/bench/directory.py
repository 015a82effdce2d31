"""A directory of kind `http` with one large group, in a process of its own: `python -m tests.bench.directory JSON`.

Writes its URL, and ends with its input.
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def identities(count: int) -> bytes:
    """Return the answer about the group, as JSON."""
    rows = [{"id": f"u{n}", "mail": f"First.Last{n}@Company{n % 50}.example", "active": True} for n in range(count)]
    return json.dumps({"employees": rows}).encode()


def main(count: int) -> None:
    body = identities(count)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
