# SPDX-License-Identifier: Apache-2.0
"""Namespaces as an administrator makes, bounds, freezes and deletes them, by REST and by the command line."""

import csv
import io
import json
import os
import random
import re
import shutil
import signal
import threading
import time

import fastcgi
import pytest

import harness
from client import Client
from harness import run, wait_for

STORM = float(os.environ.get("VECSTORE_STORM", 0))
STORM_CLIENTS = int(os.environ.get("VECSTORE_STORM_CLIENTS", 16))
OWN = {"max_vectors", "max_storage_bytes", "max_snapshot_bytes", "max_requests_per_second", "max_concurrent_queries", "max_dimension"}
OWN |= {"max_results_per_query", "max_batch_size"}
# What can be asked of one, after its name.
ABOUT_ONE = [("GET", "", None), ("PATCH", "", {}), ("DELETE", "", None), ("GET", "/stats", None),
             ("PUT", "/status", {"status": "active"}), ("PUT", "/quotas", {"max_qps": 1})]


def make(client, name, **fields):
    return client.ok("POST", "/admin/namespaces", {"name": name, **fields})


def put(client, ns, record_id, vector=(1, 2, 3), **fields):
    return client.post(f"/v1/upsert?namespace={ns}", {"id": record_id, "vector": list(vector), **fields})


def ask(client, ns, **fields):
    return client.post(f"/v1/query?namespace={ns}", {"vector": [1, 2, 3], **fields})


def names(client, **parameters):
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    page = client.ok("GET", f"/admin/namespaces?{query}")
    return [one["name"] for one in page["namespaces"]], page["next_cursor"]


def set_quota(client, ns, **quota):
    return client.ok("PUT", f"/admin/namespaces/{ns}/quotas", quota)


def set_status(client, ns, status):
    return client.ok("PUT", f"/admin/namespaces/{ns}/status", {"status": status})


def code(reply):
    reply.error()
    return reply.status, reply.json()["code"]


# ---- life ----


