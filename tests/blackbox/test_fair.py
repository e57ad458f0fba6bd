# SPDX-License-Identifier: Apache-2.0
"""Whose turn it is: one tenant cannot fill the workers' queue. With one worker, which a reader holds, the order of all others is
certain: each stores the same record, whose version tells its turn."""

import json
import os
import select
import signal

import pytest

import conftest
import fastcgi
from harness import wait_for

FLOOD = {"REMOTE_USER": "flood"}


@pytest.fixture
def busy():
    """A server whose one worker works for the tenant who floods: server, a function that lets the worker go on."""
    for server in conftest.serving(workers=1, http=False):
        server.wait_whole()
        records = [{"id": f"{i}", "vector": [1, 2], "metadata": {"t": "x" * 9000}} for i in range(400)]
        body = json.dumps({"records": records}).encode()
        assert fastcgi.request(server.socket(), "POST", "/v1/batch-upsert", body, "application/json").status == 200
        yield server, hold(server)


def hold(server):
    """Takes the worker: a function that gives it back."""
    peer = fastcgi.begin_lines(server.socket(), more=FLOOD)

    def release():
        with peer:
            while peer.recv(1 << 20):
                pass

    return release


def store(server, user):
    """The tenant stores the record that all store: the connection on which it waits."""
    body = b'{"id": "turn", "vector": [1, 2]}'
    return fastcgi.send(server.socket(), "POST", "/v1/upsert", body, "application/json", more={"REMOTE_USER": user})


def turns(peers):
    replies = [fastcgi.answer(peer) for peer in peers]
    assert all(reply.status == 200 for reply in replies), replies
    return [reply.json()["version"] for reply in replies]


def test_quiet_tenant_overtakes_flood(busy):
    """Of 20 before it, none is answered before it; and they keep their own order."""
    server, release = busy
    flood = [store(server, "flood") for _ in range(20)]
    quiet = store(server, "quiet")
    release()
    assert turns([quiet]) + turns(flood) == list(range(1, 22))


def test_flood_is_not_forgotten(busy):
    """Who waits in the second queue has its turn now and then, however many others come."""
    server, release = busy
    flood = [store(server, "flood") for _ in range(3)]
    others = [store(server, f"other {i}") for i in range(60)]
    release()
    mine = turns(flood)
    assert mine == sorted(mine) and 1 < mine[0] and mine[2] < 40, mine
    assert sorted(mine + turns(others)) == list(range(1, 64))


def test_one_tenant_is_served_in_its_order(busy):
    server, release = busy
    peers = [store(server, "flood") for _ in range(40)]
    release()
    assert turns(peers) == list(range(1, 41))


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGHUP])
def test_second_queue_outlives_workers(busy, end):
    """A worker is killed, or replaced by a reload, while it is held by one request and all others are in the second queue."""
    server, release = busy
    held = fastcgi.send(server.socket(), "GET", "/v1/records", more={**FLOOD, "HTTP_ACCEPT": "application/x-ndjson"})
    flood = [store(server, "flood") for _ in range(30)]
    release()
    assert held.recv(100)  # it was taken from the second queue, as all were put there
    if end == signal.SIGKILL:
        os.kill(server.worker_pids()[0], end)
    else:
        server.signal(end)
    assert turns(flood) == list(range(1, 31))
    held.close()
    server.wait_whole()


def test_worker_ends_under_a_flood(busy):
    """SIGTERM ends a worker after the request in hand, and not when nobody waits any more."""
    server, release = busy
    peers = [store(server, f"user {i}") for i in range(300)]
    (worker,) = server.worker_pids()
    os.kill(worker, signal.SIGTERM)
    release()
    wait_for(lambda: worker not in server.worker_pids(), "the worker to end")
    answered, _, _ = select.select(peers, [], [], 0)
    assert len(answered) < 300
    assert sorted(turns(peers)) == list(range(1, 301))
