# SPDX-License-Identifier: Apache-2.0
"""Compaction: by request, by command and in the background, beside a load, stopped and killed."""

import os
import random
import signal
import subprocess
import threading
import time

import pytest

import harness
from crashload import CrashLoad, body, static_id, vector
from harness import VECSTORE, run, wait_for

SEED = int(os.environ.get("VECSTORE_CRASH_SEED", random.randrange(1 << 32)))
COMPACTS = 'vecstore_compacts_total{namespace="default"}'


def generations(data):
    return sorted(path.name for path in data.glob("ns/*/g??????"))


def fill(client, count, n=0, first=0):
    for start in range(first, first + count, 1000):
        client.batch([body(static_id(i), n) for i in range(start, min(start + 1000, first + count))])


def test_by_request(fresh):
    client = fresh.client
    assert client.ok("POST", "/v1/compact") == {"removed_count": 0, "freed_bytes": 0}
    fill(client, 3000)
    fill(client, 500, n=1)
    client.ok("POST", "/v1/delete", {"ids": [static_id(i) for i in range(2000, 2100)]})
    client.ok("POST", "/v1/soft-delete", {"ids": [static_id(i) for i in range(2100, 2200)]})
    fresh.wait_indexed()
    before = client.pages(limit=1000, include_vector="true", include_deleted="true")
    stats = client.stats()
    assert client.metrics()[COMPACTS] == 0
    answer = client.ok("POST", "/v1/compact", {"namespace": "default"})
    assert answer["removed_count"] == 600
    assert answer["freed_bytes"] > 0
    assert set(answer) == {"removed_count", "freed_bytes"}
    assert client.pages(limit=1000, include_vector="true", include_deleted="true") == before
    after = client.stats()
    assert after["storage_bytes"] < stats["storage_bytes"]
    for name in ("total_vectors", "active_vectors", "deleted_vectors", "dimension", "metric"):
        assert after[name] == stats[name], name
    assert after["indexed_vectors"] == after["total_vectors"] == 2900
    assert client.metrics()[COMPACTS] == 1
    assert generations(fresh.data) == ["g000002"]
    assert client.ok("POST", "/v1/restore", {"id": static_id(2150)})["restored"]
    assert client.found(vector(static_id(2150), 0), limit=1) == [static_id(2150)]
    assert client.ok("POST", "/v1/compact") == {"removed_count": 0, "freed_bytes": 0}
    harness.check_store(fresh.data)


def test_bad_requests(client):
    assert "fast" in client.post("/v1/compact", {"fast": True}).error()
    assert client.post("/v1/compact", {"fast": True}).status == 400
    assert client.post("/v1/compact?x=1").status == 400
    assert client.post("/v1/compact", {"namespace": "unknown"}).status == 404
    assert client.get("/v1/compact").status == 405


def test_in_the_background(make_server):
    server = make_server(args=["--compact-at", 20]).start()
    fill(server.client, 4000)
    server.wait_indexed()
    server.client.batch([body(static_id(i), 1) for i in range(1500)])  # one commit, not to be met half-way
    wait_for(lambda: server.client.metrics()[COMPACTS] == 1, "a compaction")
    wait_for(lambda: "compacted: 1500 dead slots" in server.text(), "a line in the log")
    assert generations(server.data) == ["g000002"]
    server.wait_indexed()
    fill(server.client, 100, n=2)
    server.wait_indexed()
    stats = server.client.stats()
    assert (stats["active_vectors"], stats["indexed_vectors"]) == (4000, 4100)
    assert "0 repairs pending" in harness.check_store(server.data)


def test_never_in_the_background(make_server):
    server = make_server(args=["--compact-at", 0]).start()
    fill(server.client, 2000)
    fill(server.client, 2000, n=1)
    server.wait_indexed()
    time.sleep(0.5)
    assert server.client.metrics()[COMPACTS] == 0
    done = run("compact", "--data", server.data, check=0)
    assert done.stdout.startswith("default: removed 2000 dead slots, freed ")
    assert done.stderr == ""
    assert server.client.metrics()[COMPACTS] == 1


class Reader(threading.Thread):
    """Asks without a pause; each answer must be whole."""

    def __init__(self, server):
        super().__init__()
        self.client = server.client
        self.stopping = threading.Event()
        self.answers = 0
        self.faults = []

    def run(self):
        while not self.stopping.is_set():
            own = static_id(self.answers * 37 % 3000)
            reply = self.client.post("/v1/query", {"id": own, "limit": 10, "filter": "n >= 0"})
            if reply.status != 200 or len(reply.json()["results"]) != 10:
                self.faults.append((own, reply))
            self.answers += 1


