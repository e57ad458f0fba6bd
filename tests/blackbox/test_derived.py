# SPDX-License-Identifier: Apache-2.0
"""Derived files can go at any time: answers stay right, and the files come back (idea 3 of doc/architecture.md)."""

import threading

import numpy
import pytest

import conftest
import harness
import oracle
from harness import wait_for

DERIVED = ("live.bits", "graph.hnsw", "graph.up", "codes.i8", "rows.idx", "rows.dat",
           "columns/manifest", "columns/c000.codes", "columns/c000.dict")
COUNT = 5000


@pytest.fixture(scope="module")
def words():
    """5,000 stored records and 100 questions."""
    words = oracle.words(harness.WORDS, COUNT + 100)
    records = oracle.Records()
    for word in words[:COUNT]:
        records.put(word["id"], word["vector"], word["metadata"])
    return records, [word["vector"] for word in words[COUNT:]]


def fill(server, records):
    body = [
        {"id": i, "vector": oracle.encode_vector(v), "metadata": records.metadata[i]}
        for i, v in records.vectors.items()
    ]
    for start in range(0, COUNT, 1000):
        server.client.batch(body[start : start + 1000])
    client = server.client
    client.ok("POST", "/v1/delete", {"ids": [record["id"] for record in body[:200]]})
    client.ok("POST", "/v1/soft-delete", {"ids": [record["id"] for record in body[200:400]]})
    gone = [record["id"] for record in body[:400]]
    server.wait_indexed()
    wait_for(lambda: all((harness.generation(server.data) / name).exists() for name in DERIVED), "derived files")
    return gone


@pytest.fixture(scope="module")
def loaded(words):
    """A server with the records, some of them deleted: server, what is left, questions."""
    records, questions = words
    for server in conftest.serving():
        gone = set(fill(server, records))
        left = oracle.Records()
        for record_id, vector in records.vectors.items():
            if record_id not in gone:
                left.put(record_id, vector, records.metadata[record_id])
        yield server, left, questions


def verify(client, records, question):
    """Exact search is exact; the other one gives k live records with their true scores."""
    records.verify(client.query(question, limit=10, exact=True)["results"], question, 10)
    accept = lambda metadata: metadata.get("length") == 5
    records.verify(
        client.query(question, limit=10, exact=True, filter="length = 5")["results"], question, 10, accept=accept
    )
    scores = records.scores(question)
    results = client.query(question, limit=10)["results"]
    assert len(results) == 10 and len({result["id"] for result in results}) == 10
    assert all(oracle.close(result["score"], scores[result["id"]]) for result in results)


def recall(client, records, questions):
    ids = list(records.vectors)
    rows = numpy.array([records.vectors[record_id] for record_id in ids])
    return oracle.recall("cosine", rows, ids, questions, [client.found(question, limit=10) for question in questions])


class Asker(threading.Thread):
    """Asks and verifies until told to stop."""

    def __init__(self, client, records, questions):
        super().__init__()
        self.client, self.records, self.questions = client, records, questions
        self.done = threading.Event()
        self.asked = 0
        self.fault = None

    def run(self):
        while not self.done.is_set():
            try:
                verify(self.client, self.records, self.questions[self.asked % len(self.questions)])
                self.asked += 1
            except Exception as fault:  # handed to the test by stop()
                self.fault = fault
                return

    def stop(self):
        self.done.set()
        self.join()
        if self.fault:
            raise self.fault


@pytest.mark.parametrize("names", [[name] for name in DERIVED] + [list(DERIVED)], ids="+".join)
def test_deleted_while_serving(loaded, names):
    server, records, questions = loaded
    folder = harness.generation(server.data)
    asker = Asker(server.client, records, questions)
    asker.start()
    try:
        wait_for(lambda: asker.asked >= 3 or asker.fault, "answers before")
        for name in names:
            (folder / name).unlink()
        wait_for(lambda: all((folder / name).exists() for name in DERIVED) or asker.fault, f"{names} to come back", 120)
        server.wait_indexed()
        after = asker.asked + 3
        wait_for(lambda: asker.asked >= after or asker.fault, "answers after")
    finally:
        asker.stop()
    assert recall(server.client, records, questions) >= 0.95
    server.client.upsert("one more", questions[0])
    assert server.client.found(questions[0], limit=1) == ["one more"]
    server.client.delete("one more")
    harness.check_store(server.data)


def damage_nothing(path):
    path.unlink()


def damage_empty(path):
    path.write_bytes(b"")


def damage_garbage(path):
    path.write_bytes(numpy.random.default_rng(5).bytes(path.stat().st_size))


def damage_body(path):
    """The header stays, all else is garbage: entries out of range, codes of nothing."""
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.seek(min(4096, size // 2))
        file.write(numpy.random.default_rng(6).bytes(size - file.tell()))


def damage_half(path):
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size // 2)


@pytest.mark.parametrize("damage", [damage_nothing, damage_empty, damage_garbage, damage_body, damage_half])
def test_damaged_before_a_start(loaded, damage):
    """Whatever the derived files hold: right answers from the first on. Garbage among a graph's links may cost recall;
    deleting the files brings it back."""
    server, records, questions = loaded
    server.stop()
    folder = harness.generation(server.data)
    for name in DERIVED:
        damage(folder / name)
    server.start()
    for question in questions[:5]:
        verify(server.client, records, question)
    server.wait_indexed()
    wait_for(lambda: all((folder / name).exists() for name in DERIVED), "derived files")
    if damage is damage_body:
        for name in DERIVED:
            (folder / name).unlink()
        wait_for(lambda: all((folder / name).exists() for name in DERIVED), "derived files")
        server.wait_indexed()
    for question in questions[:5]:
        verify(server.client, records, question)
    assert recall(server.client, records, questions) >= 0.95
    harness.check_store(server.data)
