# SPDX-License-Identifier: Apache-2.0
"""Records: stored, changed, deleted, brought back, read one by one and by page."""

import json
import re
import socket
import struct
import threading

import numpy
import pytest

import oracle
from client import quote

V = [1.0, 0.0, 0.0, 0.0]
W = [0.0, 1.0, 0.5, 0.25]

IDS = {
    "plain": "plain",
    "space": "a b",
    "spaces around": "  a  ",
    "slash": "a/b",
    "dots": "..",
    "dot": ".",
    "dot path": "../../etc/passwd",
    "percent 2F": "%2F",
    "percent": "100%",
    "plus": "a+b",
    "query": "a?b=c&d=e",
    "hash": "a#b",
    "quotes": "a'b\"c",
    "backslash": "a\\b",
    "newline": "a\nb",
    "tab": "a\tb",
    "control": "a\x01b",
    "delete": "a\x7fb",
    "umlaut": "Äpfel",
    "cjk": "向量",
    "arabic": "ناقل",
    "emoji": "🧭🇪🇺",
    "combining": "e\u0301",
    "composed": "\u00e9",
    "zero width": "a\u200bb",
    "right to left": "\u202eabc",
    "byte order mark": "\ufeffa",
    "noncharacter": "\ufffe",
    "highest": "\U0010ffff",
    "semicolon": "a;b",
    "star": "*",
    "512 bytes": "x" * 512,
    "512 bytes of 4": "🧭" * 128,
    "sql": "'; DROP TABLE record; --",
    "format": "%s%n",
    "trailing slash": "a/",
    "slash alone": "/",
}


def test_upsert_then_update(client):
    first = client.upsert("a", V, {"n": 1})
    assert first == {"success": True, "id": "a", "version": first["version"]}
    assert client.upsert("a", W, {"n": 2}) == {"success": True, "id": "a", "version": first["version"] + 1}
    reply = client.record("a", include_vector="true")
    record = reply.json()
    assert reply.status == 200
    assert record["metadata"] == {"n": 2}
    assert record["version"] == first["version"] + 1
    assert record["vector"] == W
    assert client.stats()["active_vectors"] == 1


def test_record_fields(client):
    version = client.upsert("a", V)["version"]
    reply = client.record("a")
    record = reply.json()
    assert set(record) == {"id", "metadata", "version", "created_at", "updated_at"}
    assert record["metadata"] == {}
    iso = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
    assert iso.fullmatch(record["created_at"]) and iso.fullmatch(record["updated_at"])
    assert reply.headers["etag"] == f'"{version}"'
    assert reply.headers["content-type"].startswith("application/json")


def test_created_at_stays(client):
    client.upsert("a", V)
    first = client.record("a").json()
    client.upsert("a", W)
    second = client.record("a").json()
    assert second["created_at"] == first["created_at"]
    assert second["updated_at"] >= first["updated_at"]


def test_etag_follows_version(client):
    for _ in range(3):
        version = client.upsert("a", V)["version"]
        assert client.record("a").headers["etag"] == f'"{version}"'


def test_metadata_comes_back(client):
    metadata = {
        "text": "Ä\n\u0000\"'\\",
        "n": 2**53 + 1,
        "negative": -(2**63) + 1,
        "x": 0.1,
        "yes": True,
        "no": False,
        "nothing": None,
        "list": [1, "a", [], {}],
        "nested": {"a": {"b": {"c": 1}}},
        "": "empty key",
        "big": 1e300,
    }
    client.upsert("a", V, metadata)
    assert client.record("a").json()["metadata"] == metadata


def test_vector_comes_back_bit_for_bit(client):
    vector = [0.1, -1.17549435e-38, 3.4028234e38, 1e-40]
    client.upsert("a", vector)
    found = client.record("a", include_vector="true").json()["vector"]
    assert oracle.decode_vector(found).tobytes() == numpy.array(vector, dtype="<f4").tobytes()


@pytest.mark.parametrize("name", IDS)
def test_any_id(client, name):
    record_id = IDS[name]
    assert client.upsert(record_id, V, {"name": name})["id"] == record_id
    client.upsert("other", W)
    reply = client.record(record_id)
    assert reply.status == 200, reply
    assert reply.json()["id"] == record_id
    assert reply.json()["metadata"] == {"name": name}
    assert client.found(V, limit=1) == [record_id]
    assert client.found(id="other", limit=10) == [record_id]
    assert {record["id"] for record in client.pages(limit=1)} == {record_id, "other"}
    assert client.ok("POST", "/v1/soft-delete/" + quote(record_id)) == {"found": True, "marked_deleted": True}
    assert client.ok("POST", "/v1/restore/" + quote(record_id)) == {"found": True, "restored": True}
    assert client.delete(record_id) == {"found": True, "deleted": True}
    assert client.record(record_id).status == 404


