# SPDX-License-Identifier: Apache-2.0
"""The query cache: shared by all workers, never a wrong answer: not after writes of anybody, not when workers are killed, not
when its file is taken away or damaged."""

import http.client
import json
import os
import random
import signal
import threading
import time

import numpy
import pytest

import harness
import oracle
from harness import wait_for

DIMENSION = 8


def vector(seed):
    return [float(x) for x in numpy.random.default_rng(seed).normal(size=DIMENSION).astype(numpy.float32)]


def fill(client, count=200):
    client.batch([{"id": f"r{i:03}", "vector": vector(i), "metadata": {"n": i}} for i in range(count)])


def figures(client):
    cache = client.stats()["cache_stats"]
    assert set(cache) == {"hits", "misses", "evictions", "size_bytes", "capacity_bytes", "entries"}
    return cache


def hit(client, *args, **kwargs):
    return client.query(*args, **kwargs)["stats"]["cache_hit"]


def test_hit_in_every_worker(make_server):
    server = make_server(workers=4).start()
    client = server.client
    fill(client)
    first = client.query(vector(1), limit=5, filter="n >= 20", include_vector=True)
    assert first["stats"]["cache_hit"] is False
    for _ in range(40):
        again = client.query(vector(1), limit=5, filter="n >= 20", include_vector=True)
        assert again["stats"]["cache_hit"] is True
        assert again["results"] == first["results"]
        assert {**again["stats"], "duration_ms": 0, "cache_hit": 0} == {**first["stats"], "duration_ms": 0, "cache_hit": 0}
        assert 0 <= again["stats"]["duration_ms"] < 1000
    for variant in ({"limit": 6}, {"exact": True}, {"ef": 50}, {"filter": "n >= 21"}, {"offset": 1}, {"min_score": 0.0},
                    {"include_metadata": False}):
        fields = {"limit": 5, "filter": "n >= 20", "include_vector": True, **variant}
        assert not hit(client, vector(1), **fields), variant
        assert hit(client, vector(1), **fields), variant
    raw = numpy.array(vector(1), dtype="<f4").tobytes()
    for expected in (False, True):
        answer = client.ok("POST", "/v1/query?limit=5&filter=n%20%3E%3D%2020", raw, content_type="application/octet-stream")
        assert answer["stats"]["cache_hit"] is expected
        assert [result["id"] for result in answer["results"]] == [result["id"] for result in first["results"]]
    assert not hit(client, id="r007") and hit(client, id="r007")
    cache = figures(client)
    assert (cache["hits"], cache["misses"], cache["evictions"], cache["entries"]) == (49, 10, 0, 10)
    assert cache["capacity_bytes"] == 64 << 20 and 0 < cache["size_bytes"] < 50000
    metrics = client.metrics()
    assert metrics["vecstore_cache_hits_total"] == 49 and metrics["vecstore_cache_misses_total"] == 10
    assert metrics["vecstore_cache_evictions_total"] == 0
    assert metrics["vecstore_cache_size_bytes"] == cache["size_bytes"]
    assert metrics["vecstore_queries_total"] == 59


def test_any_write_ends_it_at_once(fresh, folder):
    """Whoever writes: over HTTP, by any worker, or a process beside the server; also what this answer does not show."""
    client = fresh.client
    fill(client)
    records = folder / "more.jsonl"

    def import_one():
        records.write_text(json.dumps({"id": "best", "vector": vector(1), "metadata": {"n": 1000}}))
        harness.run("import", records, "--data", fresh.data, check=0)

    def ask(expected):
        answer = client.query(vector(1), limit=3, filter="n != 1")
        assert answer["stats"]["cache_hit"] is False
        assert (answer["results"][0]["id"] == "best") is expected, answer
        for _ in range(4):
            again = client.query(vector(1), limit=3, filter="n != 1")
            assert again["stats"]["cache_hit"] is True and again["results"] == answer["results"]
    ask(False)
    client.upsert("best", vector(1), {"n": 1000})
    ask(True)
    client.ok("POST", "/v1/soft-delete/best")
    ask(False)
    client.ok("POST", "/v1/restore/best")
    ask(True)
    client.delete("best")
    ask(False)
    import_one()
    ask(True)
    client.ok("POST", "/v1/delete", {"filter": "n = 1000"})
    ask(False)
    client.upsert("far", [-x for x in vector(1)])
    ask(False)
    assert client.post("/v1/query", {"id": "none"}).status == 404
    client.upsert("none", vector(3))
    assert client.query(id="none")["results"]