def test_life_by_rest(fresh):
    client = fresh.client
    made = make(
        client,
        "shop",
        description="Möbel & mehr",
        dimension=3,
        metric="dot",
        quota={"max_vectors": 10, "max_qps": 1000},
        metadata={"plan": {"tier": "gold"}, "n": 1.50},
    )
    assert made["status"] == "active" and made["dimension"] == 3 and made["metric"] == "dot"
    assert made["description"] == "Möbel & mehr" and made["metadata"] == {"plan": {"tier": "gold"}, "n": 1.50}
    assert set(made["quota"]) == OWN
    assert made["quota"]["max_vectors"] == 10 and made["quota"]["max_requests_per_second"] == 1000
    assert made["quota"]["max_batch_size"] is None and made["exceeded"] == []
    assert made["utilisation"]["max_vectors"] == {"used": 0, "most": 10, "ratio": 0}
    assert client.ok("GET", "/admin/namespaces/shop") == made
    assert code(client.post("/admin/namespaces", {"name": "shop"})) == (409, "conflict")
    for record_id in "abc":
        assert put(client, "shop", record_id).status == 200
    assert put(client, "shop", "d", [1, 2]).status == 400
    assert {result["id"] for result in ask(client, "shop").json()["results"]} == set("abc")
    assert client.stats()["total_vectors"] == 0  # of another namespace
    shown = client.ok("GET", "/admin/namespaces/shop")
    assert shown["utilisation"]["max_vectors"] == {"used": 3, "most": 10, "ratio": 0.3}

    # What it is called and for.
    described = client.ok("PATCH", "/admin/namespaces/shop", {"description": "new"})
    assert described["description"] == "new" and described["metadata"] == made["metadata"]
    assert described["updated_at"] > made["updated_at"] and described["created_at"] == made["created_at"]
    assert client.ok("PATCH", "/admin/namespaces/shop", {"metadata": {}})["metadata"] == {}

    # Quotas: what is not named stays, null is the default again.
    assert set_quota(client, "shop", max_batch_size=2)["quota"]["max_vectors"] == 10
    lower = client.ok("PUT", "/admin/namespaces/shop/quotas", {"quotas": {"max_vectors": 2, "max_batch_size": None}})
    assert lower["quota"]["max_vectors"] == 2 and lower["quota"]["max_batch_size"] is None
    assert lower["exceeded"] == ["max_vectors"] and lower["utilisation"]["max_vectors"]["ratio"] == 1.5
    assert code(put(client, "shop", "d")) == (403, "quota_exceeded")
    assert put(client, "shop", "a").status == 200  # is there already
    assert client.ok("POST", "/v1/delete?namespace=shop", {"ids": ["a", "b"]})["deleted"] == 2
    assert put(client, "shop", "d").status == 200
    assert code(put(client, "shop", "e")) == (403, "quota_exceeded")

    # Status.
    assert set_status(client, "shop", "read_only")["status"] == "read_only"
    assert code(put(client, "shop", "d")) == (403, "namespace_read_only")
    for target, body in [("delete", {"id": "d"}), ("soft-delete", {"id": "d"}), ("restore", {"id": "d"}),
                         ("batch-upsert", {"records": []}), ("batch-execute", {"operations": []})]:
        assert code(client.post(f"/v1/{target}?namespace=shop", body)) == (403, "namespace_read_only"), target
    assert len(ask(client, "shop").json()["results"]) == 2
    assert set_status(client, "shop", "active")["status"] == "active"
    assert put(client, "shop", "d").status == 200

    # Deletion, later, and back.
    gone = client.ok("DELETE", "/admin/namespaces/shop")
    assert gone["status"] == "pending_deletion" and gone["delete_at"] > gone["updated_at"]
    assert code(put(client, "shop", "d")) == (403, "namespace_read_only")
    assert code(client.post("/admin/namespaces", {"name": "shop"})) == (409, "conflict")
    back = set_status(client, "shop", "active")
    assert back["status"] == "active" and "delete_at" not in back
    fresh.stop()
    fresh.start()
    assert {result["id"] for result in ask(client, "shop").json()["results"]} == {"c", "d"}

    # Deletion now; the name is free, and the new one is another.
    assert client.ok("DELETE", "/admin/namespaces/shop?now=true") == {"name": "shop", "status": "deleted"}
    for reply in (client.get("/admin/namespaces/shop"), ask(client, "shop"), put(client, "shop", "a")):
        assert code(reply) == (404, "not_found")
    assert list((fresh.data / "ns").iterdir()) == []
    make(client, "shop")
    for _ in range(8):  # every worker
        assert ask(client, "shop").json()["results"] == []
    assert put(client, "shop", "a").status == 200
    harness.check_store(fresh.data)


def test_list_by_pages(fresh):
    client = fresh.client
    for name in ("b", "a-1", "zz", "0"):
        make(client, name)
    assert names(client) == (["0", "a-1", "b", "zz"], None)
    page, cursor = names(client, limit=3)
    assert page == ["0", "a-1", "b"]
    assert names(client, limit=3, cursor=cursor) == (["zz"], None)
    set_status(client, "b", "suspended")
    client.ok("DELETE", "/admin/namespaces/zz")
    stats = client.ok("GET", "/admin/stats")
    assert stats["namespaces"] == 4
    assert stats["by_status"] == {"active": 2, "read_only": 0, "suspended": 1, "pending_deletion": 1, "deleting": 0}


