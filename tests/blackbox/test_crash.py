# SPDX-License-Identifier: Apache-2.0
"""Crashes: kill -9 under a write load, at random and at named points, compared with an oracle outside (I7).

VECSTORE_CRASH_CYCLES  how many kills (300)
VECSTORE_CRASH_SEED    which sequence of kills and writes (a random one, told when the test fails)
VECSTORE_FAULTS=1      the build has faults (configure --enable-faults): also kill at its named points
"""

import os
import random
import re
import signal
import time

import pytest

import harness
from crashload import CrashLoad
from harness import wait_for

CYCLES = int(os.environ.get("VECSTORE_CRASH_CYCLES", "300"))
SEED = int(os.environ.get("VECSTORE_CRASH_SEED", random.randrange(1 << 32)))
VERIFY_EVERY = 25


def kill_one(server, chooser):
    """kill -9 of a process of the tree, chosen by weight. A killed supervisor is started again."""
    choice = chooser.random()
    if choice < 0.06:
        server.kill()
        server.start()
        return
    tree = server.tree()
    workers = [process.pid for process in tree if process.program() == "vecstore.fcgi"]
    indexers = [process.pid for process in tree if process.program() == "vecstore-indexer"]
    web = [process.pid for process in tree if "lighttpd" in process.program()]
    if choice < 0.10:
        victims = workers
    elif choice < 0.13:
        victims = web
    elif choice < 0.35:
        victims = indexers
    else:
        victims = chooser.sample(workers, 1) if workers else []
    for pid in victims:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


@pytest.mark.long
@pytest.mark.parametrize("half", [0, 1])
def test_kill_at_random(make_server, half):
    cycles = (CYCLES + half) // 2  # two servers, so that they can be killed beside each other (-n)
    server = make_server(workers=4, args=["--compact-at", 1]).start()
    seed = f"{SEED}-{half}"
    load = CrashLoad(server, seed)
    load.fill()
    chooser = random.Random(seed)
    load.resume()
    try:
        for cycle in range(1, cycles + 1):
            target = load.answered + chooser.randint(1, 6)
            wait_for(lambda: load.answered >= target or load.stuck(), "the load makes progress")
            time.sleep(chooser.random() * 0.01)  # any moment of a request
            kill_one(server, chooser)
            if cycle % VERIFY_EVERY == 0 or cycle == cycles or load.stuck():
                load.pause()
                server.wait_ready()
                server.wait_whole()
                server.wait_answered()
                load.verify()
                if cycle < cycles:
                    load.resume()
    finally:
        load.pausing.set()
        for writer in load.ledger:
            if writer.ident:
                writer.join()
    assert load.answered > cycles
    server.wait_indexed()
    server.stop()
    server.start()
    load.verify()


def points():
    """Names of the VS_POINTs in the sources that a running server passes."""
    names = set()
    for source in (harness.SOURCE / "src").rglob("*.c"):
        names.update(re.findall(r'VS_POINT\("([^"]+)"\)', source.read_text()))
    # Those that lie beside others are for tests/faults/pauses; those of a repair, which no server does, for steps.
    names -= {"vectors-grown", "graph-grown", "graph-level", "file-renamed", "columns-written", "repair-columns",
              "repair-graph"}
    names -= {"key-before-commit", "audit-before-commit"}  # of keys and denials, which this load has none of: in test_keys
    names -= {"event-before-commit", "event-committed"}  # of administration: test_audit.py
    names = {name for name in names if not name.startswith(("snapshot-", "restore-", "birth-"))}  # test_snapshots.py
    names -= {"catalog-changed", "reap-doomed", "reap-removed"}  # of administration: test_namespaces.py
    names -= {"job-taken", "job-progress", "job-done"}  # of jobs, which this load does not make: in test_jobs
    return sorted(names - {"catalog-before-commit"})  # passed once in a folder's life: the last test


def die_at_point(server, load, deaths):
    """Loads a server until so many of its processes have died; leaves it killed. It may also end by itself, when one
    dies while it starts."""
    server.launch()
    wait_for(lambda: server.ended() or server.ready(), "start or end")
    if server.ended():
        assert "was killed by signal 9" in server.text()
        return
    seen = {process.pid for process in server.tree()}
    died = set()

    def enough():
        alive = {process.pid for process in server.tree()}
        died.update(seen - alive)
        seen.update(alive)
        return len(died) >= deaths or load.stuck()

    load.resume()
    try:
        wait_for(enough, "deaths at the point", 120)
    finally:
        load.pause()
    server.kill()


if os.environ.get("VECSTORE_FAULTS") == "1":

    @pytest.mark.parametrize("passes", [1, 2, 5])
    @pytest.mark.parametrize("point", points())
    def test_kill_at_point(make_server, point, passes):
        """Every process of the tree dies when it passes the point for the n-th time; later all is as acknowledged."""
        server = make_server(workers=2).start()
        load = CrashLoad(server, SEED)
        load.fill()
        server.stop()
        server.env["VECSTORE_POINT"] = f"{point}:{passes}"
        server.env["VECSTORE_COMPACT_AT"] = "1"  # so that this is passed, too
        die_at_point(server, load, 4)
        server.env.clear()
        server.start()
        load.verify()
        server.wait_indexed()
        load.verify()

    def test_kill_while_the_catalog_is_written(make_server):
        """The first write makes the namespace, and dies on the way; the next start begins anew."""
        server = make_server(workers=2, env={"VECSTORE_POINT": "catalog-before-commit"}).start()
        for _ in range(3):
            assert server.client.post("/v1/upsert", {"id": "a", "vector": [1]}).status >= 500
        server.kill()
        server.env.clear()
        server.start()
        assert server.client.stats()["total_vectors"] == 0
        assert server.client.upsert("a", [1, 2])["version"] == 1
        harness.check_store(server.data)
