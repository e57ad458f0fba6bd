#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What one tenant feels of another: vecstore serve with its lighttpd, 64 namespaces with a key each.

One tenant asks, one question at a time with pauses between them: its p50 and p99 alone, while another one asks as fast as 16
connections can, and while the quotas of that one are bounded; then all of them ask at once, a connection each. Prints a markdown
table; ratios are to the quiet tenant alone, in the same round. Every figure is the median of the rounds.

Clients run on the same machine, so they take their share of the cores. Needs lighttpd, python3-numpy and an installed vecstore
($VECSTORE_PREFIX; default: build/root).
"""

import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1]
sys.path[0] = str(SOURCE / "tests/blackbox")  # for harness; and not this folder, whose http.py would hide Python's own

import argparse
import http.client
import json
import multiprocessing
import statistics
import threading
import time

import numpy

import harness

DIMENSION = 100
PAUSE = 0.01  # seconds between two questions of the quiet tenant


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tenants", type=int, default=64, help="namespaces (%(default)s)")
    parser.add_argument("--records", type=int, default=1000, help="in each (%(default)s)")
    parser.add_argument("--connections", type=int, default=16, help="of the one that floods (%(default)s)")
    parser.add_argument("--limit", type=int, default=10, help="results that the others ask for; the quiet one 10 (%(default)s)")
    parser.add_argument("--workers", type=int, default=4, help="workers of the server (%(default)s)")
    parser.add_argument("--seconds", type=float, default=4, help="length of each measurement (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (%(default)s)")
    return parser.parse_args()


def ask(port, key, body, until, pause, times):
    """Asks over one connection; milliseconds of answered questions go to times, None of refused ones."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    while time.monotonic() < until:
        start = time.perf_counter()
        connection.request("POST", "/v1/query", body, headers)
        response = connection.getresponse()
        response.read()
        if response.status not in (200, 429):
            sys.exit(f"a query was answered {response.status}")
        times.append((time.perf_counter() - start) * 1000 if response.status == 200 else None)
        time.sleep(pause)
    connection.close()


def flood(port, keys, body, until, results):
    """A connection for each key, as fast as they are answered: [times] of each."""
    times = [[] for _ in keys]
    threads = [
        threading.Thread(target=ask, args=(port, key, body, until, 0, own)) for key, own in zip(keys, times)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put(times)


def p99(times):
    return statistics.quantiles(times, n=100)[98]


def question(limit):
    return json.dumps({"vector": [1.0] + [0.5] * (DIMENSION - 1), "limit": limit, "include_metadata": False}).encode()


def measure(port, options, quiet, keys):
    """The quiet tenant beside connections with these keys: (its p50, its p99, answered questions a second of the others, [times] of
    each of them)."""
    until = time.monotonic() + options.seconds
    results = multiprocessing.Queue()
    other = multiprocessing.Process(target=flood, args=(port, keys, question(options.limit), until, results))
    times = []
    if keys:
        other.start()
        time.sleep(0.3)
    ask(port, quiet, question(10), until, PAUSE, times)
    others = results.get() if keys else []
    if keys:
        other.join()
    answered = [[t for t in own if t is not None] for own in others]
    return statistics.median(times), p99(times), sum(map(len, answered)) / options.seconds, answered


def make_tenants(client, options):
    """Their keys. The first is the quiet one, the second floods."""
    rng = numpy.random.default_rng(1)
    keys = []
    admin = client.ok("POST", "/admin/keys", {"role": "admin"})["key"]
    client.headers = {"X-API-Key": admin}
    for n in range(options.tenants):
        name = f"tenant-{n}"
        client.ok("POST", "/admin/namespaces", {"name": name})
        vectors = rng.normal(size=(options.records, DIMENSION)).round(4).tolist()
        records = [{"id": str(i), "vector": vector} for i, vector in enumerate(vectors)]
        client.ok("POST", f"/v1/batch-upsert?namespace={name}", {"records": records})
        keys.append(client.ok("POST", "/admin/keys", {"role": "reader", "namespace": name})["key"])
    return keys


def main():
    options = arguments()
    server = harness.Server(workers=options.workers, args=["--cache", "0"])
    try:
        client = server.start().client
        keys = make_tenants(client, options)
        flooder = [keys[1]] * options.connections
        cases = [
            ("alone", [], {}),
            ("another floods", flooder, {}),
            ("… with max_concurrent_queries 1", flooder, {"max_concurrent_queries": 1}),
            ("… with max_requests_per_second 100", flooder, {"max_requests_per_second": 100}),
            ("all the others ask, a connection each", keys[1:], {}),
        ]
        rows = {name: [] for name, _, _ in cases}
        spread = []
        for _ in range(options.rounds):
            for name, others, quota in cases:
                none = {"max_concurrent_queries": None, "max_requests_per_second": None}
                client.ok("PUT", "/admin/namespaces/tenant-1/quotas", {**none, **quota})
                rows[name].append(measure(server.port, options, keys[0], others))
            counts = [len(own) for own in rows[cases[-1][0]][-1][3]]
            spread.append(max(counts) / max(1, min(counts)))
        server.stop()
    finally:
        server.destroy()
    print("| quiet tenant | p50 ms | p99 ms | p99 to alone | answers/s of others |\n| --- | ---: | ---: | ---: | ---: |")
    for name, measured in rows.items():
        ratio = statistics.median(row[1] / alone[1] for row, alone in zip(measured, rows["alone"]))
        p50, high, rate = (statistics.median(row[i] for row in measured) for i in range(3))
        print(f"| {name} | {p50:.2f} | {high:.2f} | {ratio:.1f} | {rate:,.0f} |")
    print(f"\nAll at once: the one that was answered most often got {statistics.median(spread):.2f} times as much as the least.")


if __name__ == "__main__":
    main()