def test_bad_requests(client):
    make(client, "good")
    bad_names = ["", "A", "a b", "../x", "a/b", "-a", "_a", "ä", "a" * 64, "a\n", "a.b"]
    for name in bad_names:
        reply = client.post("/admin/namespaces", {"name": name})
        assert reply.status == 400 and "1 to 63 characters" in reply.error(), (name, reply)
        assert reply.json()["field"] == "name", (name, reply)
    assert client.get("/admin/namespaces/..").status == 400
    for bad in ("A", "%2e%2e%2fetc"):
        for method, target, body in [*ABOUT_ONE, ("POST", "/clone", {"to": "copy"})]:
            reply = client.request(method, f"/admin/namespaces/{bad}{target}", body)
            assert reply.status == 400 and reply.json()["field"] == "name", (method, bad, target, reply)
    assert client.post("/admin/namespaces/good/clone", {"to": "A"}).json()["field"] == "to"
    table = [
        ("POST", "", {}, "name"),
        ("POST", "", {"name": 5}, "name"),
        ("POST", "", {"name": "x", "frob": 1}, "frob"),
        ("POST", "", {"name": "x", "dimension": 8193}, "dimension"),
        ("POST", "", {"name": "x", "dimension": 5, "quota": {"max_dimension": 4}}, "dimension"),
        ("POST", "", {"name": "x", "metric": "miles"}, "metric"),
        ("POST", "", {"name": "x", "quantization": "int3"}, "quantization"),
        ("POST", "", {"name": "x", "metadata": []}, "metadata"),
        ("POST", "", {"name": "x", "description": "d" * 1025}, "description"),
        ("POST", "", {"name": "x", "quota": {"max_frobs": 1}}, "quota.max_frobs"),
        ("POST", "", {"name": "x", "quota": {"max_vectors": -1}}, "quota.max_vectors"),
        ("POST", "", {"name": "x", "quota": {"max_vectors": 1.5}}, "quota.max_vectors"),
        ("POST", "", {"name": "x", "quota": {"max_vectors": "5"}}, "quota.max_vectors"),
        ("POST", "", {"name": "x", "quota": 5}, "quota"),
        ("POST", "", {"name": "x", "quota": {}, "quotas": {}}, "quotas"),
        ("PUT", "/good/quotas", {"max_qps": 5, "max_queries_per_second": 6}, "max_queries_per_second"),
        ("PUT", "/good/quotas", {"max_requests_per_second": 1000001}, "max_requests_per_second"),
        ("PUT", "/good/quotas", {"frob": 1}, "frob"),
        ("PUT", "/good/status", {"status": "deleting"}, "status"),
        ("PUT", "/good/status", {}, "status"),
        ("PATCH", "/good", {"name": "better"}, "name"),
    ]
    for method, target, body, field in table:
        reply = client.request(method, "/admin/namespaces" + target, body)
        assert reply.status == 400 and reply.json()["field"] == field, (method, target, body, reply)
    for target in ("?limit=0", "?limit=1001", "?frob=1"):
        assert client.get("/admin/namespaces" + target).status == 400
    for target in ("?from=2026-02-30", "?to=yesterday", "?frob=1"):
        assert client.get("/admin/usage" + target).status == 400
    for method, target, body in ABOUT_ONE:
        assert code(client.request(method, "/admin/namespaces/none" + target, body)) == (404, "not_found")
    assert client.get("/admin/namespaces/x").status == 404  # nothing was made


def test_a_folder_is_a_tenant(folder):
    """What doc/operations.md says of copying one, to another server and back in time."""
    there, here, kept = folder / "there", folder / "here", folder / "kept"
    source = folder / "some.jsonl"
    source.write_text('{"id": "a", "vector": [1, 2], "text": "one", "metadata": {"k": 1}}\n{"id": "b", "vector": [2, 1]}\n')
    run("ns", "create", "acme", "--metric", "dot", "--data", there, check=0)
    run("import", source, "--namespace", "acme", "--data", there, check=0)

    def exported(data, name):
        return run("export", "--namespace", name, "--data", data, check=0).stdout

    def place(data, name):
        lines = run("ns", "show", name, "--data", data, check=0).stdout.splitlines()
        return data / next(line.split()[1] for line in lines if line.startswith("folder"))

    before = exported(there, "acme")
    shutil.copytree(place(there, "acme"), kept)
    run("ns", "create", "other", "--metric", "dot", "--data", here, check=0)
    run("ns", "create", "wrong", "--data", here, check=0)
    for data, name in ((here, "other"), (there, "acme")):
        source.write_text('{"id": "c", "vector": [3, 1]}\n')
        if data == there:
            run("import", source, "--namespace", name, "--data", data, check=0)
        shutil.rmtree(place(data, name))
        shutil.copytree(kept, place(data, name))
        run("check", "--data", data, check=0)
        assert exported(data, name) == before
    shutil.rmtree(place(here, "wrong"))
    shutil.copytree(kept, place(here, "wrong"))
    assert "says cosine, and the namespace's meta.db dot" in run("check", "--data", here, check=1).stdout


