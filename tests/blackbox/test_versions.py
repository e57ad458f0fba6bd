# SPDX-License-Identifier: Apache-2.0
"""Versions as ETags and conditions, and merge patches of metadata."""

import threading
import time

import pytest

from client import quote
from harness import wait_for

V = [1.0, 0.0, 0.0, 0.0]
W = [0.0, 1.0, 0.5, 0.25]


def get_if(client, record_id, **headers):
    return client.get("/v1/records/" + quote(record_id), headers={k.replace("_", "-"): v for k, v in headers.items()})


def patch(client, record_id, body, **kwargs):
    return client.request("PATCH", "/v1/records/" + quote(record_id), body, **kwargs)


def test_not_modified(client):
    client.upsert("a", V, {"n": 1})
    etag = client.record("a").headers["etag"]
    reply = get_if(client, "a", If_None_Match=etag)
    assert (reply.status, reply.body, reply.headers["etag"]) == (304, b"", etag)
    assert "content-type" not in reply.headers
    client.upsert("a", V, {"n": 2})
    reply = get_if(client, "a", If_None_Match=etag)
    assert reply.status == 200 and reply.json()["metadata"] == {"n": 2}
    assert get_if(client, "a", If_None_Match=f'"999999", W/{reply.headers["etag"]}').status == 304
    assert client.request("HEAD", "/v1/records/a", headers={"If-None-Match": "*"}).status == 304


def test_create_only(client):
    body = {"id": "a", "vector": V}
    once = {"If-None-Match": "*"}
    assert client.post("/v1/upsert", body, headers=once).status == 200
    reply = client.post("/v1/upsert", body, headers=once)
    assert (reply.status, reply.json()["code"]) == (412, "version_mismatch")
    assert client.post("/v1/upsert", {**body, "if_version": 0}).status == 412
    client.delete("a")
    assert client.post("/v1/upsert", {**body, "if_version": 0}).status == 200


@pytest.mark.parametrize("how", ["delete", "filter", "expiry", "sweep"])
def test_a_tag_is_of_one_record(client, how):
    """A record that is stored under an id that was there before has a version that the id never had."""
    body = {"id": "a", "vector": V, "metadata": {"n": 1}}
    versions = [client.upsert("a", V, {"n": 1})["version"] for _ in range(3)]
    if how == "delete":
        client.delete("a")
    elif how == "filter":
        assert client.ok("POST", "/v1/delete", {"filter": "n = 1"})["deleted"] == 1
    else:
        since = client.ok("GET", "/v1/changes")["next_since"]
        versions.append(client.ok("POST", "/v1/upsert", {**body, "expires_at": int(time.time() * 1000) + 1})["version"])
        time.sleep(0.01)
    if how == "sweep":
        newer = f"/v1/changes?since={since}"
        wait_for(lambda: any(one["op"] == "delete" for one in client.ok("GET", newer)["changes"]), "a sweep")
    versions.append(client.upsert("a", V)["version"])
    client.ok("POST", "/v1/compact")
    client.delete("a")
    versions.append(client.upsert("a", V)["version"])
    assert versions == sorted(set(versions))
    for version in versions[:-1]:
        assert client.post("/v1/upsert", {**body, "if_version": version}).status == 412
        assert client.request("DELETE", "/v1/delete/a", headers={"If-Match": f'"{version}"'}).status == 412
        assert get_if(client, "a", If_None_Match=f'"{version}"').status == 200
    assert client.post("/v1/upsert", {**body, "if_version": versions[-1]}).json()["version"] == versions[-1] + 1


def test_a_restore_brings_no_version_back(client):
    """What was stored after the snapshot, under an id that is in it or not, fits no tag afterwards; nor does what it brings back."""
    seen = {"kept": [], "new": []}

    def store(record_id, times):
        seen[record_id] += [client.upsert(record_id, V)["version"] for _ in range(times)]

    store("kept", 2)
    client.ok("POST", "/v1/snapshots?wait=60", {"name": "s"})
    for _ in range(3):
        store("kept", 4)
        store("new", 5)
        client.ok("POST", "/v1/snapshots/s/restore?wait=60")
        record = client.record("kept")
        seen["kept"].append(record.json()["version"])
        assert record.headers["etag"].count(str(seen["kept"][-1]))
        assert client.get("/v1/records/new").status == 404
    # Another one, in which are versions of the time before.
    client.ok("POST", "/v1/snapshots?wait=60", {"name": "late"})
    store("kept", 1)
    for name in ("late", "s", "late"):
        client.ok("POST", f"/v1/snapshots/{name}/restore?wait=60")
        seen["kept"].append(client.record("kept").json()["version"])
        store("kept", 1)
        store("new", 1)
    for record_id, versions in seen.items():
        assert versions == sorted(set(versions)) and versions[-1] < 2**53
        for version in versions[:-1]:
            assert client.post("/v1/upsert", {"id": record_id, "vector": V, "if_version": version}).status == 412
    # A copy is another namespace: what was known of its records still holds.
    client.ok("POST", "/v1/snapshots/s/restore?wait=60", {"into": "copy"})
    assert client.ok("GET", "/v1/records/kept?namespace=copy")["version"] == seen["kept"][1]