def test_ids_by_escapes(client):
    """JSON's escapes, surrogate pairs among them, mean what they say; a name that looks doubled by escapes is none."""
    body = b'{"id": "\\ud83e\\udded\\u00e4\\/\\"\\\\", "vector": [1, 0, 0, 0]'
    body += b', "metadata": {"a:": ":", "\\u0061": {"a": [{"a": ":"}, {"a": 2}]}}}'
    answer = client.ok("POST", "/v1/upsert", body, content_type="application/json")
    assert answer["id"] == '🧭ä/"\\'
    assert client.record(answer["id"]).json()["metadata"] == {"a:": ":", "a": {"a": [{"a": ":"}, {"a": 2}]}}


def test_ids_differ_by_bytes(client):
    """No normalisation, no folding of case, no decoding twice."""
    ids = ["e\u0301", "\u00e9", "A", "a", "%41", "a%2Fb", "a/b", "a b", "a+b", "a%20b"]
    client.batch([{"id": i, "vector": V, "metadata": {"n": n}} for n, i in enumerate(ids)])
    for n, record_id in enumerate(ids):
        assert client.record(record_id).json()["metadata"] == {"n": n}


def test_batch_json(client):
    version = client.upsert("a", V)["version"]
    answer = client.batch([{"id": "a", "vector": W}, {"id": "b", "vector": V, "metadata": {"n": 1}}])
    assert (answer["inserted"], answer["updated"], answer["errors"]) == (1, 1, [])
    assert client.record("a").json()["version"] == version + 1


def test_batch_ndjson(client):
    lines = [json.dumps({"id": f"n{i}", "vector": V, "metadata": {"i": i}}) for i in range(5)]
    for text in ("\n".join(lines), "\n".join(lines) + "\n", "\r\n".join(lines) + "\r\n\r\n"):
        answer = client.ok("POST", "/v1/batch-upsert", text.encode(), content_type="application/x-ndjson")
        assert answer["inserted"] + answer["updated"] == 5
        assert answer["errors"] == []
    assert client.record("n4").json()["metadata"] == {"i": 4}


def test_batch_atomic_stores_nothing(client):
    version = client.upsert("a", V)["version"]
    records = [{"id": "b", "vector": V}, {"id": "a", "vector": W}, {"id": "c", "vector": [1.0]}]
    for body in ({"records": records}, {"records": records, "atomic": True}):
        reply = client.post("/v1/batch-upsert", body)
        assert reply.status == 400
        assert "records[2]" in reply.error()
    assert client.stats()["active_vectors"] == 1
    assert client.record("a").json()["version"] == version


def test_batch_not_atomic_stores_the_good(client):
    client.upsert("first", V)
    answer = client.batch(
        [{"id": "a", "vector": V}, {"id": "", "vector": V}, {"id": "b", "vector": [1.0]}, {"id": "c", "vector": W}],
        atomic=False,
    )
    assert answer["inserted"] == 2
    assert [error["index"] for error in answer["errors"]] == [1, 2]
    assert all(error["error"] for error in answer["errors"])
    assert {record["id"] for record in client.pages()} == {"first", "a", "c"}


def test_batch_same_id_twice(client):
    """The later one wins, as when they had come one after the other."""
    client.batch([{"id": "a", "vector": V, "metadata": {"n": 1}}, {"id": "a", "vector": W, "metadata": {"n": 2}}])
    record = client.record("a", include_vector="true").json()
    assert record["metadata"] == {"n": 2} and record["vector"] == W
    assert client.stats()["active_vectors"] == 1
    assert client.found(W, limit=10) == ["a"]


def test_base64_vectors(client):
    client.ok("POST", "/v1/upsert", {"id": "a", "vector": oracle.encode_vector(V)})
    client.batch([{"id": "b", "vector": oracle.encode_vector(W)}])
    assert client.record("b", include_vector="true").json()["vector"] == W
    assert [r["id"] for r in client.ok("POST", "/v1/query", {"vector": oracle.encode_vector(W)})["results"]] == [
        "b",
        "a",
    ]


def test_raw_vector_query(client):
    client.batch([{"id": "a", "vector": V, "metadata": {"n": 1}}, {"id": "b", "vector": W, "metadata": {"n": 2}}])
    body = struct.pack("<4f", *W)
    answer = client.ok("POST", "/v1/query?limit=1", body, content_type="application/octet-stream")
    assert [result["id"] for result in answer["results"]] == ["b"]
    answer = client.ok(
        "POST", "/v1/query?limit=5&filter=n%20%3D%201&exact=true", body, content_type="application/octet-stream"
    )
    assert [result["id"] for result in answer["results"]] == ["a"]
    assert answer["results"][0]["metadata"] == {"n": 1}