def test_life_by_commands(fresh, folder):
    """Beside a running server, which sees each change at once; then on a folder that no server uses."""
    client = fresh.client
    for data in (fresh.data, folder / "data"):
        running = data == fresh.data
        arguments = ["--data", data]

        def ns(*words, check=0):
            return run("ns", *words, *arguments, check=check)

        ns("create", "one", "--dimension", 3, "--metric", "dot", "--quota", "max_vectors=1", "--description", "d e")
        shown = json.loads(ns("show", "one", "--json").stdout)
        assert (shown["metric"], shown["dimension"], shown["description"]) == ("dot", 3, "d e")
        assert shown["quota"]["max_vectors"] == 1
        assert "already" in ns("create", "one", check=1).stderr
        assert "1 to 63" in ns("create", "One", check=1).stderr
        for wrong in (["frob"], ["show"], ["list", "one"], ["set-quota", "one"], ["set-status", "one"]):
            ns(*wrong, check=2)
        source = data.parent / "three.jsonl"
        source.write_text("".join(json.dumps({"id": i, "vector": [1, 2, 3]}) + "\n" for i in "abc"))
        done = run("import", source, "--namespace", "one", *arguments, check=1)
        assert "max_vectors" in done.stderr
        assert json.loads(ns("show", "one", "--json").stdout)["utilisation"]["max_vectors"]["used"] == 1
        if running:
            assert code(put(client, "one", "b")) == (403, "quota_exceeded")
        assert "max_vectors=2" in ns("set-quota", "one", "max_vectors=2", "max_batch_size=5").stdout
        assert "max_frobs" in ns("set-quota", "one", "max_frobs=2", check=1).stderr
        if running:
            assert put(client, "one", "b").status == 200
            assert code(put(client, "one", "c")) == (403, "quota_exceeded")
        ns("set-quota", "one", "max_vectors=default")
        ns("set-status", "one", "read_only")
        if running:
            assert code(put(client, "one", "c")) == (403, "namespace_read_only")
        assert "read-only" in run("import", source, "--namespace", "one", *arguments, check=1).stderr
        ns("set-status", "one", "active")
        run("import", source, "--namespace", "one", *arguments, check=0)
        assert "pending_deletion" in ns("delete", "one").stdout
        assert "was not deleted" not in ns("undelete", "one").stderr
        assert "was not deleted" in ns("undelete", "one", check=1).stderr
        if running:
            assert len(ask(client, "one").json()["results"]) == 3
        ns("create", "two")
        assert [line.split()[:2] for line in ns("list").stdout.splitlines()[1:]] == [["one", "active"], ["two", "active"]]
        ns("delete", "one", "--now")
        if running:
            assert code(ask(client, "one")) == (404, "not_found")
        assert [one["name"] for one in json.loads(ns("list", "--json").stdout)["namespaces"]] == ["two"]
        assert "0 problems" in harness.check_store(data)


def test_deleted_under_the_indexer(make_server):
    """Who deletes a namespace as it is being indexed troubles nobody: no line of the log is about it."""
    server = make_server(workers=1).start()
    records = [{"id": str(i), "vector": [i, 1, 2]} for i in range(500)]
    for number in range(60):
        make(server.client, f"n{number}")
        server.client.ok("POST", f"/v1/batch-upsert?namespace=n{number}", {"records": records})
        run("ns", "delete", f"n{number}", "--now", "--data", server.data, check=0)
    wait_for(lambda: not os.listdir(server.data / "ns"), "no folder left")
    server.stop()
    assert not re.findall(r".* \w+: namespace n.*", server.text())


def test_deletion_after_the_grace(make_server):
    server = make_server(args=["--delete-grace", 0]).start()
    client = server.client
    make(client, "brief")
    put(client, "brief", "a")
    make(client, "other")
    client.ok("DELETE", "/admin/namespaces/brief")
    wait_for(lambda: client.get("/admin/namespaces/brief").status == 404, "the indexer deletes it")
    assert len(list((server.data / "ns").iterdir())) == 1
    wait_for(lambda: "1 namespace deleted" in server.text(), "the log to say so")
    harness.check_store(server.data)


# ---- quotas ----


