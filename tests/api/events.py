"""Asks for the stream of events in every wrong way; the answer is a stream or a reason, never a fault.

    events.py HOST:PORT TOKEN COUNT [SEED]

The stream has no end, so that no tool that waits for one can ask for it: each answer is read as far
as its head, and where it is a refusal, whole.
"""

import json
import random
import socket
import sys
from urllib.parse import quote_from_bytes

NUMBERS = [b"0", b"1", b"7", b"-1", b"18446744073709551615", b"18446744073709551616", b"1e9", b"0x1"]
NAMES = [b"after", b"route", b"channel", b"kinds", b"kind", b"", b"\xff"]
# A stream, a WebSocket, a refusal that says why, or no room for one more listener.
FINE = {200, 101, 400, 401, 403, 404, 422, 426, 431, 503}


def noise(dice: random.Random) -> bytes:
    if dice.random() < 0.4:
        return dice.choice(NUMBERS)
    if dice.random() < 0.3:
        return b",".join([b"decided"] * dice.choice([1, 2, 39, 41, 400]))
    return dice.randbytes(dice.choice([0, 1, 8, 300]))


def header(dice: random.Random, value: bytes) -> bytes:
    """What a header may carry at all: anything else is the HTTP library's to refuse."""
    return bytes(byte for byte in value if byte >= 0x20 and byte != 0x7F)


def request(dice: random.Random, host: str, token: str) -> bytes:
    if dice.random() < 0.1:
        sound = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        sound += b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        sound = sound if dice.random() < 0.5 else b"Last-Event-ID: 0\r\n"
        head = f"GET /v1/events?route=main HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        return head.encode() + sound + b"\r\n"
    pairs = []
    for _ in range(dice.randrange(4)):
        pairs.append(quote_from_bytes(dice.choice(NAMES)) + "=" + quote_from_bytes(noise(dice)))
    lines = [f"GET /v1/events?{'&'.join(pairs)} HTTP/1.1".encode(), f"Host: {host}".encode()]
    if dice.random() < 0.95:
        lines.append(f"Authorization: Bearer {token}".encode())
    if dice.random() < 0.5:
        lines.append(b"Last-Event-ID: " + header(dice, noise(dice)))
    if dice.random() < 0.4:
        lines += [b"Upgrade: websocket", b"Connection: Upgrade"]
        if dice.random() < 0.8:
            lines.append(b"Sec-WebSocket-Version: " + dice.choice([b"13", b"12", header(dice, noise(dice))]))
        if dice.random() < 0.8:
            lines.append(b"Sec-WebSocket-Key: " + dice.choice([b"dGhlIHNhbXBsZSBub25jZQ==", header(dice, noise(dice))]))
        if dice.random() < 0.3:
            lines.append(b"Sec-WebSocket-Protocol: " + header(dice, noise(dice)))
        if dice.random() < 0.3:
            lines.append(b"Origin: http://elsewhere.example")
    return b"\r\n".join(lines) + b"\r\n\r\n"


def ask(host: str, port: int, wanted: bytes) -> tuple[int, dict[str, str], bytes]:
    with socket.create_connection((host, port), timeout=20) as connection:
        connection.sendall(wanted)
        got = b""
        while b"\r\n\r\n" not in got:
            part = connection.recv(65536)
            if not part:
                raise RuntimeError(f"it hung up after {got!r}")
            got += part
        head, body = got.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        status = int(lines[0].split()[1])
        if status >= 400:
            while len(body) < int(headers["content-length"]):
                body += connection.recv(65536)
        return status, headers, body


def main() -> None:
    where, token, count = sys.argv[1:4]
    seed = sys.argv[4] if len(sys.argv) > 4 else str(random.randrange(2**32))
    host, port = where.rsplit(":", 1)
    dice = random.Random(seed)
    seen: dict[int, int] = {}
    for number in range(int(count)):
        wanted = request(dice, where, token)
        status, headers, body = ask(host, int(port), wanted)
        seen[status] = seen.get(status, 0) + 1
        place = f"request {number} of seed {seed}: {wanted!r}: {status} {body!r}"
        if status not in FINE or (status == 503 and "retry-after" not in headers):
            sys.exit(f"FAIL {place}")
        # A head that is no HTTP is refused before anybody knows what was asked for.
        if status >= 400 and status != 431 and body:
            problem = json.loads(body)
            if not headers["content-type"].startswith("application/problem+json"):
                sys.exit(f"FAIL no problem document: {place}")
            if problem["status"] != status:
                sys.exit(f"FAIL another status: {place}")
    if seen.get(200, 0) == 0 or seen.get(101, 0) == 0 or not seen.keys() & {400, 422}:
        sys.exit(f"FAIL seed {seed} met only {seen}")
    print("ok   events:", ", ".join(f"{seen[status]} × {status}" for status in sorted(seen)))


main()
