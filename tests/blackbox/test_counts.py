# SPDX-License-Identifier: Apache-2.0
"""Counts and facets against Python's own counting, before and after columns are there."""

import collections
import random
import time

V = [1.0, 0.0, 0.0, 0.0]


def facet(client, field, **more):
    values = client.ok("POST", "/v1/facet", {"field": field, **more})["values"]
    counts = [entry["count"] for entry in values]
    assert counts == sorted(counts, reverse=True)
    return {entry["value"]: entry["count"] for entry in values}


def expected(records, field, accepts=lambda metadata: True):
    counts = collections.Counter()
    for metadata in records.values():
        value = metadata.get(field)
        if accepts(metadata) and field in metadata:
            counts.update(set(value) if isinstance(value, list) else [value])
    return dict(counts)


def compare(client, records):
    assert client.ok("POST", "/v1/count", {})["count"] == len(records)
    assert client.ok("POST", "/v1/count", {"filter": "n < 500"})["count"] == sum(m["n"] < 500 for m in records.values())
    for field in ("kind", "tags", "price", "flag", "missing"):
        assert facet(client, field) == expected(records, field)
        assert facet(client, field, filter="n < 500 AND kind != 'k1'") == expected(
            records, field, lambda m: m["n"] < 500 and m["kind"] != "k1"
        )
    assert sum(facet(client, "kind", limit=2).values()) == sum(
        count for _, count in collections.Counter(expected(records, "kind")).most_common(2)
    )


def make(rng, n):
    return {
        "n": n,
        "kind": f"k{rng.randrange(7)}",
        "tags": [f"t{rng.randrange(5)}" for _ in range(rng.randrange(4))],
        "flag": rng.random() < 0.3,
        **({"price": rng.choice([1.5, 2.25, 1e6])} if n % 3 else {}),
    }


def test_counts_and_facets(client):
    rng = random.Random(7)
    records = {f"r{n}": make(rng, n) for n in range(3000)}
    client.batch([{"id": i, "vector": V, "metadata": m} for i, m in records.items()])
    compare(client, records)
    for n in range(0, 3000, 40):
        records[f"r{n}"] = make(rng, n)
        client.upsert(f"r{n}", V, records[f"r{n}"])
    assert client.ok("POST", "/v1/delete", {"filter": "n BETWEEN 600 AND 700"})["deleted"] == 101
    records = {i: m for i, m in records.items() if not 600 <= m["n"] <= 700}
    client.ok("POST", "/v1/soft-delete/r1")
    del records["r1"]
    compare(client, records)
    time.sleep(1.5)  # the indexer has filled columns, or not: the answers are the same
    compare(client, records)


def test_nothing_to_count(client):
    assert client.ok("POST", "/v1/count", {})["count"] == 0
    assert client.ok("POST", "/v1/facet", {"field": "a"}) == {"values": []}
    assert client.post("/v1/count", {"filter": "a >"}).json()["position"] == 3
    assert client.post("/v1/facet", {"field": "@id"}).json()["field"] == "field"
    assert client.post("/v1/facet", {"field": "a", "namespace": "none"}).status == 404
