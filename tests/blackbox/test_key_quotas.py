# SPDX-License-Identifier: Apache-2.0
"""Quotas of keys: what holds in the place of the namespace's, for whom, at once and in every worker."""

import itertools
import os
import signal
import threading
import time

import pytest

import fastcgi
import harness
from harness import wait_for
from test_keys import WORKERS, create, events, with_key

RECORDS = [{"id": i, "vector": [1, 2, 3]} for i in "abcdef"]
KINDS = {"max_requests_per_second", "max_concurrent_queries", "max_dimension", "max_results_per_query", "max_batch_size"}


def code(reply):
    reply.error()
    return reply.status, reply.json()["code"]


def set_quota(admin, made, **quota):
    return admin.ok("PUT", f"/admin/keys/{made['id']}/quotas", quota)


@pytest.fixture
def bounded(make_server):
    """A server, its administrator's client; a namespace that is bounded, with six records."""
    server = make_server(workers=WORKERS).start()
    admin = with_key(server, create(server.client, role="admin")["key"])
    quota = {"max_results_per_query": 4, "max_batch_size": 3, "max_dimension": 3}
    admin.ok("POST", "/admin/namespaces", {"name": "acme", "quota": quota})
    for start in (0, 3):
        admin.ok("POST", "/v1/batch-upsert?namespace=acme", {"records": RECORDS[start : start + 3]})
    return server, admin


def test_of_one_request(bounded):
    """More or less than the namespace's; the others have what they had, also from the cache."""
    server, admin = bounded
    space = {"role": "writer", "namespace": "acme"}
    plain = with_key(server, create(admin, **space)["key"])
    less = create(admin, **space, quota={"max_results_per_query": 2, "max_batch_size": 1, "max_dimension": 2})
    more = create(admin, **space, quotas={"max_results_per_query": 5, "max_batch_size": 0})
    assert set(less["quota"]) == KINDS and less["quota"]["max_batch_size"] == 1 and less["quota"]["max_requests_per_second"] is None
    narrow, wide = with_key(server, less["key"]), with_key(server, more["key"])
    most = {narrow: 2, plain: 4, wide: 5}
    for client, limit in itertools.product([*most] * 2, (2, 3, 4, 5, 6)):
        reply = client.post("/v1/query", {"vector": [1, 2, 3], "limit": limit, "filter": "@id = 'a'"})  # few are found
        if limit > most[client]:
            assert code(reply) == (403, "quota_exceeded") and reply.json()["field"] == "limit", (limit, reply)
            assert f"the {'namespace' if client is plain else 'key'} may have {most[client]}" in reply.error()
        else:
            assert reply.status == 200
    for client, count in most.items():
        assert len(client.ok("POST", "/v1/query", {"id": "a"})["results"]) == count  # who does not say how many
    assert [client.post("/v1/batch-upsert", {"records": RECORDS[:2]}).status for client in most] == [403, 200, 200]
    assert [client.post("/v1/delete", {"ids": list("vwxyz")}).status for client in most] == [403, 403, 200]
    deletions = {"operations": [{"op": "delete", "id": "z"}] * 4}
    assert [client.post("/v1/batch-execute", deletions).status for client in most] == [403, 403, 200]
    reply = narrow.post("/v1/upsert", RECORDS[0])
    assert code(reply) == (403, "quota_exceeded") and "3 numbers; the key may have 2 (max_dimension)" in reply.error()
    assert plain.post("/v1/upsert", RECORDS[0]).status == 200


def test_changes(bounded):
    """They hold at once in every worker, by request and by command; go along with a rotation; stand in list and trail."""
    server, admin = bounded
    made = create(admin, role="reader", namespace="acme")
    client = with_key(server, made["key"])

    def most():
        found = {len(client.ok("POST", "/v1/query", {"id": "a"})["results"]) for _ in range(4 * WORKERS)}
        assert len(found) == 1
        return found.pop()

    assert most() == 4
    assert set_quota(admin, made, max_results_per_query=1, max_qps=1000)["quota"]["max_requests_per_second"] == 1000
    assert most() == 1
    shown = harness.run("key", "set-quota", made["id"], "max_results_per_query=5", "max_connections=9", "--data", server.data, check=0)
    assert "max_requests_per_second=1000,max_concurrent_queries=9,max_results_per_query=5" in shown.stdout
    assert most() == 5
    new = admin.ok("POST", f"/admin/keys/{made['id']}/rotate")
    assert new["quota"]["max_results_per_query"] == 5 and most() == 5
    set_quota(admin, made, quota={"max_results_per_query": None})  # the old one, which is good for a while yet
    assert most() == 4
    client = with_key(server, new["key"])
    assert most() == 5
    listed = {key["id"]: key["quota"]["max_results_per_query"] for key in admin.ok("GET", "/admin/keys?namespace=acme")["keys"]}
    assert listed == {made["id"]: None, new["id"]: 5}
    done = [event["action"] for event in events(admin) if event.get("object") == made["id"] and event["result"] == "ok"]
    change = "PUT /admin/keys/{id}/quotas"
    assert done == ["POST /admin/keys", change, "key set-quota", "POST /admin/keys/{id}/rotate", change]
    secret = harness.run("key", "create", "--role", "reader", "--namespace", "acme", "--quota", "max_results_per_query=3",
                         "--data", server.data, check=0).stdout.strip()
    client = with_key(server, secret)
    assert most() == 3
    server.stop()
    server.start()
    assert most() == 3