def test_off_and_bounded(make_server):
    server = make_server(args=["--cache", "0"]).start()
    fill(server.client)
    assert not any(hit(server.client, vector(1)) for _ in range(3))
    assert figures(server.client) == {"hits": 0, "misses": 0, "evictions": 0, "size_bytes": 0, "capacity_bytes": 0, "entries": 0}
    assert not (server.run_dir / "cache.shm").exists()

    server = make_server(env={"VECSTORE_CACHE": "1"}).start()
    client = server.client
    fill(client)
    for i in range(400):
        assert not hit(client, vector(i), limit=100, include_vector=True)
        assert hit(client, vector(0), limit=100, include_vector=True), "what is asked for stays"
    cache = figures(client)
    assert cache["capacity_bytes"] == 1 << 20 and cache["size_bytes"] <= 1 << 20
    assert cache["evictions"] > 100 and 10 < cache["entries"] < 300
    assert 400 - 3 <= cache["evictions"] + cache["entries"] <= 400
    large = json.dumps({"vector": vector(1)}).encode() + b" " * (256 << 10)
    for _ in range(3):
        assert client.ok("POST", "/v1/query", large)["stats"]["cache_hit"] is False, "too large to keep"
    assert harness.run("serve", "--data", server.data, "--cache", "x").returncode != 0
    size = (server.run_dir / "cache.shm").stat().st_size
    assert size <= (1 << 20) * 65 // 64 + 4096
    server.stop()
    assert not (server.run_dir / "cache.shm").exists()


class Asker(threading.Thread):
    """Asks few questions again and again; what judge() says of each answer is kept."""

    def __init__(self, client, judge, number):
        super().__init__()
        self.client, self.judge = client, judge
        self.random = random.Random(number)
        self.asked = self.hits = 0
        self.fault = None
        self.done = threading.Event()

    def run(self):
        while not self.done.is_set() and self.fault is None:
            question = self.random.randrange(8)
            try:
                before = self.judge.now()
                reply = self.client.post("/v1/query", {"vector": vector(question), "limit": 5})
                if reply.status >= 500:
                    continue
                answer = reply.json()
                self.fault = self.judge(question, answer, before)
                self.asked += 1
                self.hits += answer["stats"]["cache_hit"]
            except (OSError, ValueError, http.client.HTTPException):
                time.sleep(0.002)  # its worker or the web server was killed


def ask_while(client, judge, work):
    askers = [Asker(client, judge, number) for number in range(4)]
    for asker in askers:
        asker.start()
    try:
        work(askers)
    finally:
        for asker in askers:
            asker.done.set()
        for asker in askers:
            asker.join()
    assert not any(asker.fault for asker in askers), [asker.fault for asker in askers]
    return sum(asker.hits for asker in askers), sum(asker.asked for asker in askers)


class Rounds:
    """The record "round" says which write was acknowledged last: an answer may be newer than the one known before it was
    asked for, never older."""

    def __init__(self):
        self.acknowledged = 0

    def now(self):
        return self.acknowledged

    def __call__(self, question, answer, before):
        first = answer["results"][0]
        if first["id"] != f"top{question}":
            return f"{question}: {answer}"
        n = first["metadata"]["round"]
        return None if before <= n <= self.acknowledged + 1 else f"round {n}, but {before} was acknowledged before"


def test_right_under_writes(make_server):
    """Every answer is of the state at the time of its request, while another client writes."""
    server = make_server(workers=3).start()
    judge = Rounds()

    def write(n):
        server.client.batch([{"id": f"top{q}", "vector": vector(q), "metadata": {"round": n}} for q in range(8)])
        judge.acknowledged = n
    server.client.batch([{"id": f"other{i}", "vector": vector(1000 + i)} for i in range(200)])
    write(0)

    def work(askers):
        for n in range(1, 60):
            write(n)
            asked = sum(asker.asked for asker in askers) + 12
            wait_for(lambda: sum(a.asked for a in askers) >= asked or any(a.fault for a in askers), "answers")
    hits, asked = ask_while(server.client, judge, work)
    assert 0 < hits < asked


