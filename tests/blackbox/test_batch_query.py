# SPDX-License-Identifier: Apache-2.0
"""batch-query: each answer is the right one, and the one that the query alone gets."""

import numpy
import pytest

import conftest
import harness
import oracle
from test_query import DIMENSION, filled


@pytest.fixture(scope="module", params=oracle.METRICS)
def loaded(request):
    """A server per metric, and what it holds."""
    for server in conftest.serving(args=["--metric", request.param]):
        records = filled(request.param, 300)
        server.client.batch(records.as_json())
        yield server.client, records


def ask(client, queries, **fields):
    answer = client.ok("POST", "/v1/batch-query", {"queries": queries, **fields})
    assert set(answer) == {"results"} and len(answer["results"]) == len(queries)
    for one in answer["results"]:
        assert set(one) == {"results", "stats"}
        assert set(one["stats"]) == {"total_candidates", "filtered_count", "duration_ms", "cache_hit"}
        assert one["stats"]["cache_hit"] is False and one["stats"]["duration_ms"] >= 0
    return answer["results"]


def vectors(count, seed=4):
    rng = numpy.random.default_rng(seed)
    return [[float(x) for x in numpy.round(rng.normal(size=DIMENSION), 1)] for _ in range(count)]


def same(one, other):
    assert one["results"] == other["results"]
    for name in ("total_candidates", "filtered_count"):
        assert one["stats"][name] == other["stats"][name]


@pytest.mark.parametrize("count", [1, 2, 5, 60])
def test_batch_oracle(loaded, count):
    client, records = loaded
    queries = [{"vector": vector, "limit": 1 + i % 30} for i, vector in enumerate(vectors(count))]
    for query, answer in zip(queries, ask(client, queries)):
        records.verify(answer["results"], query["vector"], query["limit"])
        assert answer["stats"]["total_candidates"] == answer["stats"]["filtered_count"] == 300
        same(answer, client.ok("POST", "/v1/query", query))


def test_every_option(loaded):
    client, _ = loaded
    vector = vectors(1)[0]
    queries = [
        {"vector": vector},
        {"vector": oracle.encode_vector(vector), "limit": 4},
        {"id": "r-17", "limit": 7},
        {"id": "r-17", "limit": 7, "exact": True, "include_vector": True},
        {"vector": vector, "filter": "n < 50", "offset": 3},
        {"vector": vector, "filter": "color = 'red' OR even = true", "include_metadata": False},
        {"vector": vector, "filter": "n < 50", "limit": 100},
        {"vector": vector, "filter": "n = -1"},
        {"vector": vector, "min_score": 0.4, "limit": 300, "ef": 400},
        {"vector": vector, "namespace": "default"},
    ]
    for query, answer in zip(queries, ask(client, queries, namespace="default")):
        same(answer, client.ok("POST", "/v1/query", query))
    assert ask(client, []) == []


def test_through_the_graph():
    """5,000 real words, linked: a batch's answers over the graph are good, its exact ones true, and new records are seen."""
    words = oracle.words(harness.WORDS, 5100)
    stored, held_out = words[:5000], words[5000:]
    ids = [word["id"] for word in stored]
    rows = numpy.array([word["vector"] for word in stored])
    questions = [word["vector"] for word in held_out]
    for server in conftest.serving():
        client = server.client
        for start in range(0, 5000, 1000):
            client.batch(
                [{"id": w["id"], "vector": oracle.encode_vector(w["vector"])} for w in stored[start : start + 1000]]
            )
        server.wait_indexed()
        for size, exact, least in ((4, False, 0.95), (100, False, 0.95), (100, True, 1)):
            answers = []
            for start in range(0, 100, size):
                queries = [{"vector": oracle.encode_vector(q), "exact": exact} for q in questions[start : start + size]]
                answers += ask(client, queries)
            found = [[result["id"] for result in answer["results"]] for answer in answers]
            assert oracle.recall("cosine", rows, ids, questions, found) >= least
        for number, question in enumerate(questions[:5]):
            client.upsert(f"new-{number}", question)
            queries = [{"vector": oracle.encode_vector(q), "limit": 1} for q in questions[: number + 1]]
            nearest = [answer["results"][0]["id"] for answer in ask(client, queries)]
            assert nearest == [f"new-{i}" for i in range(number + 1)]
