# SPDX-License-Identifier: Apache-2.0
"""Many operations in one request."""

import threading

V = [1.0, 0.0, 0.0, 0.0]
W = [0.0, 1.0, 0.5, 0.25]


def execute(client, operations, **more):
    return client.post("/v1/batch-execute", {"operations": operations, **more})


def test_all_kinds(client):
    client.batch([{"id": i, "vector": V, "metadata": {"n": 1}} for i in ("a", "b", "c")])
    version = client.record("a").json()["version"]
    client.ok("POST", "/v1/soft-delete/c")
    reply = execute(
        client,
        [
            {"op": "upsert", "id": "d", "vector": W, "metadata": {"n": 2}},
            {"op": "update_metadata", "id": "d", "metadata": {"m": [1]}},
            {"op": "update_metadata", "id": "a", "metadata": {"n": None}},
            {"op": "delete", "id": "b"},
            {"op": "delete", "id": "never there"},
            {"op": "restore", "id": "c"},
            {"op": "soft_delete", "id": "a", "if_version": version + 1},
        ],
    ).json()
    assert reply.pop("duration_ms") > 0
    assert reply == {"succeeded": 7, "failed": 0, "errors": []}
    assert sorted(client.found(V)) == ["c", "d"]
    assert client.record("d", include_vector="true").json()["vector"] == W
    assert client.record("d").json()["metadata"] == {"n": 2, "m": [1]}
    assert client.record("a").json()["metadata"] == {}


def test_atomic(client):
    version = client.upsert("a", V, {"n": 1})["version"]
    before = client.stats()
    for bad, status, field in [
        ({"op": "update_metadata", "id": "none", "metadata": {}}, 404, "operations[2].id"),
        ({"op": "upsert", "id": "a", "vector": W, "if_version": version + 8}, 412, "operations[2].if_version"),
        ({"op": "upsert", "id": "a", "vector": [1]}, 400, "operations[2].vector"),
        ({"op": "explode", "id": "a"}, 400, "operations[2].op"),
    ]:
        reply = execute(client, [{"op": "delete", "id": "a"}, {"op": "upsert", "id": "b", "vector": V}, bad])
        assert (reply.status, reply.json()["field"]) == (status, field)
        assert client.record("a").json()["version"] == version
        assert client.record("b").status == 404
    after = client.stats()
    assert {**after, "cache_stats": 0, "storage_bytes": 0} == {**before, "cache_stats": 0, "storage_bytes": 0}


def test_not_atomic(client):
    version = client.upsert("a", V, {"n": 1})["version"]
    reply = execute(
        client,
        [
            {"op": "update_metadata", "id": "none", "metadata": {}},
            {"op": "update_metadata", "id": "a", "metadata": {"n": 2}},
            {"op": "explode", "id": "a"},
            {"op": "delete", "id": "a", "if_version": version},
        ],
        atomic=False,
    ).json()
    assert (reply["succeeded"], reply["failed"]) == (1, 3)
    errors = sorted(reply["errors"], key=lambda error: error["index"])
    assert [(error["index"], error["operation"], error["code"]) for error in errors] == [
        (0, "update_metadata", "not_found"),
        (2, "explode", "invalid_argument"),
        (3, "delete", "version_mismatch"),
    ]
    assert client.record("a").json()["metadata"] == {"n": 2}


def test_readers_see_all_or_nothing(client):
    """Two records change together: nobody sees one of them without the other."""
    client.batch([{"id": i, "vector": V, "metadata": {"n": 0}} for i in ("a", "b")])
    done = threading.Event()
    faults = []

    def write():
        for n in range(1, 60):
            reply = execute(client, [{"op": "update_metadata", "id": i, "metadata": {"n": n}} for i in ("a", "b")])
            if reply.status != 200:
                faults.append(reply)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        n = {record["metadata"]["n"] for record in client.page()["records"]}
        n2 = {result["metadata"]["n"] for result in client.query(V)["results"]}
        assert len(n) == len(n2) == 1
    writer.join()
    assert not faults


def test_ten_thousand(client):
    operations = [{"op": "upsert", "id": f"r{n}", "vector": V, "metadata": {"n": n}} for n in range(5000)]
    operations += [{"op": "update_metadata", "id": f"r{n}", "metadata": {"m": n}} for n in range(5000)]
    assert execute(client, operations).json()["succeeded"] == 10000
    assert client.ok("POST", "/v1/count", {"filter": "m >= 0 AND n >= 0"})["count"] == 5000
    assert execute(client, operations + operations[:1]).status == 413
