"""Registers for six seconds, then writes its token and serves on port 9000."""

import base64
import http.server
import os
import time


def publish(name, text):
    path = "/configs/" + name
    with open(os.open(path + ".new", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


class Handler(http.server.BaseHTTPRequestHandler):
    token = None

    def do_GET(self):
        if self.path != "/list_peers":
            status = 404
        elif self.headers["Authorization"] == "Bearer " + self.token:
            status = 200
        else:
            status = 401
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"[]\n" if status == 200 else b"")


publish(".platform_port", "9000")
print("registering")
time.sleep(6)
Handler.token = base64.b64encode(os.urandom(30)).decode()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 9000), Handler)
publish(".auth_token", Handler.token)
print("serving on 9000")
server.serve_forever()
