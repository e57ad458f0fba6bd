# SPDX-License-Identifier: Apache-2.0
"""What queries can ask besides the nearest: ranges, diversity, groups, fields; explained, foretold, by examples."""

import numpy
import pytest

import conftest
import test_query

GROUP = {"group_by": "color", "groups": 3, "group_size": 2}


@pytest.fixture(scope="module", params=["cosine", "dot", "euclidean", "hamming"])
def loaded(request):
    for server in conftest.serving(args=["--metric", request.param]):
        records = test_query.filled(request.param, 200)
        server.client.batch(records.as_json())
        yield server.client, records


@pytest.fixture(scope="module")
def client():
    for server in conftest.serving():
        server.client.batch(test_query.filled("cosine", 200).as_json())
        yield server.client


def distance(metric, score):
    return {"cosine": 1 - score, "dot": -score}.get(metric, score)


def test_range(loaded):
    client, records = loaded
    for query in test_query.queries():
        distances = sorted(distance(records.metric, score) for score in records.scores(query).values())
        gap = next((i for i in range(20, 200) if distances[i] - distances[i - 1] > 1e-3), None)
        bound = (distances[gap] + distances[gap - 1]) / 2
        assert len(client.query(query, limit=150, max_distance=bound)["results"]) == min(gap, 150)
        assert len(client.query(query, limit=5, max_distance=bound)["results"]) == 5


def test_groups_hold_the_best_per_value(loaded):
    client, records = loaded
    query = test_query.queries()[0]
    for _ in range(2):  # the second time from the cache
        answer = client.query(query, **GROUP, exact=True)
        best = {}
        for name, score in records.scores(query).items():
            color = records.metadata[name].get("color")
            if color:
                best.setdefault(color, []).append(distance(records.metric, score))
        nearest = sorted(min(found) for found in best.values())[:3]
        assert [distance(records.metric, g["results"][0]["score"]) for g in answer["groups"]] == pytest.approx(nearest, abs=1e-4)
        for group in answer["groups"]:
            assert {r["metadata"]["color"] for r in group["results"]} == {group["value"]}
            found = [distance(records.metric, r["score"]) for r in group["results"]]
            assert found == pytest.approx(sorted(best[group["value"]])[:2], abs=1e-4)
    assert answer["stats"]["cache_hit"] is True


def test_fields(client):
    query = test_query.queries()[0]
    for result in client.query(query, limit=200, fields=["n", "nested.x"])["results"]:
        assert set(result["metadata"]) <= {"n", "nested"}
        assert "nested" not in result["metadata"] or set(result["metadata"]["nested"]) == {"x"}
    batch = client.ok("POST", "/v1/batch-query", {"queries": [{"vector": list(query), "fields": ["n"]}]})
    assert all(set(result["metadata"]) <= {"n"} for result in batch["results"][0]["results"])


def test_diversity(client):
    query = test_query.queries()[0]
    plain = [r["id"] for r in client.query(query, limit=5)["results"]]
    diverse = [r["id"] for r in client.query(query, limit=5, diversity=0.7, candidates=100)["results"]]
    assert diverse[0] == plain[0] and len(set(diverse)) == 5 and diverse != plain
    assert [r["id"] for r in client.query(query, limit=5, diversity=0, offset=0)["results"]] == plain


def test_explain(client):
    query = {"vector": list(test_query.queries()[0]), "limit": 4, "filter": "n < 100"}
    answer = client.ok("POST", "/v1/query-explain", {**query, "compare_exact": True})
    plain = client.query(**query)
    assert [r["id"] for r in answer["results"]] == [r["id"] for r in plain["results"]]
    assert answer["plan"]["path"] == "exact_rows" and answer["plan"]["rows_hydrated"] == 4
    assert answer["plan"]["distances_computed"] == answer["stats"]["filtered_count"] == 95
    assert answer["comparison"]["recall"] == 1
    parts = answer["results"][0]["explanation"]
    cosine = parts["dot_product"] / parts["query_norm"] / parts["record_norm"]
    assert cosine == pytest.approx(answer["results"][0]["score"], abs=1e-5)
    assert "comparison" not in client.ok("POST", "/v1/query-explain", query)


def test_estimate(client):
    vector = list(test_query.queries()[0])
    answer = client.ok("POST", "/v1/query-estimate", {"vector": vector, "filter": "n < 100", "ef": 5})
    assert answer["valid"] is True and answer["errors"] == []
    assert answer["estimated_matches"] == answer["estimated_distance_calculations"] == 95
    assert any(text.startswith("ef is below") for text in answer["recommendations"])
    for bad, field in (({"vector": vector, "filter": "n <"}, "filter"), ({"vector": [1]}, "vector"),
                       ({"id": "nobody"}, "id"), ({"vector": vector, "limit": 0}, "limit"), ({"what": 1}, "what")):
        answer = client.ok("POST", "/v1/query-estimate", bad)
        assert answer["valid"] is False and answer["errors"][0]["field"] == field
    assert client.post("/v1/query-estimate", {"vector": vector, "namespace": "nowhere"}).status == 404