def test_quotas_of_one_request(client):
    ns = "q1"
    make(client, ns, quota={"max_results_per_query": 3, "max_batch_size": 2, "max_dimension": 3})
    assert code(put(client, ns, "x", [1, 2, 3, 4])) == (403, "quota_exceeded")
    records = [{"id": i, "vector": [1, 2, 3]} for i in "abcde"]
    for start in (0, 2, 4):
        assert client.post(f"/v1/batch-upsert?namespace={ns}", {"records": records[start : start + 2]}).status == 200
    table = [
        ("batch-upsert", {"records": records[:3]}, "records"),
        ("batch-execute", {"operations": [{"op": "delete", "id": "a"}] * 3}, "operations"),
        ("delete", {"ids": ["a", "b", "c"]}, "ids"),
        ("batch-query", {"queries": [{"id": "a"}] * 3}, "queries"),
        ("batch-query", {"queries": [{"id": "a"}, {"id": "a", "limit": 4}]}, "queries[1].limit"),
        ("query", {"id": "a", "limit": 4}, "limit"),
        ("query", {"id": "a", "limit": 2, "offset": 2}, "limit"),
        ("query", {"id": "a", "group_by": "x", "groups": 2, "group_size": 2}, "groups"),
        ("query-explain", {"id": "a", "limit": 4}, "limit"),
        ("recommend", {"positive": ["a"], "limit": 4}, "limit"),
    ]
    for target, body, field in table:
        reply = client.post(f"/v1/{target}?namespace={ns}", body)
        assert code(reply) == (403, "quota_exceeded") and reply.json()["field"] == field, (target, reply)
    lines = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    reply = client.post(f"/v1/batch-upsert?namespace={ns}", lines, content_type="application/x-ndjson")
    assert code(reply) == (403, "quota_exceeded")
    # Who does not say how many gets what there may be, now and after a change.
    assert len(ask(client, ns).json()["results"]) == 3
    assert len(client.ok("POST", f"/v1/batch-query?namespace={ns}", {"queries": [{"id": "a"}]})["results"][0]["results"]) == 3
    set_quota(client, ns, max_results_per_query=0)
    assert len(ask(client, ns).json()["results"]) == 5
    assert len(ask(client, ns, limit=5).json()["results"]) == 5
    set_quota(client, ns, max_results_per_query=4)
    assert code(ask(client, ns, limit=5)) == (403, "quota_exceeded")  # whatever is cached
    set_quota(client, ns, max_results_per_query=0)
    few = {"limit": 5, "filter": "@id = 'a'"}
    assert len(ask(client, ns, **few).json()["results"]) == 1 and ask(client, ns, **few).json()["stats"]["cache_hit"]
    set_quota(client, ns, max_results_per_query=4)
    assert code(ask(client, ns, **few)) == (403, "quota_exceeded")
    assert ask(client, ns, **{**few, "limit": 4}).status == 200


def test_partial_batch_up_to_the_quota(client):
    ns = "q2"
    make(client, ns, quota={"max_vectors": 3})
    records = [{"id": str(i), "vector": [1, 2, 3]} for i in range(5)]
    reply = client.post(f"/v1/batch-upsert?namespace={ns}", {"records": records})
    assert code(reply) == (403, "quota_exceeded") and reply.json()["field"] == "records[3].id"
    assert client.ok("POST", f"/v1/count?namespace={ns}", {})["count"] == 0
    some = client.ok("POST", f"/v1/batch-upsert?namespace={ns}", {"records": records, "atomic": False})
    assert some["inserted"] == 3
    assert [(error["index"], error["code"]) for error in some["errors"]] == [(3, "quota_exceeded"), (4, "quota_exceeded")]
    operations = [{"op": "delete", "id": "0"}, {"op": "upsert", "id": "9", "vector": [1, 2, 3]}]
    assert client.ok("POST", f"/v1/batch-execute?namespace={ns}", {"operations": operations})["succeeded"] == 2
    operations = [{"op": "soft_delete", "id": "1"}, {"op": "upsert", "id": "8", "vector": [1, 2, 3]}]
    assert code(client.post(f"/v1/batch-execute?namespace={ns}", {"operations": operations})) == (403, "quota_exceeded")


