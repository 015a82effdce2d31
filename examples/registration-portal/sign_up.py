"""A sign-up form that registers developers through portalctl's controller: Python's standard library only.

    CONTROLLER_URL=http://127.0.0.1:8350 PORTAL=partners REGISTRATION_SECRET=whsec_... python3 sign_up.py

The developer enters name and address, then the code that proves the address, and sees the outcome. Codes are printed
instead of e-mail_operations; replace `deliver` with your e-mail service.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import os
import secrets
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

MOST_BYTES = 4096  # of a submitted form
MOST_SIGN_UPS = 1000  # that wait for their code
TRIES = 5  # to enter a code
SECONDS = 90  # the controller waits up to 60 s for the portal

PAGE = """<!doctype html><meta charset="utf-8"><title>Sign up</title>
<style>body {{ font: 1rem sans-serif; margin: 3rem auto; max-width: 30rem }} label {{ display: block }}</style>
<h1>Developer sign-up</h1>{body}"""
FORM = """<form method="post" action="/sign-up">
<label>Name <input name="full_name" required maxlength="200"></label>
<label>E-mail <input name="email" type="email" required maxlength="254"></label>
<button>Sign up</button></form>"""
CODE = """<p>A code was sent to {email}.</p><form method="post" action="/verify">
<input type="hidden" name="id" value="{id}"><label>Code <input name="code" required></label>
<button>Continue</button></form>"""


@dataclass
class SignUp:
    """A sign-up that waits for its code. `id` is also that of its registration: sent twice, it registers once."""

    email: str
    full_name: str
    id: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    code: str = field(default_factory=lambda: f"{secrets.randbelow(10**6):06}")
    tries: int = 0


@dataclass(frozen=True)
class Controller:
    """Where registrations go. `secret`: that of PORTALCTL_<NAME>_REGISTRATION_SECRET."""

    url: str
    portal: str
    secret: str

    def register(self, sign_up: SignUp) -> tuple[int, dict]:
        """Send a registration, signed as Standard Webhooks has it, and return status and body of the answer."""
        address = {"email": sign_up.email, "full_name": sign_up.full_name, "email_verified": True}
        body = json.dumps(address).encode()
        moment = str(int(time.time()))
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        digest = hmac.new(key, f"{sign_up.id}.{moment}.".encode() + body, hashlib.sha256).digest()
        headers = {
            "Content-Type": "application/json",
            "webhook-id": sign_up.id,
            "webhook-timestamp": moment,
            "webhook-signature": "v1," + base64.b64encode(digest).decode(),
        }
        url = f"{self.url}/v1/portals/{self.portal}/registrations"
        request = urllib.request.Request(url, body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, {}
        except (OSError, ValueError):  # unreachable, or not an answer of the controller
            return 0, {}


def deliver(sign_up: SignUp) -> None:
    """Print the code that an e-mail service would send."""
    print(f"code for {sign_up.email}: {sign_up.code}", flush=True)


def outcome(status: int, answer: dict) -> str:
    """Return what the developer reads about the outcome of a registration."""
    if status in {200, 201}:
        teams = ", ".join(answer["teams"])
        return f"You are approved. Your teams: {teams}." if teams else "You are approved."
    if status == 202:
        return "Thank you. An administrator reviews your sign-up."
    if status == 403:
        return "This address cannot sign up here."
    return "Your sign-up could not be completed now. Enter the code again in a few minutes."


class Form(BaseHTTPRequestHandler):
    """The pages. The server has `controller` and `waiting`, the sign-ups by id."""

    timeout = 10

    def do_GET(self) -> None:
        self.show(FORM)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MOST_BYTES:
            self.show("The form is too large.", 413)
            return
        text = self.rfile.read(length).decode("utf-8", "replace")
        fields = {name: values[0].strip() for name, values in parse_qs(text).items()}
        if self.path == "/sign-up" and fields.get("email") and fields.get("full_name"):
            self.sign_up(SignUp(fields["email"], fields["full_name"]))
        elif self.path == "/verify":
            self.verify(fields.get("id", ""), fields.get("code", ""))
        else:
            self.show(FORM, 400)

    def sign_up(self, sign_up: SignUp) -> None:
        waiting = self.server.waiting
        if len(waiting) >= MOST_SIGN_UPS:
            waiting.pop(next(iter(waiting)), None)
        waiting[sign_up.id] = sign_up
        deliver(sign_up)
        self.show(CODE.format(email=html.escape(sign_up.email), id=html.escape(sign_up.id)))

    def verify(self, id_: str, code: str) -> None:
        sign_up = self.server.waiting.get(id_)
        if sign_up is None:
            self.show(FORM, 400)
            return
        sign_up.tries += 1
        if sign_up.tries > TRIES:
            del self.server.waiting[id_]
            self.show("Too many tries. Sign up again.", 403)
        elif not hmac.compare_digest(code.encode(), sign_up.code.encode()):
            self.show("This is not the code.", 403)
        else:
            status, answer = self.server.controller.register(sign_up)
            if status in {200, 201, 202, 403}:
                self.server.waiting.pop(id_, None)
            self.show(html.escape(outcome(status, answer)))

    def show(self, body: str, status: int = 200) -> None:
        content = PAGE.format(body=body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing: paths and fields would hold addresses."""


def make_server(controller: Controller, port: int = 8400) -> ThreadingHTTPServer:
    """Return the form's server, on this machine only: put a proxy with TLS in front of it."""
    server = ThreadingHTTPServer(("127.0.0.1", port), Form)
    server.controller, server.waiting = controller, {}
    return server


if __name__ == "__main__":
    try:
        place = Controller(*(os.environ[name] for name in ("CONTROLLER_URL", "PORTAL", "REGISTRATION_SECRET")))
    except KeyError as error:
        sys.exit(f"{error.args[0]} is not set")
    print("http://127.0.0.1:8400", flush=True)
    make_server(place).serve_forever()