def test_recommend(client):
    answer = client.ok("POST", "/v1/recommend", {"positive": ["r-1", "r-5"], "negative": ["r-9"], "limit": 8})
    names = [r["id"] for r in answer["results"]]
    assert len(names) == 8 and not {"r-1", "r-5", "r-9"} & set(names)
    vector = list(test_query.queries()[1])
    by_vector = client.ok("POST", "/v1/recommend", {"positive": [vector], "limit": 8})
    assert [r["id"] for r in by_vector["results"]] == [r["id"] for r in client.query(vector, limit=8)["results"]]
    assert client.ok("POST", "/v1/recommend", {"positive": [{"vector": vector}], "limit": 8})["results"] == by_vector["results"]
    missing = client.post("/v1/recommend", {"positive": ["r-1", "r-2", "nobody"]})
    assert missing.status == 404 and missing.json()["field"] == "positive[2]"


V = [0.5] * test_query.DIMENSION


@pytest.mark.parametrize("body, field", [
    ({"max_distance": "near"}, "max_distance"),
    ({"max_distance": -1}, "max_distance"),
    ({"max_distance": 1, "min_score": 0}, "max_distance"),
    ({"diversity": 2}, "diversity"),
    ({"diversity": "much"}, "diversity"),
    ({"candidates": 50}, "candidates"),
    ({"diversity": 0.5, "candidates": 5}, "candidates"),
    ({"diversity": 0.5, "limit": 1001}, "limit"),
    ({"group_by": 7}, "group_by"),
    ({"group_by": "a = 1 OR b"}, "group_by"),
    ({"group_by": "a", "limit": 3}, "limit"),
    ({"group_by": "a", "offset": 3}, "offset"),
    ({"group_by": "a", "diversity": 0.5}, "diversity"),
    ({"group_by": "a", "groups": 0}, "groups"),
    ({"group_by": "a", "group_size": 101}, "group_size"),
    ({"group_by": "a", "group_size": 100, "groups": 1000}, "group_size"),
    ({"groups": 3}, "groups"),
    ({"fields": "n"}, "fields"),
    ({"fields": []}, "fields"),
    ({"fields": ["n", 3]}, "fields[1]"),
    ({"fields": ["n", "a..b"]}, "fields[1]"),
    ({"fields": ["n"], "include_metadata": False}, "fields"),
    ({"compare_exact": True}, "compare_exact"),
])
def test_bad_fields_are_named(client, body, field):
    answer = client.post("/v1/query", {"vector": V, **body})
    assert (answer.status, answer.json()["field"]) == (400, field)


@pytest.mark.parametrize("path, body, field", [
    ("/v1/query-explain", {"vector": V, "group_by": "n"}, "group_by"),
    ("/v1/query-explain", {"vector": V, "compare_exact": 1}, "compare_exact"),
    ("/v1/query-explain", {"vector": V, "id": "r-1"}, "vector"),
    ("/v1/batch-query", {"queries": [{"vector": V}, {"vector": V, "group_by": "n"}]}, "queries[1].group_by"),
    ("/v1/recommend", {}, "positive"),
    ("/v1/recommend", {"positive": "r-1"}, "positive"),
    ("/v1/recommend", {"positive": ["r-1", 3]}, "positive[1]"),
    ("/v1/recommend", {"positive": ["r-1", [1, "x"]]}, "positive[1]"),
    ("/v1/recommend", {"positive": ["r-1", [1, 2]]}, "positive[1]"),
    ("/v1/recommend", {"positive": ["r-1", {"ID": 1}]}, "positive[1].ID"),
    ("/v1/recommend", {"positive": [V], "negative": [None]}, "negative[0]"),
    ("/v1/recommend", {"positive": ["r-1"], "strategy": "best"}, "strategy"),
    ("/v1/recommend", {"positive": ["r-1"], "vector": V}, "vector"),
    ("/v1/recommend", {"positive": ["r-1"], "group_by": "n"}, "group_by"),
])
def test_bad_requests_are_named(client, path, body, field):
    answer = client.post(path, body)
    assert (answer.status, answer.json()["field"]) == (400, field)


def test_raw_vector(client):
    raw = numpy.asarray(V, dtype="<f4").tobytes()
    answer = client.request("POST", "/v1/query?group_by=color&groups=2&group_size=1&fields=color", raw, "application/octet-stream")
    assert answer.status == 200 and len(answer.json()["groups"]) == 2
    bad = client.request("POST", "/v1/query?max_distance=x", raw, "application/octet-stream")
    assert (bad.status, bad.json()["field"]) == (400, "max_distance")
