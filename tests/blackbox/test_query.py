# SPDX-License-Identifier: Apache-2.0
"""Queries: the right answers by every metric, with every option, at once after every write, and k of them (I6)."""

import os
import signal
import threading

import numpy
import pytest

import conftest
import harness
import oracle

DIMENSION = 12

FILTERS = {
    "n = 7": lambda m: m.get("n") == 7,
    "n != 7": lambda m: "n" in m and m["n"] != 7,
    "n < 10 OR n >= 190": lambda m: "n" in m and (m["n"] < 10 or m["n"] >= 190),
    "n BETWEEN 20 AND 30": lambda m: "n" in m and 20 <= m["n"] <= 30,
    "color IN ['red', 'blue']": lambda m: m.get("color") in ("red", "blue"),
    "color not in ('red')": lambda m: "color" in m and m["color"] != "red",
    "NOT color = 'red'": lambda m: m.get("color") != "red",
    "color IS NULL": lambda m: m.get("color") is None,
    "color IS NOT NULL and even = true": lambda m: m.get("color") is not None and m.get("even") is True,
    'color STARTSWITH "r"': lambda m: m.get("color", "").startswith("r"),
    "color CONTAINS 'e'": lambda m: "e" in m.get("color", ""),
    "tags CONTAINS 't3'": lambda m: "t3" in m.get("tags", []),
    "nested.x.y = 3 AND (even = false OR n > 100)": lambda m: m.get("nested", {}).get("x", {}).get("y") == 3
    and (m["even"] is False or m["n"] > 100),
    "@id = 'r-50'": lambda m: m.get("n") == 50,
    "n = 1e9": lambda m: False,
    '{"$or": [{"n": {"$lt": 10}}, {"nested.x.y": 3, "even": false}]}': lambda m: "n" in m
    and (m["n"] < 10 or (m["nested"]["x"]["y"] == 3 and not m["even"])),
    '{"color": {"$nin": ["red"]}}': lambda m: "color" in m and m["color"] != "red",
    "ratio > 0.5": lambda m: m.get("ratio", 0) > 0.5,
}


def metadata(n):
    if n % 20 == 19:
        return {}
    fields = {"n": n, "even": n % 2 == 0, "tags": [f"t{n % 5}", "all"], "nested": {"x": {"y": n % 4}}, "ratio": n / 200}
    if n % 7:
        fields["color"] = ("red", "green", "blue", "rosé")[n % 4]
    return fields


def filled(metric, count, seed=1):
    """Records of few distinct values, zeros among them, so that the set metrics have something to count."""
    rng = numpy.random.default_rng(seed)
    records = oracle.Records(metric)
    for n in range(count):
        vector = numpy.round(rng.normal(size=DIMENSION), 1) * (rng.random(DIMENSION) < 0.7)
        vector[n % DIMENSION] = 0.5 + n / 1000
        records.put(f"r-{n}", vector, metadata(n))
    return records


@pytest.fixture(scope="module", params=oracle.METRICS)
def loaded(request):
    """A server per metric, and what it holds."""
    for server in conftest.serving(args=["--metric", request.param]):
        records = filled(request.param, 200)
        server.client.batch(records.as_json())
        yield server.client, records


@pytest.fixture(scope="module")
def cosine():
    for server in conftest.serving():
        records = filled("cosine", 200)
        server.client.batch(records.as_json())
        yield server.client, records


def queries(count=3):
    rng = numpy.random.default_rng(2)
    return [numpy.round(rng.normal(size=DIMENSION), 1) for _ in range(count)]


def test_metric_oracle(loaded):
    client, records = loaded
    assert client.stats()["metric"] == records.metric
    assert client.stats()["dimension"] == DIMENSION
    for query in queries():
        for limit in (1, 10, 200, 1000):
            answer = client.query(query, limit=limit)
            records.verify(answer["results"], query, limit)
            assert answer["stats"]["total_candidates"] == 200
            assert answer["stats"]["filtered_count"] == 200
            assert answer["stats"]["duration_ms"] >= 0
        records.verify(client.query(query)["results"], query, 10)
        records.verify(client.query(query, exact=True)["results"], query, 10)
        records.verify(client.query(query, offset=5, limit=7)["results"], query, 7, offset=5)