def test_bytes_are_never_passed(client):
    ns = "q3"
    make(client, ns, dimension=3)
    before = client.ok("GET", f"/admin/namespaces/{ns}")["utilisation"]["max_storage_bytes"]["used"]
    most = before + 100_000
    set_quota(client, ns, max_storage_bytes=most)
    stored = 0
    while True:
        reply = put(client, ns, str(stored), metadata={"text": "x" * 3000})
        used = client.ok("GET", f"/admin/namespaces/{ns}")["utilisation"]["max_storage_bytes"]["used"]
        assert used <= most
        if reply.status != 200:
            break
        stored += 1
    assert code(reply) == (403, "quota_exceeded") and 15 <= stored <= 33
    assert client.ok("POST", f"/v1/count?namespace={ns}", {})["count"] == stored
    for i in range(5):
        assert client.request("DELETE", f"/v1/delete/{i}?namespace={ns}").json()["deleted"]
    assert put(client, ns, "new", metadata={"text": "x" * 3000}).status == 200


def test_count_is_exact_under_writers_and_kills(make_server):
    """Never more than the quota at any moment, with kills; VECSTORE_STORM goes on for so many seconds, deleting now and then."""
    server = make_server(workers=6).start()
    client = server.client
    most, writers, stored = 150, STORM_CLIENTS, set()
    make(client, "tight", dimension=3, quota={"max_vectors": most})
    lock, done = threading.Lock(), threading.Event()
    faults = []
    end = time.monotonic() + STORM

    def used():
        return client.ok("GET", "/admin/namespaces/tight")["utilisation"]["max_vectors"]["used"]

    def make_room(number):
        """Deletes some of a writer's records, so that the storm goes on. Unless that is answered, nobody knows whether they are
        there."""
        with lock:
            ids = [record_id for record_id in stored if record_id.startswith(f"{number}-")][:4] or ["none"]
            stored.difference_update(ids)
        try:
            reply = client.post("/v1/delete?namespace=tight", {"ids": ids})
            if 400 <= reply.status < 500:
                faults.append(reply)
        except OSError:
            pass

    def write(number):
        rng = random.Random(number)
        i = 0
        while not done.is_set():
            if i % 5 == 4 and time.monotonic() < end:
                make_room(number)
            i += 1
            batch = [{"id": f"{number}-{i}-{j}", "vector": [1, 2, rng.random()]} for j in range(rng.choice([1, 1, 4]))]
            body = {"records": batch, "atomic": rng.random() < 0.5}
            try:
                reply = client.post("/v1/batch-upsert?namespace=tight", body)
            except OSError:
                continue
            if reply.status == 200:
                refused = {error["id"] for error in reply.json()["errors"]}
                with lock:
                    stored.update({record["id"] for record in batch} - refused)
            elif reply.status == 403:
                if reply.json()["code"] != "quota_exceeded":
                    faults.append(reply)
                if (body["atomic"] is False or len(batch) == 1) and time.monotonic() >= end:
                    break
            elif reply.status < 500:
                faults.append(reply)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    rng = random.Random(5)
    kills = 0
    while any(thread.is_alive() for thread in threads) and (kills < 12 or time.monotonic() < end):
        time.sleep(0.2 if STORM else 0.1)
        reply = client.post("/v1/count?namespace=tight", {})
        assert reply.status >= 500 or reply.json()["count"] <= most, reply
        pids = server.worker_pids()
        if pids:
            try:
                os.kill(rng.choice(pids), signal.SIGKILL)
                kills += 1
            except ProcessLookupError:
                pass
    server.wait_whole()
    wait_for(lambda: used() == most or not any(thread.is_alive() for thread in threads), "the quota to be full")
    done.set()
    for thread in threads:
        thread.join()
    assert not faults, faults[0]
    assert kills > 0
    assert used() == most
    there = {record["id"] for record in client.pages(namespace="tight", limit=1000)}
    assert len(there) == most and stored <= there
    assert code(put(client, "tight", "one-more")) == (403, "quota_exceeded")
    harness.check_store(server.data)


