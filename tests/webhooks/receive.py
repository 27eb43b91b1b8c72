"""Takes one webhook: verified by the page's own lines and by the standard's own library.

receive.py SECRET PAGE prints the port, then the event's type once it has come.
"""

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from standardwebhooks import Webhook, WebhookVerificationError

secret, page = sys.argv[1], Path(sys.argv[2]).read_text(encoding="utf-8")
(snippet,) = re.findall(r"```python\n(.*?)```", page, re.S)
own = {}
exec(snippet, own)  # the page's lines, as a reader would paste them


def refused(check, error):
    try:
        check()
    except error:
        return True
    return False


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = dict(self.headers)
        own["verify"](secret, self.headers, body)
        Webhook(secret).verify(body, headers)
        forged = body.replace(b"lobby", b"other")
        assert forged != body
        assert refused(lambda: own["verify"](secret, self.headers, forged), ValueError)
        assert refused(lambda: Webhook(secret).verify(forged, headers), WebhookVerificationError)
        late = dict(headers) | {"webhook-timestamp": "1600000000"}
        assert refused(lambda: own["verify"](secret, late, body), ValueError)
        self.send_response(204)
        self.end_headers()
        self.server.told = json.loads(body)["type"]

    def log_message(self, *_):
        pass


with HTTPServer(("127.0.0.1", 0), Receiver) as server:
    server.told = None
    print(server.server_port, flush=True)
    while server.told is None:
        server.handle_request()
    print(server.told, flush=True)