def test_metric_min_score(loaded):
    client, records = loaded
    for query in queries():
        ordered = sorted(records.scores(query).values(), reverse=records.metric in oracle.HIGHER_IS_NEARER)
        gap = next(i for i in range(20, 200) if abs(ordered[i] - ordered[i - 1]) > 1e-3)
        bound = (ordered[gap] + ordered[gap - 1]) / 2
        records.verify(client.query(query, limit=100, min_score=bound)["results"], query, 100, min_score=bound)


def test_metric_by_id(loaded):
    client, records = loaded
    for name in ("r-0", "r-57"):
        found = client.query(id=name, limit=15)["results"]
        records.verify(found, records.vectors[name], 15, leave_out=[name])


@pytest.mark.parametrize("metric", oracle.METRICS)
def test_metric_at_the_ends_of_float32(make_server, metric):
    """Whatever finite numbers are stored and asked, scores are finite and an equal vector is among the nearest."""
    client = make_server(args=["--metric", metric]).start().client
    vectors = [
        [3.4e38, -3.4e38, 3.4e38],
        [-3.4e38, 3.4e38, 3.4e38],
        [1e-38, 1e-38, 1e-38],
        [1e38, 1e-30, 1],
        [1, 2, 3],
        [-1, -2, -3],
    ]
    client.batch([{"id": str(n), "vector": vector} for n, vector in enumerate(vectors)])
    for n, vector in enumerate(vectors):
        results = client.query(vector, limit=10)["results"]
        scores = [result["score"] for result in results]
        assert len(results) == len(vectors)
        assert scores == sorted(scores, reverse=metric in oracle.HIGHER_IS_NEARER)
        if metric != "dot":
            assert results[0]["score"] == next(result["score"] for result in results if result["id"] == str(n))
        assert len(client.query(id=str(n))["results"]) == len(vectors) - 1


@pytest.mark.parametrize("text", FILTERS)
def test_filter_oracle(cosine, text):
    client, records = cosine
    accept = FILTERS[text]
    matches = sum(accept(fields) for fields in records.metadata.values())
    for query in queries():
        answer = client.query(query, filter=text, limit=25)
        records.verify(answer["results"], query, 25, accept=accept)
        assert answer["stats"]["filtered_count"] == matches
        records.verify(
            client.query(query, filter=text, limit=3, offset=2)["results"], query, 3, offset=2, accept=accept
        )
    page = client.pages(filter=text, limit=9)
    assert len(page) == matches and all(accept(record["metadata"]) for record in page)


def test_what_results_hold(cosine):
    client, records = cosine
    query = queries()[0]
    plain = client.query(query, limit=3)["results"]
    assert all(set(result) == {"id", "score", "metadata"} for result in plain)
    assert all(result["metadata"] == records.metadata[result["id"]] for result in plain)
    bare = client.query(query, limit=3, include_metadata=False)["results"]
    assert all(set(result) == {"id", "score"} for result in bare)
    full = client.query(query, limit=3, include_vector=True)["results"]
    for result in full:
        assert oracle.decode_vector(result["vector"]).tobytes() == records.vectors[result["id"]].tobytes()


def test_limits_of_paging(cosine):
    client, _ = cosine
    query = queries()[0]
    assert len(client.found(query, limit=10000)) == 200
    assert client.found(query, limit=10, offset=200) == []
    assert client.found(query, limit=10, offset=195) == client.found(query, limit=200)[195:]
    assert client.found(query, namespace="default") == client.found(query)


def test_query_by_unknown_id(cosine):
    client, _ = cosine
    reply = client.post("/v1/query", {"id": "none"})
    assert reply.status == 404 and "id" in reply.error()


def test_visible_at_once(fresh):
    """Each acknowledged write is in the very next answer, whichever worker gives it, over a new connection."""
    client = fresh.client
    faults = []

    def write(number):
        rng = numpy.random.default_rng(number)
        try:
            for n in range(60):
                name, vector = f"w{number}-{n}", rng.normal(size=8)
                client.upsert(name, vector)
                assert client.found(vector, limit=1) == [name]
                moved = -vector
                client.upsert(name, moved)
                assert client.found(moved, limit=1) == [name]
                assert client.query(vector, limit=1)["results"][0]["id"] != name or n == 0
                if n % 3 == 0:
                    client.ok("POST", "/v1/soft-delete/" + name)
                    assert name not in client.found(moved, limit=3)
                    client.ok("POST", "/v1/restore/" + name)
                    assert client.found(moved, limit=1) == [name]
                if n % 3 == 1:
                    client.delete(name)
                    assert name not in client.found(moved, limit=3)
        except AssertionError as fault:
            faults.append(fault)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults, faults


