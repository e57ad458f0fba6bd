# SPDX-License-Identifier: Apache-2.0
"""Records that expire: gone from every answer at once, in every worker, and swept by the indexer."""

import time

import harness

V = [1.0, 0.0, 0.0, 0.0]


def wait_until(seconds):
    while time.time() < seconds:
        time.sleep(0.01)


def test_expired_everywhere(client):
    client.batch([{"id": f"k{i}", "vector": V, "metadata": {"n": 1}} for i in range(5)])
    end = time.time() + 2.5
    records = [{"id": f"e{i}", "vector": V, "metadata": {"n": 1}, "expires_at": int(end * 1000)} for i in range(5)]
    client.batch(records)
    kept = [f"k{i}" for i in range(5)]
    gone = [f"e{i}" for i in range(5)]
    for _ in range(4):  # so that each worker has bitmaps and answers of before
        assert sorted(client.found(V, filter="n = 1", limit=100)) == sorted(gone + kept)
        assert sorted(client.found(V, limit=100)) == sorted(gone + kept)
        assert client.ok("POST", "/v1/count", {"filter": "n = 1"})["count"] == 10
    assert client.record("e0").json()["expires_at"].startswith("20")
    wait_until(end)
    for _ in range(4):
        assert sorted(client.found(V, filter="n = 1", limit=100)) == kept
        assert sorted(client.found(V, limit=100)) == kept
        assert [record["id"] for record in client.pages(limit=3, include_deleted="true")] == kept
        assert client.ok("POST", "/v1/count", {"filter": "n = 1"})["count"] == 5
        assert client.ok("POST", "/v1/facet", {"field": "n"})["values"] == [{"value": 1, "count": 5}]
        assert client.record("e0").status == 404
        assert client.post("/v1/query", {"id": "e0"}).status == 404
        assert client.stats()["total_vectors"] == 5
    assert client.ok("POST", "/v1/delete", {"ids": gone}) == {"found": 0, "deleted": 0}
    assert client.upsert("e0", V)["version"] > 1


def test_swept(server, client):
    """The rows go, though nobody asks for them."""
    client.batch([{"id": f"r{i}", "vector": V, "ttl_seconds": 1} for i in range(100)])
    assert client.stats()["total_vectors"] == 100
    deadline = time.time() + 30
    import sqlite3  # reads beside the server, as `sqlite3 -readonly` would

    while True:
        left, expiry = None, None
        try:  # a compaction may take the generation away
            database = harness.generation(server.data) / "meta.db"
            connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
            left = connection.execute("SELECT count(*) FROM record").fetchone()[0]
            expiry = connection.execute("SELECT expiry FROM state").fetchone()[0]
            connection.close()
        except sqlite3.OperationalError:
            pass
        if (left, expiry) == (0, 0):
            break
        assert time.time() < deadline, left
        time.sleep(0.2)


def test_a_ttl_that_is_renewed(client):
    client.ok("POST", "/v1/upsert", {"id": "a", "vector": V, "ttl_seconds": 1})
    client.ok("POST", "/v1/upsert", {"id": "b", "vector": V, "ttl_seconds": 1})
    client.ok("POST", "/v1/upsert", {"id": "a", "vector": V, "ttl_seconds": 60})
    client.ok("POST", "/v1/upsert", {"id": "b", "vector": V})
    end = time.time() + 1.1
    wait_until(end)
    assert sorted(client.found(V)) == ["a", "b"]
    assert "expires_at" in client.record("a").json()
    assert "expires_at" not in client.record("b").json()
