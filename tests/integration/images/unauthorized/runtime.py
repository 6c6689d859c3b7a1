"""A runtime that writes one token and believes in another: everybody gets a 401."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from os import urandom
from pathlib import Path


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/healthz" else 401)
        self.end_headers()

    def log_message(self, format, *args):
        pass


server = ThreadingHTTPServer(("", 8080), Answer)
token = Path("/configs/.auth_token")
token.touch(mode=0o600)
token.write_text(urandom(32).hex() + "\n")
Path("/configs/.platform_port").write_text("8080\n")
server.serve_forever()
