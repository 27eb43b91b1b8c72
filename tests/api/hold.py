"""Says lines that are held, so that there is something to decide, and stays connected."""

import base64
import json
import os
import socket
import struct
import sys
import time


def connect(address):
    host, port = address.rsplit(":", 1)
    stream = socket.create_connection((host, int(port)), timeout=10)
    key = base64.b64encode(os.urandom(16)).decode()
    stream.sendall(
        f"GET / HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    head = b""
    while b"\r\n\r\n" not in head:
        head += stream.recv(1024)
    if b" 101 " not in head.split(b"\r\n", 1)[0]:
        sys.exit(f"no WebSocket: {head!r}")
    return stream


def say(stream, text):
    data, mask = text.encode(), os.urandom(4)
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
    stream.sendall(b"\x81" + struct.pack("!BH", 0x80 | 126, len(data)) + mask + masked)


address, count = sys.argv[1], int(sys.argv[2])
chat = connect(address)
for n in range(count):
    # Each in a room of few, or it would be a crowd, which is met otherwise.
    line = {"type": "chat", "id": str(n), "channel": f"room{n % 100}", "user": f"u{n}"}
    say(chat, json.dumps(line | {"text": f"number {n} will snarfle"}))
print("said", flush=True)
chat.settimeout(None)
while chat.recv(65536):
    time.sleep(0.01)