def test_delete_forms(client):
    client.batch([{"id": f"d{i}", "vector": V, "metadata": {"i": i}} for i in range(10)])
    assert client.ok("POST", "/v1/delete", {"id": "d0"}) == {"found": True, "deleted": True}
    assert client.ok("POST", "/v1/delete", {"id": "d0"}) == {"found": False, "deleted": False}
    assert client.delete("d1") == {"found": True, "deleted": True}
    assert client.delete("d1") == {"found": False, "deleted": False}
    assert client.ok("POST", "/v1/delete", {"ids": ["d2", "d3", "none"]})["deleted"] == 2
    assert client.ok("POST", "/v1/delete", {"filter": "i >= 8"})["deleted"] == 2
    assert [record["id"] for record in client.pages()] == ["d4", "d5", "d6", "d7"]
    assert client.stats()["total_vectors"] == 4


def test_delete_then_again(client):
    client.upsert("a", V)
    client.upsert("a", V)
    client.delete("a")
    assert client.found(V) == []
    assert client.record("a").status == 404
    assert client.upsert("a", W)["success"]
    assert client.found(W) == ["a"]


def test_soft_delete_and_restore(client):
    client.batch([{"id": "a", "vector": V, "metadata": {"n": 1}}, {"id": "b", "vector": W}])
    assert client.ok("POST", "/v1/soft-delete", {"id": "a"}) == {"found": True, "marked_deleted": True}
    assert client.found(V) == ["b"]
    assert [record["id"] for record in client.pages()] == ["b"]
    stats = client.stats()
    assert (stats["total_vectors"], stats["active_vectors"], stats["deleted_vectors"]) == (2, 1, 1)
    assert "deleted_at" in client.record("a").json()
    assert client.ok("POST", "/v1/soft-delete/a")["marked_deleted"] is False
    assert client.ok("POST", "/v1/restore/a") == {"found": True, "restored": True}
    assert client.ok("POST", "/v1/restore", {"id": "a"})["restored"] is False
    assert client.found(V) == ["a", "b"]
    assert client.record("a").json()["metadata"] == {"n": 1}
    assert client.ok("POST", "/v1/soft-delete/none") == {"found": False, "marked_deleted": False}
    assert client.ok("POST", "/v1/restore/none") == {"found": False, "restored": False}


def test_upsert_brings_back_the_soft_deleted(client):
    client.upsert("a", V)
    client.ok("POST", "/v1/soft-delete/a")
    client.upsert("a", W)
    assert client.found(W) == ["a"]
    stats = client.stats()
    assert (stats["active_vectors"], stats["deleted_vectors"]) == (1, 0)


def test_pages_in_order_of_bytes(client):
    ids = ["b", "a", "Z", "ä", "aa", "🧭", "0", "a/b"]
    client.batch([{"id": i, "vector": V} for i in ids])
    ordered = sorted(ids, key=lambda text: text.encode())
    for limit in (1, 3, 100):
        assert [record["id"] for record in client.pages(limit=limit)] == ordered


def test_filters_as_json(client):
    """An object is taken wherever a text is, and both mean the same; so is its text in a query string."""
    for n in range(20):
        date = f"2024-05-01T{n:02d}:00:00+02:00"
        client.ok("POST", "/v1/upsert", {"id": f"j{n:02}", "vector": V, "metadata": {"n": n, "big": 2**53 + n, "at": date}})
    filters = [
        ({"n": {"$gte": 5, "$lt": 8}}, "n >= 5 AND n < 8", 3),
        ({"big": 2**53 + 1}, "big = 9007199254740993", 1),
        ({"$or": [{"@id": "j03"}, {"n": {"$in": [4, 4.0, "x"]}}]}, "@id = 'j03' OR n IN [4]", 2),
        ({"at": {"$lte": {"$date": "2024-05-01T03:00:00Z"}}}, "at <= date('2024-05-01T03:00Z')", 6),
        ({"@created_at": {"$gt": {"$date": "2024-05-01"}}}, "@created_at > date('2024-05-01')", 20),
    ]
    for as_object, as_text, count in filters:
        asked = {"vector": V, "limit": 100, "exact": True}
        for form in (as_object, as_text, json.dumps(as_object)):
            assert client.ok("POST", "/v1/query", asked | {"filter": form})["stats"]["filtered_count"] == count
            batch = client.ok("POST", "/v1/batch-query", {"queries": [asked, asked | {"filter": form}]})
            assert batch["results"][1]["stats"]["filtered_count"] == count
        assert len(client.pages(filter=json.dumps(as_object))) == count
    assert client.ok("POST", "/v1/delete", {"filter": filters[0][0]}) == {"deleted": 3}
    assert len(client.pages()) == 17


