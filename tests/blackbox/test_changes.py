# SPDX-License-Identifier: Apache-2.0
"""The change feed: who follows it has exactly the records there are, whatever happens to the server meanwhile."""

import http.client
import json
import os
import random
import signal
import threading

import harness

V = [1.0, 0.0, 0.5, 0.25]
WHOLE = "include_metadata=true&include_vector=true&include_text=true"


class Follower:
    """A copy of a namespace, made from the feed alone."""

    def __init__(self, client):
        self.client, self.since, self.seq, self.records = client, 0, 0, {}

    def step(self, limit=7):
        """Whether there was something new."""
        reply = self.client.get(f"/v1/changes?since={self.since}&limit={limit}&{WHOLE}")
        if reply.status >= 500:  # the worker was killed
            return True
        assert reply.status == 200, reply
        page = reply.json()
        for change in page["changes"]:
            seq, op = change.pop("seq"), change.pop("op")
            assert seq > self.seq
            self.seq = seq
            if op == "delete":
                assert set(change) == {"id"}
                self.records.pop(change["id"], None)
            else:
                self.records[change["id"]] = change
        moved = page["next_since"] != self.since
        assert page["first_seq"] - 1 <= self.since <= page["next_since"] <= page["last_seq"]
        self.since = page["next_since"]
        return moved

    def catch_up(self):
        while self.step(limit=1000):
            pass

    def is_copy(self):
        self.catch_up()
        records = self.client.pages(include_deleted="true", include_vector="true", include_text="true", limit=1000)
        return self.records == {record["id"]: record for record in records}


def test_feed(client):
    follower = Follower(client)
    follower.since = client.ok("GET", "/v1/changes")["next_since"]
    client.batch([{"id": f"c{i}", "vector": V, "metadata": {"n": i}, **({"text": f"word {i}"} if i % 2 else {})} for i in range(30)])
    client.ok("POST", "/v1/soft-delete/c1")
    client.ok("POST", "/v1/delete", {"ids": ["c2", "c3"]})
    client.upsert("c4", V)
    assert client.ok("POST", "/v1/delete", {"filter": "n >= 20"})["deleted"] == 10
    operations = [{"op": "soft_delete", "id": "c5"}, {"op": "delete", "id": "c6"}, {"op": "restore", "id": "c5"}]
    client.ok("POST", "/v1/batch-execute", {"operations": operations})
    assert follower.is_copy()
    assert len(follower.records) == 17 and follower.records["c4"]["version"] == 2 and "deleted_at" in follower.records["c1"]
    page = client.ok("GET", "/v1/changes?since=0&limit=2")
    first, second = page["changes"]
    assert set(first) == {"seq", "op", "id", "version", "created_at", "updated_at"}
    assert (first["op"], first["id"], second["id"], page["next_since"]) == ("upsert", "c0", "c1", 2)
    assert (page["first_seq"], page["last_seq"]) == (1, follower.since)
    ops = [(change["op"], change["id"]) for change in client.ok("GET", f"/v1/changes?since={follower.since - 3}")["changes"]]
    assert ops == [("soft_delete", "c5"), ("delete", "c6"), ("restore", "c5")]
    gone = client.get(f"/v1/changes?since={follower.since + 1}")
    assert gone.status == 410 and gone.json()["code"] == "gone" and gone.json()["field"] == "since"
    for bad in ("since=-1", "since=x", "limit=0", "limit=10001", "wait=1", "include_vector=maybe", "include_text=2"):
        reply = client.get(f"/v1/changes?{bad}")
        assert reply.status == 400 and bad.split("=")[0] in reply.error()


def test_empty(fresh):
    assert fresh.client.ok("GET", "/v1/changes") == {"changes": [], "next_since": 0, "first_seq": 1, "last_seq": 0}
    assert fresh.client.ok("GET", "/v1/changes?since=0")["changes"] == []
    assert fresh.client.get("/v1/changes?since=1").status == 410
    assert fresh.client.get("/v1/changes?namespace=unknown").status == 404


def test_command(fresh):
    fresh.client.batch([{"id": f"c{i}", "vector": V, "metadata": {"n": i}, "text": f"word {i}"} for i in range(5)])
    fresh.client.delete("c0")
    out = harness.run("changes", "--since", "0", "--data", fresh.data, check=0).stdout
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line.get("seq") for line in lines] == [2, 3, 4, 5, 6, None]
    assert lines[4] == {"seq": 6, "op": "delete", "id": "c0"} and lines[5] == {"next_since": 6}
    whole = harness.run("changes", "--since", "1", "--limit", "1", "--include-metadata", "--include-vector", "--include-text", "--data", fresh.data, check=0)
    line = json.loads(whole.stdout.splitlines()[0])
    assert (line["id"], line["metadata"], line["vector"], line["text"]) == ("c1", {"n": 1}, V, "word 1")
    assert harness.run("changes", "--data", fresh.data, check=0).stdout.strip() == '{"next_since":6}'
    assert "the newest change is 6" in harness.run("changes", "--since", "9", "--data", fresh.data, check=1).stderr


def write(client, number, stop):
    chooser = random.Random(number)
    n = 0
    while not stop.is_set():
        n += 1
        record_id = f"w{number}-{chooser.randrange(20)}"
        body = {"id": record_id, "vector": [n, 1, number, 2], "metadata": {"n": n}, "text": f"word {n}"}
        request = chooser.choice(
            [("POST", "/v1/upsert", body)] * 3
            + [("POST", "/v1/upsert", {**body, "ttl_seconds": 1}), ("PATCH", f"/v1/records/{record_id}", {"patched": n})]
            + [("DELETE", f"/v1/delete/{record_id}"), ("POST", f"/v1/soft-delete/{record_id}"), ("POST", f"/v1/restore/{record_id}")]
        )
        try:
            client.request(*request)
        except (OSError, http.client.HTTPException):
            pass


def compact(client, stop):
    while not stop.is_set():
        try:
            client.post("/v1/compact")
        except (OSError, http.client.HTTPException):
            pass
        stop.wait(0.05)


def follow(follower, steps):
    for _ in range(steps):
        try:
            follower.step()
        except (OSError, http.client.HTTPException):
            pass


def kill_one(server, chooser, pids):
    if pids:
        try:
            os.kill(chooser.choice(pids), signal.SIGKILL)
        except ProcessLookupError:
            pass


def test_feed_under_kills(make_server):
    """Writers, expiry, compactions, a restart, and killed workers and indexers."""
    server = make_server(workers=4).start()
    stop = threading.Event()
    threads = [threading.Thread(target=write, args=(server.client, n, stop)) for n in range(3)]
    threads.append(threading.Thread(target=compact, args=(server.client, stop)))
    follower = Follower(server.client)
    chooser = random.Random(1)
    for thread in threads:
        thread.start()
    try:
        for cycle in range(40):
            kill_one(server, chooser, server.worker_pids() if cycle % 4 else server.indexer_pids())
            follow(follower, 5)
        server.stop()
        server.start()
        follow(follower, 20)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    server.wait_ready()
    server.wait_whole()
    harness.wait_for(follower.is_copy, "a copy that is equal")
    assert follower.seq > 100
    server.client.ok("POST", "/v1/compact")  # how many there were before is not known: the indexer was killed
    assert harness.generation(server.data).name > "g000001"
    late = Follower(server.client)
    # The last records may still expire, and be swept after a while.
    harness.wait_for(lambda: follower.is_copy() and late.is_copy() and late.records == follower.records, "two equal copies")