def test_versions_begin_with_1(fresh):
    assert [fresh.client.upsert(i, V)["version"] for i in ("a", "b", "a")] == [1, 1, 2]


def test_mismatch_changes_nothing(client):
    other = client.upsert("a", V, {"n": 1})["version"] + 1
    before = client.stats()
    assert client.post("/v1/upsert", {"id": "a", "vector": W, "if_version": other}).status == 412
    assert client.post("/v1/upsert", {"id": "a", "vector": W}, headers={"If-Match": f'"{other}"'}).status == 412
    assert client.request("DELETE", "/v1/delete/a", headers={"If-Match": f'"{other}"'}).status == 412
    assert client.request("POST", "/v1/soft-delete/a", headers={"If-Match": f'"{other}"'}).status == 412
    assert patch(client, "a", {"n": 2}, headers={"If-Match": f'"{other}"'}).status == 412
    reply = client.post(
        "/v1/batch-upsert", {"records": [{"id": "b", "vector": W}, {"id": "a", "vector": W, "if_version": other}]}
    )
    assert (reply.status, reply.json()["field"]) == (412, "records[1].if_version")
    after = client.stats()
    assert {**after, "cache_stats": 0, "storage_bytes": 0} == {**before, "cache_stats": 0, "storage_bytes": 0}
    assert client.record("a", include_vector="true").json()["vector"] == V


@pytest.mark.parametrize("how", ["upsert", "patch"])
def test_no_update_is_lost(client, how):
    """Eight writers add to one number, each under the version that they read: none of it is lost."""
    first = client.upsert("sum", V, {"n": 0})["version"]
    faults = []

    def add():
        done = 0
        while done < 5:
            reply = client.record("sum")
            n, version = reply.json()["metadata"]["n"] + 1, reply.json()["version"]
            if how == "upsert":
                reply = client.post(
                    "/v1/upsert", {"id": "sum", "vector": V, "metadata": {"n": n}, "if_version": version}
                )
            else:
                reply = patch(client, "sum", {"n": n}, headers={"If-Match": f'"{version}"'})
            if reply.status not in (200, 412):
                faults.append(reply)
                return
            done += reply.status == 200

    writers = [threading.Thread(target=add) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not faults
    record = client.record("sum").json()
    assert (record["metadata"], record["version"]) == ({"n": 40}, first + 40)


def test_patch(client):
    version = client.upsert("a/b", V, {"n": 1, "o": {"x": 1, "y": [1, 2]}, "gone": True})["version"]
    client.upsert("other", V, {"n": 1})
    reply = patch(client, "a/b", {"o": {"y": {"z": 1}, "x": None}, "gone": None, "new": "ü"})
    assert reply.status == 200 and reply.headers["etag"] == f'"{version + 1}"'
    record = client.record("a/b", include_vector="true").json()
    assert record["metadata"] == {"n": 1, "o": {"y": {"z": 1}}, "new": "ü"}
    assert record["vector"] == V and record["version"] == version + 1
    assert {**reply.json(), "vector": V} == record
    assert client.found(V, filter="new = 'ü'") == ["a/b"]
    assert client.found(V, filter="gone = TRUE") == []
    assert sorted(client.found(V, filter="n = 1")) == ["a/b", "other"]
    assert client.stats()["active_vectors"] == 2


def test_patch_in_an_envelope(client):
    version = client.upsert("a", V, {"metadata": {"m": 1}, "n": 1})["version"]
    reply = patch(client, "a", {"metadata": {"metadata": {"k": 2}}, "if_version": version})
    assert reply.json()["metadata"] == {"metadata": {"m": 1, "k": 2}, "n": 1}
    reply = patch(client, "a", b'{"n":null}', content_type="application/merge-patch+json")
    assert reply.json()["metadata"] == {"metadata": {"m": 1, "k": 2}}


@pytest.mark.parametrize(
    "body, field",
    [
        ([1], "body"),
        ("text", "body"),
        (b"", "body"),
        (b"{", "body"),
        (b'{"n":1,"n":2}', "body"),
        (b'{"n":123456789012345678901234567890}', "body"),
        (b'{"n":1e999}', "body"),
        ({"metadata": []}, "metadata"),
        ({"metadata": None}, "metadata"),
        ({"metadata": {}, "id": "b"}, "id"),
        ({"metadata": {}, "if_version": -1}, "if_version"),
        ({"metadata": {}, "if_version": "1"}, "if_version"),
        ({"metadata": {}, "namespace": 1}, "namespace"),
    ],
)
def test_bad_patches(client, body, field):
    version = client.upsert("a", V, {"n": 1})["version"]
    reply = patch(client, "a", body, content_type="application/json")
    assert (reply.status, reply.json()["field"]) == (400, field), reply
    assert client.record("a").json()["version"] == version


def test_patch_of_what_is_not_there(client):
    client.upsert("a", V)
    assert patch(client, "none", {"n": 1}).status == 404
    assert patch(client, "none", {"n": 1}, headers={"If-Match": '"1"'}).status == 404
    client.ok("POST", "/v1/soft-delete/a")
    assert patch(client, "a", {"n": 1}).status == 404
    assert patch(client, "x" * 513, {"n": 1}).status == 400