def test_what_no_key_can_have(bounded):
    server, admin = bounded
    made = create(admin, role="reader", namespace="acme")
    table = [
        ({"max_vectors": 5}, "max_vectors"),
        ({"max_storage_bytes": None}, "max_storage_bytes"),
        ({"max_frobs": 5}, "max_frobs"),
        ({"max_qps": -1}, "max_qps"),
        ({"max_dimension": 8193}, "max_dimension"),
        ({"max_qps": 1, "max_queries_per_second": 1}, "max_queries_per_second"),
    ]
    for quota, field in table:
        for name in ("quota", "quotas"):
            reply = admin.post("/admin/keys", {"role": "reader", "namespace": "acme", name: quota})
            assert reply.status == 400 and reply.json()["field"] == f"{name}.{field}", reply
        reply = admin.request("PUT", f"/admin/keys/{made['id']}/quotas", quota)
        assert reply.status == 400 and reply.json()["field"] == field, reply
    for body, field in [({"quota": 5}, "quota"), ({"quota": {}, "quotas": {}}, "quotas")]:
        assert admin.post("/admin/keys", {"role": "admin", **body}).json()["field"] == field
        assert admin.request("PUT", f"/admin/keys/{made['id']}/quotas", body).json()["field"] == field
    reply = admin.post("/admin/keys", {"role": "metrics", "quota": {"max_qps": 5}})
    assert reply.status == 400 and reply.json()["field"] == "quota"
    assert create(admin, role="metrics", quota={"max_qps": None})["quota"]["max_requests_per_second"] is None
    for wrong in (
        ["create", "--role", "admin", "--quota", "max_vectors=5"],
        ["create", "--role", "metrics", "--quota", "max_qps=5"],
        ["set-quota", made["id"], "max_storage_bytes=5"],
        ["set-quota", made["id"], "max_qps"],
        ["set-quota", "0" * 16, "max_qps=5"],
    ):
        done = harness.run("key", *wrong, "--data", server.data, check=1)
        assert done.stderr.startswith("vecstore: ") and not done.stdout
    for wrong in (["set-quota"], ["set-quota", made["id"]]):
        harness.run("key", *wrong, "--data", server.data, check=2)
    assert admin.ok("GET", "/admin/keys?namespace=acme")["keys"][0]["quota"] == dict.fromkeys(KINDS)


def test_rate_is_the_keys_alone(bounded):
    """One bucket for all workers, whoever of them is killed; it takes nothing from the namespace's, nor the other way round."""
    server, admin = bounded
    rate = 30
    admin.ok("PUT", "/admin/namespaces/acme/quotas", {"max_qps": 1})
    key = create(admin, role="reader", namespace="acme", quota={"max_qps": rate})["key"]
    quick = with_key(server, create(admin, role="reader", namespace="acme", quota={"max_qps": 0})["key"])
    start, admitted = time.monotonic(), []
    stop = threading.Event()

    def push():
        client = with_key(server, key)
        while not stop.is_set():
            began = time.monotonic()
            try:
                reply = client.post("/v1/count", {})
            except OSError:
                continue  # its worker was killed
            if reply.status == 200:
                admitted.append((began, time.monotonic()))
            elif reply.status == 429:
                assert code(reply) == (429, "rate_limited") and f"more than {rate} requests a second with this key" in reply.error()
                assert reply.headers["retry-after"] == "1"

    threads = [threading.Thread(target=push) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(admitted) >= rate, "the bucket to be empty")
    for pid in server.worker_pids():
        os.kill(pid, signal.SIGKILL)
    server.wait_whole()
    wait_for(lambda: len(admitted) >= 2 * rate, "it to be filled again")
    stop.set()
    for thread in threads:
        thread.join()
    seconds = max(ended for _, ended in admitted) - start
    assert len(admitted) <= 1.05 * (rate + rate * seconds) + 1
    assert all(quick.post("/v1/count", {}).status == 200 for _ in range(10))
    assert admin.post("/v1/count?namespace=acme", {}).status == 200  # of its own bucket, which was full
    assert any(admin.post("/v1/count?namespace=acme", {}).status == 429 for _ in range(100))


def test_places_are_the_keys_alone(bounded):
    """A request that is at work, because its peer does not read, holds one of its key's places, and none of the others'."""
    server, admin = bounded
    admin.ok("PUT", "/admin/namespaces/acme/quotas", {"max_connections": 1, "max_batch_size": 0})
    big = [{"id": str(i), "vector": [1, 2, 3], "metadata": {"t": "x" * 20000}} for i in range(300)]
    admin.ok("POST", "/v1/batch-upsert?namespace=acme", {"records": big})
    few = create(admin, role="reader", namespace="acme", quota={"max_concurrent_queries": 1})["key"]

    def used():
        return admin.ok("GET", "/admin/namespaces/acme")["utilisation"]["max_concurrent_queries"]["used"]

    with fastcgi.begin_lines(server.socket(), more={"HTTP_X_API_KEY": few}):
        wait_for(lambda: used() == 1, "the place to be taken")
        reply = with_key(server, few).post("/v1/count", {})
        assert code(reply) == (429, "rate_limited") and "1 requests with this key are at work" in reply.error()
        assert admin.post("/v1/count?namespace=acme", {}).status == 200
        for pid in server.worker_pids():
            os.kill(pid, signal.SIGKILL)
        server.wait_whole()
    assert used() == 0
    assert with_key(server, few).post("/v1/count", {}).status == 200
