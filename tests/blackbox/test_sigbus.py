# SPDX-License-Identifier: Apache-2.0
"""A file that is cut short while it is mapped: a clear answer to the request in hand, and no wrong one after it."""

import numpy
import pytest

import conftest
import harness
import oracle
from harness import wait_for

COUNT = 3000


@pytest.fixture
def loaded():
    """A server with 3,000 linked records and one worker, which has them mapped: server, a question."""
    words = oracle.words(harness.WORDS, COUNT + 1)
    for server in conftest.serving(workers=1):
        for start in range(0, COUNT, 1000):
            server.client.batch([{"id": word["id"], "vector": oracle.encode_vector(word["vector"])}
                                 for word in words[start:start + 1000]])
        server.wait_indexed()
        server.client.query(words[COUNT]["vector"], limit=10)
        yield server, words[COUNT]["vector"]


def cut(path, size):
    with open(path, "r+b") as file:
        file.truncate(size)


def ask(server, question, **options):
    return server.client.post("/v1/query", {"vector": [float(x) for x in question], "limit": 10, **options})


def test_vectors_cut_short(loaded):
    """503 for the request that meets it, then 500 naming the file; the server lives, and heals with the file."""
    server, question = loaded
    path = harness.generation(server.data) / "vectors.f32"
    whole = path.read_bytes()
    cut(path, 8192)
    answer = ask(server, question, exact=True)
    assert answer.status == 503 and answer.headers["retry-after"] == "1", answer
    assert "cut short" in answer.error()
    answer = ask(server, question, exact=True)
    assert answer.status == 500 and answer.json()["code"] == "corrupt" and "vectors.f32" in answer.error(), answer
    assert server.client.get("/health").status == 200
    path.write_bytes(whole)
    assert ask(server, question, exact=True).status == 200


def test_vectors_cut_short_under_threads():
    """The same when threads share the scan, whichever of them meets the end: 503 from the request's own."""
    rng = numpy.random.default_rng(5)
    rows = rng.normal(size=(20000, 4))
    for server in conftest.serving(workers=1, args=["--metric", "chebyshev"], env={"VECSTORE_SCAN_THREADS": "4"}):
        for start in range(0, len(rows), 5000):
            server.client.batch([{"id": f"r{start + i}", "vector": [float(x) for x in row]}
                                 for i, row in enumerate(rows[start:start + 5000])])
        path = harness.generation(server.data) / "vectors.f32"
        whole = path.read_bytes()
        for number, size in enumerate((8192, len(whole) // 2 & ~4095) * 3, 1):
            assert ask(server, rows[7]).json()["results"][0]["id"] == "r7"
            cut(path, size)
            answer = server.client.post("/v1/batch-query", {"queries": [{"id": "r3"}] * number})
            assert answer.status == 503 and "cut short" in answer.error(), answer
            assert server.client.post("/v1/query", {"id": "r3"}).json()["code"] == "corrupt"
            path.write_bytes(whole)


@pytest.mark.parametrize("name", ["graph.hnsw", "graph.up", "codes.i8"])
def test_graph_cut_short(loaded, name):
    """Derived: exact answers stay, at most the request in hand is lost, and the indexer makes it again."""
    server, question = loaded
    want = [result["id"] for result in server.client.query(question, limit=10, exact=True)["results"]]
    path = harness.generation(server.data) / name
    cut(path, 8192)
    statuses = [ask(server, question).status for _ in range(20)]
    assert set(statuses) <= {200, 503} and statuses.count(503) <= 1
    assert [result["id"] for result in server.client.query(question, limit=10, exact=True)["results"]] == want
    path.unlink()
    wait_for(path.exists, f"{name} made again")
    server.wait_indexed()
    found = [result["id"] for result in server.client.query(question, limit=10)["results"]]
    assert len(numpy.intersect1d(found, want)) >= 8
