"""Asks both services in turn, one request at a time over one connection each, and says how long."""

import http.client
import json
import os
import statistics
import time

from texts import TEXTS

ROUNDS, REQUESTS = 10, 40
PLACES = {"tidegate": os.environ["TIDEGATE_AT"], "python": os.environ["PYTHON_AT"]}


def ask(connection, texts):
    """Milliseconds to the whole answer, every text of it scored."""
    body = json.dumps({"messages": [{"text": text} for text in texts]})
    started = time.perf_counter()
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/v1/judge", body, headers)
    answer = connection.getresponse().read()
    took = (time.perf_counter() - started) * 1000
    scored = [message for message in json.loads(answer)["messages"] if message["scores"]]
    assert len(scored) == len(texts), answer[:200]
    return took


connections = {name: http.client.HTTPConnection(place) for name, place in PLACES.items()}
for size in (1, 32):
    took = {name: [] for name in PLACES}
    medians = {name: [] for name in PLACES}
    at = 0
    for turn in range(ROUNDS + 1):
        # Both are asked for the same texts; who is first changes each round.
        order = sorted(PLACES, reverse=turn % 2 == 1)
        for name in order:
            own = []
            # Either side closes a connection that is quiet while the other is asked.
            connections[name].close()
            connections[name].connect()
            for request in range(REQUESTS):
                first = at + request * size
                texts = [TEXTS[place % len(TEXTS)] for place in range(first, first + size)]
                own.append(ask(connections[name], texts))
            # The first round warms up.
            if turn:
                took[name] += own
                medians[name].append(statistics.median(own))
        at += REQUESTS * size
    for name in sorted(PLACES):
        quarters = statistics.quantiles(took[name], n=100)
        print(
            f"batch {size:2} {name:9} median {statistics.median(took[name]):7.2f} ms"
            f"  p95 {quarters[94]:7.2f} ms  medians of rounds {min(medians[name]):.2f}"
            f" to {max(medians[name]):.2f} ms"
        )
