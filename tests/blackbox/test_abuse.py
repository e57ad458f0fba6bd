# SPDX-License-Identifier: Apache-2.0
"""Slow clients in front of the web servers as shipped: others are answered meanwhile, nothing of them stays.

VECSTORE_ABUSE (2) is for how many seconds; VECSTORE_ABUSE_CLIENTS (16) how many send a body slowly, read lines slowly and
read a page slowly, each; eight times as many send their headers slowly."""

import os
import statistics
import threading
import time

import pytest

import fastcgi
import harness
import webservers
from abuse import Slow, Slows
from client import raw_request

SECONDS = float(os.environ.get("VECSTORE_ABUSE", 2))
CLIENTS = int(os.environ.get("VECSTORE_ABUSE_CLIENTS", 16))
HEALTHY = 4
QUERY = b'{"vector": [1, 2, 3], "limit": 1, "include_metadata": false}'
LINES = b"GET /v1/records HTTP/1.1\r\nHost: localhost\r\nAccept: application/x-ndjson\r\n\r\n"
PAGE = b"GET /v1/records?limit=800 HTTP/1.1\r\nHost: localhost\r\n\r\n"
BODY = b"POST /v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def fill(client):
    """More than any buffer on the way holds: pages of 7 MB, lines of 27 MB."""
    for start in range(0, 3000, 1000):
        client.batch(
            [{"id": f"{i:05}", "vector": [1, 2, i], "metadata": {"t": "x" * 9000}} for i in range(start, start + 1000)]
        )


def slow_clients(port):
    query = b" " * 200000 + QUERY
    return {
        "headers": [
            Slow(port, b"GET /v1/stats HTTP/1.1\r\nHost: localhost\r\nX-A: ", b"a" * 4000 + b"\r\n\r\n", 1)
            for _ in range(8 * CLIENTS)
        ],
        "bodies": [Slow(port, BODY % len(query), query) for _ in range(CLIENTS)],
        "lines": [Slow(port, LINES) for _ in range(CLIENTS)],
        "pages": [Slow(port, PAGE) for _ in range(CLIENTS)],
    }


def ask_for(port, seconds):
    """HEALTHY clients ask, one request after the other, all of which must be answered well: their times in seconds."""
    times, faults = [], []

    def ask():
        while time.monotonic() < end and not faults:
            start = time.monotonic()
            try:
                reply = raw_request(port, "POST", "/v1/query", QUERY, "application/json")
                if reply.status != 200:
                    faults.append(reply)
            except OSError as fault:
                faults.append(fault)
            times.append(time.monotonic() - start)
            time.sleep(0.02)

    end = time.monotonic() + seconds
    threads = [threading.Thread(target=ask) for _ in range(HEALTHY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults, faults[0]
    return times


def sockets(pid):
    """Which a process has open."""
    found = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.add(os.readlink(f"/proc/{pid}/fd/{name}"))
        except FileNotFoundError:
            pass
    return {name for name in found if name.startswith("socket:")}


def p99(times):
    return statistics.quantiles(times, n=100)[98] * 1000


@pytest.fixture(scope="module")
def filled():
    server = harness.Server(workers=4)
    try:
        fill(server.start().client)
        server.wait_indexed()
        yield server
        server.stop()
    finally:
        server.destroy()


@pytest.mark.parametrize("name", ["private lighttpd", "lighttpd", "apache"])
def test_slow_clients(filled, name):
    web = None
    if name != "private lighttpd":
        web = getattr(webservers, name)(filled.folder, harness.free_port(), filled.socket())
    try:
        if web:
            web.wait()
        check_slow_clients(filled, name, web.port if web else filled.port)
    finally:
        if web:
            web.stop()


def check_slow_clients(server, name, port):
    alone = ask_for(port, SECONDS / 4)
    workers = server.worker_pids()
    before = [sockets(pid) for pid in workers]
    with Slows(slow_clients(port)) as slows:
        begin = ask_for(port, SECONDS / 2)
        # What the web server keeps for its slow clients is none of the workers' business: Apache keeps 16 MiB of each.
        harness.wait_for(lambda: all(one.status() == 200 for one in slows.clients["pages"]), "every page to begin")
        beside = ask_for(port, SECONDS / 2)
        slows.rest()
        print(f"{name}: p99 {p99(alone):.1f} ms alone; {p99(begin):.1f} ms while slow clients come, {p99(beside):.1f} ms beside them")
        lines = {one.status() for one in slows.clients["lines"]}
        # Where the web server does not take them whole: Apache keeps 16 MiB of each, lighttpd on a busy machine is slow itself.
        assert 200 in lines and lines <= {200, 429}, lines
        # Those who hurry at last are served, unless it is too late (Apache's RequestReadTimeout).
        for kind in ("headers", "bodies"):
            for one in slows.clients[kind][:4]:
                status = one.ended or one.hurry()
                assert status in (True, 200) or (name == "apache" and status == 408), (kind, status)
    assert server.worker_pids() == workers  # none had to die for it
    harness.wait_for(lambda: [sockets(pid) for pid in workers] == before, "the descriptors of slow clients to be closed")


def read_rest(peer):
    parts = []
    try:
        while not parts or parts[-1]:
            parts.append(peer.recv(1 << 20))
    except ConnectionResetError:
        pass
    return b"".join(parts)


def test_slow_readers_hold_half_of_the_workers(filled):
    """Whatever stands before them: of four workers two wait for readers that do not read, the others give theirs up, and begin
    no more such answers until somebody reads on."""
    path = filled.socket()
    peers = [fastcgi.begin_lines(path) for _ in range(4)]

    def refuses():
        """No reader of lines is let in, while others are answered at once."""
        assert fastcgi.request(path, "POST", "/v1/query", QUERY, "application/json").status == 200
        return fastcgi.request(path, "GET", "/v1/records", more={"HTTP_ACCEPT": "application/x-ndjson"})

    reply = refuses()
    assert reply.status == 429 and reply.headers["retry-after"] == "1" and "slow" in reply.error(), reply
    assert len(fastcgi.request(path, "GET", "/v1/records?limit=800").json()["records"]) == 800
    whole = sorted(b'"next_cursor":null' in read_rest(peer)[-200:] for peer in peers)
    assert whole == [False, False, True, True]
    for peer in peers:
        peer.close()
    harness.wait_for(lambda: refuses().status == 200, "lines to be had again")