class Truth:
    """Nothing changes: the answers are the oracle's."""

    def __init__(self, client):
        ids = [f"r{i:03}" for i in range(200)]
        rows = numpy.array([vector(i) for i in range(200)])
        self.best = {}
        for question in range(8):
            scores = oracle.scores("cosine", rows, vector(question))
            self.best[question] = [ids[i] for i in numpy.argsort(-scores)[:5]]
        fill(client)

    def now(self):
        return None

    def __call__(self, question, answer, before):
        found = [result["id"] for result in answer["results"]]
        whole = all(result["metadata"] == {"n": int(result["id"][1:])} for result in answer["results"])
        return None if found == self.best[question] and whole else f"{question}: {answer}"


def asked_more(askers, count):
    goal = sum(asker.asked for asker in askers) + count
    wait_for(lambda: sum(asker.asked for asker in askers) >= goal or any(asker.fault for asker in askers), "answers")


@pytest.mark.long
def test_kills(make_server):
    """kill -9 of workers under load; a small cache that other questions keep moving; the next worker goes on."""
    server = make_server(workers=3, args=["--cache", "1"]).start()
    judge = Truth(server.client)
    chooser = random.Random(4)
    busy = threading.Event()

    def churn():
        n = 0
        while not busy.is_set():
            n += 1
            try:
                server.client.post("/v1/query", {"vector": vector(n), "limit": 200, "include_vector": True})
            except (OSError, http.client.HTTPException):
                pass
    churner = threading.Thread(target=churn)

    def work(askers):
        for _ in range(24):
            asked_more(askers, 20)
            workers = server.worker_pids()
            if workers:
                try:
                    os.kill(chooser.choice(workers), signal.SIGKILL)
                except ProcessLookupError:
                    pass
    churner.start()
    try:
        hits, _ = ask_while(server.client, judge, work)
    finally:
        busy.set()
        churner.join()
    assert hits > 50
    server.wait_whole()
    server.wait_ready()
    question = {"vector": vector(999), "limit": 3}
    assert [server.client.ok("POST", "/v1/query", question)["stats"]["cache_hit"] for _ in range(3)] == [False, True, True]


def remove(path):
    path.unlink()


def garbage(path):
    """Over all that it holds, in place."""
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.write(numpy.random.default_rng(5).bytes(size))


def garbage_here_and_there(path):
    rng = random.Random(6)
    size = path.stat().st_size
    with open(path, "r+b") as file:
        for _ in range(3000):
            file.seek(rng.randrange(size))
            file.write(rng.randbytes(rng.randrange(1, 40)))


def cut(path):
    """The entries, not the table: that would be a signal in whoever just looks there."""
    os.truncate(path, 4096 + (1 << 20))


@pytest.mark.parametrize("damage", [remove, garbage, garbage_here_and_there, cut])
def test_damaged_while_serving(make_server, damage):
    server = make_server(workers=3).start()
    judge = Truth(server.client)
    path = server.run_dir / "cache.shm"

    def work(askers):
        for _ in range(8):
            asked_more(askers, 40)
            damage(path)
        asked_more(askers, 40)
    before = server.worker_pids()
    hits, _ = ask_while(server.client, judge, work)
    assert server.worker_pids() == before, "no worker died of it"
    assert hits > 0
    question = {"vector": vector(999), "limit": 3}
    answers = [server.client.ok("POST", "/v1/query", question)["stats"]["cache_hit"] for _ in range(6)]
    assert answers[0] is False and answers[-1] is True
    figures(server.client)


def test_reload_changes_the_size(make_server, folder):
    conf = folder / "vecstore.conf"
    conf.write_text("cache = 2\n")
    server = make_server(workers=2, args=["--config", conf]).start()
    client = server.client
    fill(client)
    assert figures(client)["capacity_bytes"] == 0 or figures(client)["capacity_bytes"] == 2 << 20
    client.query(vector(1))
    assert hit(client, vector(1)) and figures(client)["capacity_bytes"] == 2 << 20
    conf.write_text("cache = 5\n")
    server.reload()
    client.query(vector(1))
    assert hit(client, vector(1)) and figures(client)["capacity_bytes"] == 5 << 20
