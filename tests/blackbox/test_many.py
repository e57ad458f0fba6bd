# SPDX-License-Identifier: Apache-2.0
"""More namespaces than a process has open: each answers its own, and nothing is busy with those that nobody asks."""

import os
import random
import threading
import time
from pathlib import Path

from harness import wait_for
from test_namespaces import ask, make, names, put

MANY = int(os.environ.get("VECSTORE_NAMESPACES", 40))


def descriptors(server, program):
    return sum(len(os.listdir(f"/proc/{process.pid}/fd")) for process in server.children(program))


def test_the_indexer_rests_after_more_than_it_can_have_open(make_server):
    """It would not if what it does to one were news to it: each would be closed for the next, and opened again, for ever."""
    server = make_server(workers=1, prefix=["prlimit", "--nofile=256"]).start()  # room for six
    for i in range(20):
        make(server.client, f"t{i}", dimension=3)
        assert put(server.client, f"t{i}", "a").status == 200

    def calls():
        """How often it has read or written."""
        counts = Path(f"/proc/{server.indexer_pids()[0]}/io").read_text().splitlines()
        return sum(int(line.split()[1]) for line in counts if line.startswith(("syscr", "syscw")))

    def rests():
        before = calls()
        time.sleep(0.5)
        return calls() - before < 20

    wait_for(lambda: server.client.ok("GET", "/admin/stats")["total_vectors"] == 20, "the indexer to have seen all")
    wait_for(rests, "the indexer to rest")


def test_each_of_many_answers_its_own(make_server):
    server = make_server(workers=2).start()
    client = server.client
    todo = list(range(MANY))

    def fill():
        while todo:
            i = todo.pop()
            make(client, f"t{i}", dimension=3)
            assert put(client, f"t{i}", f"r{i}", metadata={"of": i}).status == 200

    threads = [threading.Thread(target=fill) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for again in range(2):
        before = descriptors(server, "vecstore.fcgi")
        assert len(names(client, limit=1000)[0]) == MANY
        assert descriptors(server, "vecstore.fcgi") < before + 12  # a list opens none of them to stay
        order = list(range(MANY))
        random.Random(again).shuffle(order)
        for i in order:
            assert ask(client, f"t{i}").json()["results"][0]["metadata"] == {"of": i}
        for process in server.children("vecstore.fcgi") + server.children("vecstore-indexer"):
            assert len(os.listdir(f"/proc/{process.pid}/fd")) < 1024
        if again == 0:
            server.stop()
            server.start()
    wait_for(lambda: client.ok("GET", "/admin/stats")["total_vectors"] == MANY, "the indexer to have seen all", 300)