def test_beside_writers_and_readers(make_server):
    """Whoever compacts, and whenever: everything acknowledged is there, every request is answered."""
    server = make_server(workers=3, args=["--compact-at", 5]).start()
    load = CrashLoad(server, SEED)
    load.fill()
    server.wait_indexed()
    reader = Reader(server)
    reader.start()
    load.resume()
    done, busy = 0, 0
    try:
        end = time.monotonic() + 5
        while time.monotonic() < end or done + busy < 6:
            command = run("compact", "--data", server.data)
            assert command.returncode == 0 or "compacted already" in command.stderr, command.stderr
            done += command.returncode == 0
            busy += command.returncode != 0
            time.sleep(0.1)
    finally:
        load.pause()
        reader.stopping.set()
        reader.join()
    assert not reader.faults, f"seed {SEED}: {reader.faults[:3]}"
    assert load.unanswered == 0, f"seed {SEED}"
    assert load.answered > 50 and reader.answers > 50, (done, busy, load.answered, reader.answers)
    assert server.client.metrics()[COMPACTS] > 0, (done, busy)
    load.verify()
    server.wait_indexed()
    load.verify()
    # The one in the background may be at work.
    wait_for(lambda: len(generations(server.data)) == 1, "what compactions leave to go")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_stopped_and_killed(make_server, number):
    """The command ends on the way; what it leaves behind goes, and the next one does it all."""
    server = make_server(args=["--compact-at", 0]).start()
    fill(server.client, 6000)
    fill(server.client, 1000, n=1)
    server.wait_indexed()
    command = [VECSTORE, "compact", "--data", str(server.data)]
    for delay in (0.0, 0.1, 0.3):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: process.poll() is not None or len(generations(server.data)) > 1, "a second folder")
        time.sleep(delay)
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
        if process.returncode == 0:
            break  # it was faster
        if number == signal.SIGTERM:
            assert (process.returncode, told) == (1, "vecstore: stopped; nothing has changed\n")
            assert generations(server.data) == ["g000001"]
        harness.check_store(server.data)
        assert server.client.stats()["active_vectors"] == 6000
    run("compact", "--data", server.data, check=0)
    assert generations(server.data) == ["g000002"]
    assert server.client.stats()["active_vectors"] == 6000


def test_a_request_gives_way_to_the_end(make_server):
    server = make_server(args=["--compact-at", 0]).start()
    fill(server.client, 6000)
    fill(server.client, 1000, n=1)
    replies = []
    asking = threading.Thread(target=lambda: replies.append(server.client.post("/v1/compact")))
    asking.start()
    wait_for(lambda: replies or len(generations(server.data)) > 1, "a second folder")
    server.stop()
    asking.join()
    assert replies[0].status in (200, 202), replies
    server.start()
    assert server.client.stats()["active_vectors"] == 6000
    wait_for(lambda: generations(server.data) == ["g000002"], "the job to be done after all")


def test_a_new_indexer_tidies_up(make_server):
    server = make_server(args=["--compact-at", 0]).start()
    fill(server.client, 100)
    server.wait_indexed()
    left = harness.generation(server.data).parent / "g000002"
    (left / "columns").mkdir(parents=True)
    (left / "meta.db").write_bytes(b"half")
    (left / "columns" / "manifest").write_bytes(b"x")
    for pid in server.indexer_pids():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not left.exists(), "the folder to go")
    assert server.client.stats()["active_vectors"] == 100


if os.environ.get("VECSTORE_FAULTS") == "1":
    POINTS = ["compact-copied", "compact-carried", "meta-after-commit", "graph-publish", "live-stored", "compact-complete"]
    POINTS += ["compact-switched", "compact-removed"]

    @pytest.mark.parametrize("point", POINTS)
    def test_kill_the_command_at_point(make_server, point):
        """Beside a server under load, the command dies where it is told to; nothing is lost, and nothing is left."""
        server = make_server(args=["--compact-at", 0]).start()
        load = CrashLoad(server, SEED)
        load.fill()
        fill(server.client, 200)
        load.resume()
        try:
            for passes in (1, 2):
                time.sleep(0.3)
                done = run("compact", "--data", server.data, env={"VECSTORE_POINT": f"{point}:{passes}"})
                assert done.returncode in (0, -signal.SIGKILL), done
                assert done.returncode != 0 or passes > 1, "the point is not passed"
        finally:
            load.pause()
        assert load.unanswered == 0
        load.verify()
        server.wait_indexed()
        load.verify()
        run("compact", "--data", server.data, check=0)
        wait_for(lambda: len(generations(server.data)) == 1, "the old generation to be removed")
        load.verify()