def test_pages_with_filter(client):
    client.batch([{"id": f"{i:03}", "vector": V, "metadata": {"i": i}} for i in range(100)])
    records = client.pages(limit=7, filter="i >= 50 AND i < 80", include_vector="true")
    assert [record["metadata"]["i"] for record in records] == list(range(50, 80))
    assert all(record["vector"] == V for record in records)


def test_fields(client):
    client.upsert("a", V, {"n": 1, "o": {"x": 1, "y": {"z": [1]}}, "a.b": 2, "ü": 3})
    client.upsert("b", V, {"m": 1})
    assert client.record("a", fields="o.y,ü").json()["metadata"] == {"o": {"y": {"z": [1]}}, "ü": 3}
    assert client.record("a", fields="`a.b`,a.b").json()["metadata"] == {"a.b": 2}
    records = client.pages(limit=1, fields="n,m", include_vector="true")
    assert [(record["id"], record["metadata"], record["vector"]) for record in records] == [
        ("a", {"n": 1}, V),
        ("b", {"m": 1}, V),
    ]
    assert client.get("/v1/records?fields=n,,m").json()["position"] == 2
    assert client.get("/v1/records/a?fields=").json()["field"] == "fields"


def test_large_pages_end_early(client):
    client.batch([{"id": f"{i:02}", "vector": V, "metadata": {"text": "x" * 1_000_000}} for i in range(30)])
    page = client.page(limit=1000)
    assert 8 <= len(page["records"]) < 20 and page["next_cursor"]
    assert [record["id"] for record in client.pages(limit=1000, fields="none")] == [f"{i:02}" for i in range(30)]


def lines(client, target="/v1/records"):
    reply = client.get(target, headers={"Accept": "application/x-ndjson"})
    assert (reply.status, reply.headers["content-type"]) == (200, "application/x-ndjson"), reply
    *records, end = [json.loads(line) for line in reply.body.decode().splitlines()]
    return records, end


def test_all_records_as_lines(client):
    client.batch([{"id": f"{i:05}", "vector": V, "metadata": {"i": i, "text": "x" * 400}} for i in range(10000)])
    records, end = lines(client)
    assert [record["metadata"]["i"] for record in records] == list(range(10000)) and end == {"next_cursor": None}
    records, end = lines(client, "/v1/records?filter=i%3E%3D5000&fields=i&include_vector=true&limit=4000")
    assert [record["metadata"] for record in records] == [{"i": i} for i in range(5000, 9000)]
    assert all(record["vector"] == V for record in records)
    records, end = lines(client, f"/v1/records?filter=i%3E%3D5000&cursor={end['next_cursor']}")
    assert len(records) == 1000 and end == {"next_cursor": None}
    reply = client.get("/v1/records?limit=0", headers={"Accept": "application/x-ndjson"})
    assert reply.status == 400 and reply.error()
    reply = client.request("HEAD", "/v1/records", headers={"Accept": "application/x-ndjson"})
    assert (reply.status, reply.body) == (200, b"")
    # What goes out comes back in, but for what the server says about it.
    records, _ = lines(client, "/v1/records?include_vector=true&limit=100")
    body = "\n".join(json.dumps({k: r[k] for k in ("id", "vector", "metadata")}) for r in records)
    reply = client.post("/v1/batch-upsert", body.encode(), content_type="application/x-ndjson")
    assert reply.json() == {"inserted": 0, "updated": 100, "errors": []}


def test_a_reader_that_leaves(client):
    """The worker notices, and serves others."""
    client.batch([{"id": f"{i:05}", "vector": V, "metadata": {"text": "x" * 9000}} for i in range(5000)])
    for _ in range(8):
        with socket.create_connection(("127.0.0.1", client.port), timeout=60) as peer:
            peer.sendall(b"GET /v1/records HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\n\r\n")
            assert peer.recv(20).startswith(b"HTTP/1.1 200")
    for _ in range(4):
        assert client.record("00001").status == 200


def test_no_records(client):
    assert client.page() == {"records": [], "next_cursor": None}
    assert client.record("none").status == 404
    assert client.found(V) == []


def test_pages_under_writes(client):
    """What is there all the time appears exactly once, whatever comes and goes beside it."""
    there = {f"keep-{i:04}" for i in range(500)}
    client.batch([{"id": i, "vector": V} for i in there])
    done = threading.Event()
    faults = []

    def write():
        n = 0
        while not done.is_set():
            n += 1
            try:
                name = f"{'akz'[n % 3]}eep-{n % 400:04}x"
                client.upsert(name, W)
                client.upsert(f"keep-{n % 500:04}", W)
                client.delete(name)
            except AssertionError as fault:
                faults.append(fault)
                return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            ids = [record["id"] for record in client.pages(limit=50)]
            assert len(ids) == len(set(ids))
            assert there <= set(ids)
            assert ids == sorted(ids)
    finally:
        done.set()
        writer.join()
    assert not faults, faults