def test_rate_is_as_said(make_server):
    server = make_server(workers=4).start()
    client = server.client
    rate, seconds = 40, 2.0
    make(client, "slow", dimension=3, quota={"max_qps": rate})
    make(client, "free", dimension=3)
    admitted, refused, times = [], [], []
    start = time.monotonic()

    def push():
        while time.monotonic() - start < seconds:
            began = time.monotonic()
            reply = ask(client, "slow")
            ended = time.monotonic()
            if reply.status == 200:
                admitted.append(1)
                times.append((began, ended))
            else:
                assert code(reply) == (429, "rate_limited"), reply
                assert int(reply.headers["retry-after"]) == 1
                refused.append(1)

    threads = [threading.Thread(target=push) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # The bucket: a second's worth at the beginning, and what has run in until the last one was admitted.
    first, last = min(began for began, _ in times), max(ended for _, ended in times)
    assert refused
    assert len(admitted) <= 1.05 * (rate + rate * (last - first)) + 1
    assert client.metrics()["vecstore_rate_limited_total"] == len(refused)
    set_quota(client, "slow", max_qps=2)
    while (reply := ask(client, "slow")).status == 200:
        pass
    time.sleep(float(re.search(r"try again in ([0-9.]+) s", reply.error())[1]) + 0.002)
    assert ask(client, "slow").status == 200  # and nobody waits for longer than is said
    assert ask(client, "free").status == 200  # of another's bucket
    set_quota(client, "slow", max_qps=None)
    for _ in range(rate + 10):
        assert ask(client, "slow").status == 200


def test_places_come_back(fresh):
    """A request that is at work, because its peer does not read, holds a place; whoever kills its worker frees it."""
    client = fresh.client
    make(client, "few", dimension=3, quota={"max_connections": 1})
    for start in range(0, 300, 100):
        records = [{"id": str(i), "vector": [1, 2, 3], "metadata": {"t": "x" * 20000}} for i in range(start, start + 100)]
        assert client.post("/v1/batch-upsert?namespace=few", {"records": records}).status == 200

    def begin():
        return fastcgi.begin_lines(fresh.socket(), "/v1/records?namespace=few")

    def used():
        return client.ok("GET", "/admin/namespaces/few")["utilisation"]["max_concurrent_queries"]["used"]

    with begin():
        wait_for(lambda: used() == 1, "the place to be taken")
        reply = ask(client, "few")
        assert code(reply) == (429, "rate_limited") and "max_concurrent_queries" in reply.error()
    # Given up by the peer.
    wait_for(lambda: ask(client, "few").status == 200, "the place to be free")
    with begin():
        wait_for(lambda: used() == 1, "the place to be taken")
        for pid in fresh.worker_pids():
            os.kill(pid, signal.SIGKILL)
        fresh.wait_whole()
        assert used() == 0
        assert ask(client, "few").status == 200


def test_defaults_and_own(make_server):
    server = make_server(args=["--default-quota", "max_vectors=2,max_batch_size=1"]).start()
    client = server.client
    make(client, "plain", dimension=3)
    make(client, "more", dimension=3, quota={"max_vectors": 3})
    make(client, "free", dimension=3, quota={"max_vectors": 0})
    for ns, most in (("plain", 2), ("more", 3), ("free", 5), ("default", 2)):
        statuses = [put(client, ns, str(i)).status for i in range(5)]
        assert statuses == [200] * most + [403] * (5 - most), ns
    assert client.ok("GET", "/admin/namespaces/plain")["utilisation"]["max_vectors"] == {"used": 2, "most": 2, "ratio": 1}
    # They bind what jobs and commands make of others, too.
    reply = client.post("/admin/namespaces/free/clone?wait=60", {"to": "copy"})
    assert reply.status == 403 and reply.json()["code"] == "quota_exceeded", reply
    made = ["--data", server.data, "--default-quota", "max_vectors=2"]
    assert "max_vectors" in run("clone", "free", "copy", *made, check=1).stderr
    assert client.get("/admin/namespaces/copy").status == 404
    run("clone", "plain", "copy", *made, check=0)
    done = run("serve", "--default-quota", "max_vectors=x", "--data", server.folder / "other", check=1)
    assert "max_vectors" in done.stderr


# ---- usage ----


def usage_printed(server, *flags):
    return list(csv.DictReader(io.StringIO(run("usage", "--data", server.data, *flags, check=0).stdout)))


def test_usage(make_server):
    server = make_server(workers=2).start()
    client = server.client
    make(client, "a", dimension=3)
    make(client, "b", dimension=3)
    body = json.dumps({"vector": [1, 2, 3]}).encode()
    sent = received = 0
    for i in range(3):
        put(client, "a", str(i))
    for _ in range(4):
        reply = client.post("/v1/query?namespace=a", body, content_type="application/json")
        sent, received = sent + len(body), received + len(reply.body)
    client.request("DELETE", "/v1/delete/1?namespace=a")
    put(client, "b", "x")

    def row(ns):
        rows = client.ok("GET", f"/admin/usage?namespace={ns}")["usage"]
        return {name: sum(one[name] for one in rows) for name in rows[0] if name not in ("day", "namespace", "namespace_id")}

    used = row("a")
    assert (used["requests"], used["queries"], used["upserts"], used["deletes"]) == (8, 4, 3, 1)
    assert used["bytes_in"] > sent and used["bytes_out"] > received
    assert (row("b")["requests"], row("b")["upserts"]) == (1, 1)
    # The command beside a running server tells as much, by its counters, wherever they lie.
    put(client, "b", "y")
    assert [int(one["upserts"]) for one in usage_printed(server, "--run-dir", server.run_dir) if one["namespace"] == "b"] == [2]
    # Killed workers lose none of what was counted; the indexer brings it home; records count by time.
    for _ in range(5):
        ask(client, "b")
    for pid in server.worker_pids():
        os.kill(pid, signal.SIGKILL)
    server.wait_whole()
    wait_for(lambda: row("b")["vector_hours"] > 0, "the time of records")
    assert row("b")["queries"] == 5
    stats = client.ok("GET", "/admin/namespaces/a/stats")
    assert (stats["requests"], stats["queries"], stats["upserts"], stats["deletes"]) == (8, 4, 3, 1)
    assert stats["total_vectors"] == 2 and stats["utilisation"]["max_vectors"]["used"] == 2
    everything = client.ok("GET", "/admin/stats")
    assert everything["requests"] == 15 and everything["queries"] == 9
    client.ok("DELETE", "/admin/namespaces/b?now=true")
    ask(client, "a")
    server.stop()
    printed = usage_printed(server)
    assert sum(int(one["queries"]) for one in printed if one["namespace"] == "a") == 5
    assert sum(int(one["queries"]) for one in printed if one["namespace"] == "b") == 5  # though it is gone
    assert run("usage", "--data", server.data, "--from", "2999-01-01", check=0).stdout.count("\n") == 1
    assert "no day" in run("usage", "--data", server.data, "--to", "2026-02-30", check=1).stderr


# ---- kills ----

if os.environ.get("VECSTORE_FAULTS") == "1":

    @pytest.mark.parametrize("point", ["catalog-changed", "reap-doomed", "reap-removed"])
    @pytest.mark.parametrize("who", ["worker", "command"])
    def test_killed_while_deleting(make_server, point, who):
        server = make_server(workers=1).start()
        client = server.client
        for name in ("doomed", "stays"):
            make(client, name, dimension=3)
            put(client, name, "a")
        server.stop()
        env = {"VECSTORE_POINT": point}
        if who == "command":
            done = run("ns", "delete", "doomed", "--now", "--data", server.data, env=env)
            assert done.returncode == -signal.SIGKILL
        else:
            server.env = env
            server.start()
            try:
                client.request("DELETE", "/admin/namespaces/doomed?now=true")
            except OSError:
                pass
            server.kill()
        server.env = {}
        check = run("check", "--data", server.data)
        assert "0 problems" in check.stdout, check.stdout
        server.start()
        if client.get("/admin/namespaces/doomed").status == 200:
            status = client.ok("GET", "/admin/namespaces/doomed")["status"]
            if status == "active":  # the change was not committed
                assert point == "catalog-changed"
                assert len(ask(client, "doomed").json()["results"]) == 1
                client.ok("DELETE", "/admin/namespaces/doomed?now=true")
        wait_for(lambda: client.get("/admin/namespaces/doomed").status == 404, "the deletion to be gone on with")
        assert len(ask(client, "stays").json()["results"]) == 1
        assert len(list((server.data / "ns").iterdir())) == 1
        server.stop()
        assert "0 problems" in harness.check_store(server.data)