@pytest.fixture(scope="module")
def indexed():
    """5,000 records of dimension 12 in a graph, metadata to select by, most of them soft-deleted later."""
    for server in conftest.serving():
        records = filled("cosine", 5000, seed=3)
        body = records.as_json()
        server.client.batch(body)
        server.wait_indexed()
        yield server, records


@pytest.mark.parametrize(
    "text,accept",
    [
        ("n = 4321", lambda m: m.get("n") == 4321),
        ("n < 12", lambda m: m.get("n", 99) < 12),
        ("n BETWEEN 1000 AND 1050", lambda m: 1000 <= m.get("n", 0) <= 1050),
        ("even = true AND color = 'red'", lambda m: m.get("even") is True and m.get("color") == "red"),
        ("tags CONTAINS 'all'", lambda m: "all" in m.get("tags", [])),
    ],
)
def test_k_results_whenever_k_match(indexed, text, accept):
    """I6, over the graph: as many results as match, however few of all records do."""
    server, records = indexed
    assert server.client.stats()["indexed_vectors"] >= 5000
    matches = sum(accept(fields) for fields in records.metadata.values())
    for query in queries():
        for limit, ef in ((1, None), (10, 10), (60, None), (500, 500)):
            answer = server.client.query(query, filter=text, limit=limit, **({"ef": ef} if ef else {}))
            assert len(answer["results"]) == min(limit, matches)
            assert all(accept(result["metadata"]) for result in answer["results"])
            assert len({result["id"] for result in answer["results"]}) == len(answer["results"])
        records.verify(
            server.client.query(query, filter=text, limit=20, exact=True)["results"], query, 20, accept=accept
        )


def test_k_results_among_the_soft_deleted(indexed):
    """I6: nineteen of twenty soft-deleted around the query, and all that remain are found."""
    server, records = indexed
    query = queries()[0]
    scores = records.scores(query)
    ordered = sorted(scores, key=lambda name: -scores[name])
    gone = [i for n, i in enumerate(ordered[:4000]) if n % 20]
    for name in gone[:20]:
        server.client.ok("POST", "/v1/soft-delete", {"id": name})
    server.client.ok("POST", "/v1/soft-delete", {"ids": gone[20:]})
    try:
        for limit in (1, 10, 100, 1000):
            found = server.client.found(query, limit=limit)
            assert len(found) == limit and len(set(found)) == limit
            assert not set(found) & set(gone)
        records.verify(server.client.query(query, limit=50, exact=True)["results"], query, 50, leave_out=gone)
    finally:
        server.client.ok("POST", "/v1/restore", {"ids": gone})


def test_real_words(fresh):
    """5,000 real vectors: exact while the indexer stands still, recall@10 of at least 0.95 once it is through."""
    words = oracle.words(harness.WORDS, 5200)
    stored, held_out = words[:5000], words[5000:]
    ids = [word["id"] for word in stored]
    rows = numpy.array([word["vector"] for word in stored])
    questions = [word["vector"] for word in held_out]
    indexer = fresh.wait_whole()[1]
    os.kill(indexer, signal.SIGSTOP)
    try:
        for start in range(0, 5000, 1000):
            fresh.client.batch(
                [
                    {"id": word["id"], "vector": oracle.encode_vector(word["vector"]), "metadata": word["metadata"]}
                    for word in stored[start : start + 1000]
                ]
            )
        assert fresh.client.stats()["indexed_vectors"] == 0
        answers = [fresh.client.found(question, limit=10) for question in questions]
        assert oracle.recall("cosine", rows, ids, questions, answers) == 1
    finally:
        os.kill(indexer, signal.SIGCONT)
    fresh.wait_indexed()
    assert fresh.client.stats()["indexed_vectors"] == 5000
    answers = [fresh.client.found(question, limit=10) for question in questions]
    assert oracle.recall("cosine", rows, ids, questions, answers) >= 0.95
    answers = [fresh.client.found(question, limit=10, exact=True) for question in questions]
    assert oracle.recall("cosine", rows, ids, questions, answers) == 1
