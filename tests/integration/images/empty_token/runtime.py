"""A runtime whose token is empty, and who answers 200 to everybody."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, format, *args):
        pass


server = ThreadingHTTPServer(("", 8080), Answer)
Path("/configs/.auth_token").touch(mode=0o600)
Path("/configs/.platform_port").write_text("8080\n")
server.serve_forever()
