# SPDX-License-Identifier: Apache-2.0
"""What administrators do stands in the audit trail, whichever way they do it: a change of the catalogue in the commit that
makes it, work on files before it begins and when it has ended."""

import json
import os
import sqlite3

import pytest

import fastcgi
import harness
from client import Client
from harness import run, wait_for

LOCAL = f"local:{os.getuid()}"


def trail(data):
    return [json.loads(line) for line in run("audit", "--json", "--data", data, check=0).stdout.splitlines()]


def told(events):
    return [(event["action"], event.get("namespace"), event.get("object"), event["result"]) for event in events]


def since(data, seq):
    return told(event for event in trail(data) if event["seq"] > seq)


def both(action, ns, named=None, result="ok"):
    return [(action, ns, named, "begun"), (action, ns, named, result)]


@pytest.fixture
def stored(folder):
    """A data folder with a namespace of three records."""
    data, records = folder / "data", folder / "records.jsonl"
    records.write_text("".join(json.dumps({"id": str(n), "vector": [n, 1]}) + "\n" for n in range(3)))
    run("import", records, "--namespace", "films", "--data", data, check=0)
    return data


def test_namespaces_by_command(folder):
    data = folder / "data"
    for words, expected in [
        (["ns", "create", "films"], [("ns create", "films", None, "ok")]),
        (["ns", "set-quota", "films", "max_vectors=5"], [("ns set-quota", "films", None, "ok")]),
        (["ns", "set-status", "films", "read_only"], [("ns set-status", "films", "read_only", "ok")]),
        (["ns", "delete", "films"], [("ns delete", "films", "pending_deletion", "ok")]),
        (["ns", "undelete", "films"], [("ns undelete", "films", "active", "ok")]),
        (["ns", "list"], []),
        (["ns", "show", "films"], []),
        (
            ["ns", "delete", "films", "--now"],
            [("ns delete", "films", "pending_deletion", "ok"), ("namespace removal", "films", None, "ok")],
        ),
    ]:
        seq = len(trail(data)) if data.exists() else 0
        run(*words, "--data", data, check=0)
        assert since(data, seq) == expected, words
    actors = [event["actor"] for event in trail(data)]
    assert set(actors[:-1]) == {LOCAL} and actors[-1] == "vecstore"
    assert all(event["origin"] == "local" for event in trail(data)[:-1])


def test_work_on_files_by_command(stored, folder):
    made = trail(stored)
    assert told(made) == [("import", "films", None, "ok")] and made[0]["reason"] == "made on first use"
    tar = folder / "s.tar"
    films = ["--namespace", "films"]
    for words, expected in [
        (["import", folder / "records.jsonl", *films], []),
        (["export", *films], []),
        (["snapshot", "create", "s", *films], both("snapshot create", "films", "s")),
        (["snapshot", "list", *films], []),
        (["snapshot", "verify", "s", *films], []),
        (["snapshot", "export", "s", tar, *films], []),
        (["snapshot", "restore", "s", *films], both("snapshot restore", "films", "s")),
        (["snapshot", "restore", "s", "--into", "other", *films], both("snapshot restore", "films", "s into other")),
        (["snapshot", "restore", "none", *films], both("snapshot restore", "films", "none", "not_found")),
        (["snapshot", "delete", "s", *films], both("snapshot delete", "films", "s")),
        (
            ["snapshot", "import", tar, "t", "--namespace", "fresh"],
            [("snapshot import", "fresh", None, "ok"), *both("snapshot import", "fresh", "t")],
        ),
        (["clone", "films", "copy"], both("clone", "films", "copy")),
        (["compact", *films], both("compact", "films")),
        (["check"], []),
        (["check", "--repair"], both("check --repair", None)),
    ]:
        seq = trail(stored)[-1]["seq"]
        run(*words, "--data", stored)
        assert since(stored, seq) == expected, words
    assert {event["actor"] for event in trail(stored)} == {LOCAL}
    # Nothing is done that cannot be recorded.
    with sqlite3.connect(stored / "catalog.db") as db:
        db.execute("DELETE FROM audit_chain")
    db.close()
    before = run("snapshot", "list", "--namespace", "fresh", "--data", stored, check=0).stdout
    assert "t" in before
    assert "audit trail" in run("snapshot", "delete", "t", "--namespace", "fresh", "--data", stored, check=1).stderr
    assert "audit trail" in run("ns", "set-status", "fresh", "suspended", "--data", stored, check=1).stderr
    assert run("snapshot", "list", "--namespace", "fresh", "--data", stored, check=0).stdout == before
    assert "active" in run("ns", "show", "fresh", "--data", stored, check=0).stdout
    # But for what mends.
    done = run("check", "--repair", "--namespace", "fresh", "--data", stored, check=0)
    assert "goes on without the audit trail" in done.stderr and "1 namespace, 0 records" in done.stdout


def test_by_request(make_server):
    server = make_server(workers=2).start()
    key = server.client.ok("POST", "/admin/keys", {"role": "admin"})
    admin = Client(server.port)
    admin.headers = {"X-API-Key": key["key"]}
    films, tar = "?namespace=films", None
    for method, target, body, expected in [
        ("POST", "/admin/namespaces", {"name": "films", "dimension": 2}, [("films", None, "ok")]),
        ("POST", "/admin/namespaces", {"name": "films"}, [("films", None, "conflict")]),
        ("PATCH", "/admin/namespaces/films", {"description": "x"}, [("films", None, "ok")]),
        ("PUT", "/admin/namespaces/films/quotas", {"max_vectors": 5}, [("films", None, "ok")]),
        ("PUT", "/admin/namespaces/films/status", {"status": "read_only"}, [("films", "read_only", "ok")]),
        ("PUT", "/admin/namespaces/films/status", {"status": "active"}, [("films", "active", "ok")]),
        ("PUT", "/admin/namespaces/none/status", {"status": "active"}, [("none", "active", "not_found")]),
        ("POST", "/v1/compact" + films, None, [("films", None, "ok")]),
        ("POST", "/v1/snapshots" + films, {"name": "s"}, [("films", "s", "ok")]),
        ("GET", "/v1/snapshots" + films, None, []),
        ("GET", "/v1/snapshots/s" + films, None, []),
        ("PUT", "/v1/snapshots/t" + films, "tar", [("films", "t", "begun"), ("films", "t", "ok")]),
        ("PUT", "/v1/snapshots/u" + films, b"no archive", [("films", "u", "begun"), ("films", "u", "invalid_argument")]),
        ("POST", "/v1/snapshots/s/restore" + films, None, [("films", "s", "ok")]),
        ("POST", "/v1/snapshots/s/restore" + films, {"into": "other"}, [("films", "s into other", "ok")]),
        ("POST", "/admin/namespaces/films/clone", {"to": "copy"}, [("films", "copy", "ok")]),
        ("DELETE", "/v1/snapshots/s" + films, None, [("films", "s", "begun"), ("films", "s", "ok")]),
        ("DELETE", "/v1/snapshots/s" + films, None, [("films", "s", "begun"), ("films", "s", "not_found")]),
        ("POST", "/v1/compact?wait=0&namespace=films", None, [("films", None, "ok")]),
        ("DELETE", "/admin/namespaces/films", None, [("films", "pending_deletion", "ok")]),
    ]:
        seq = trail(server.data)[-1]["seq"]
        kind = "application/x-tar" if isinstance(body, (str, bytes)) else None
        reply = admin.request(method, target, tar if body == "tar" else body, content_type=kind)
        tar = reply.body if target == "/v1/snapshots/s" + films and method == "GET" else tar
        found = trail(server.data)
        assert [event[1:] for event in since(server.data, seq)] == expected, (method, target, reply)
        for event in (event for event in found if event["seq"] > seq):
            assert event["actor"] == f"key:{key['id']}" and event["request_id"] and event["origin"] == "127.0.0.1"
    # Each has its line in the log, which follows the answer; what was begun too.
    for event in trail(server.data)[1:]:
        line = f"audit {event['seq']} {event['hash'][:16]}: {event['action']} by"
        wait_for(lambda: line in server.text(), line)
    # The namespace that nobody has asked for by its name.
    seq = trail(server.data)[-1]["seq"]
    assert admin.upsert("a", [1, 2])["success"] and admin.upsert("b", [1, 2])["success"]
    assert since(server.data, seq) == [("POST /v1/upsert", "default", None, "ok")]
    # Deleted at once, and removed.
    admin.ok("DELETE", "/admin/namespaces/other?now=true")
    assert since(server.data, seq + 1) == [
        ("DELETE /admin/namespaces/{name}", "other", "pending_deletion", "ok"),
        ("namespace removal", "other", None, "ok"),
    ]
    server.stop()
    harness.check_store(server.data)


def test_quotas_that_were_set(make_server):
    """With their values, by request and by command, of namespaces and of keys; in the log, too."""
    server = make_server(workers=1).start()
    most, less = {"max_vectors": 9, "max_batch_size": None}, {"max_qps": 3}
    key = server.client.ok("POST", "/admin/keys", {"role": "admin", "quota": less})
    admin = Client(server.port)
    admin.headers = {"X-API-Key": key["key"]}
    admin.ok("POST", "/admin/namespaces", {"name": "films", "quota": {"max_vectors": 0}})
    admin.ok("POST", "/admin/namespaces", {"name": "plain"})
    admin.ok("PUT", "/admin/namespaces/films/quotas", most)
    admin.ok("PUT", f"/admin/keys/{key['id']}/quotas", {"max_batch_size": 100000, "max_requests_per_second": None})
    admin.ok("PATCH", "/admin/namespaces/films", {"description": "x"})
    for words in (
        ["ns", "create", "more", "--quota", "max_dimension=8192"],
        ["ns", "set-quota", "more", "max_vectors=0", "max_dimension=default"],
        ["key", "create", "--role", "reader", "--namespace", "films", "--quota", "max_results_per_query=1"],
        ["key", "set-quota", key["id"], "max_batch_size=default"],
    ):
        run(*words, "--data", server.data, check=0)
    told = [event.get("reason") for event in trail(server.data)]
    assert told == [
        "max_requests_per_second=3",
        "max_vectors=0",
        None,
        "max_vectors=9,max_batch_size=default",
        "max_requests_per_second=default,max_batch_size=100000",
        None,
        "max_dimension=8192",
        "max_vectors=0,max_dimension=default",
        "max_results_per_query=1",
        "max_batch_size=default",
    ]
    wait_for(lambda: "namespace films, object -: ok, max_vectors=9,max_batch_size=default" in server.text(), "the line in the log")


def test_cancelled_jobs(stored):
    """Nobody works them off."""
    reply = fastcgi.cgi(stored, "POST", "/v1/compact?namespace=films&wait=0")
    assert reply.status == 202
    job = reply.json()["id"]
    seq = trail(stored)[-1]["seq"]
    run("jobs", "cancel", str(job), "--data", stored, check=0)
    assert since(stored, seq) == [("jobs cancel", "films", str(job), "ok")]
    run("jobs", "cancel", str(job), "--data", stored, check=0)
    assert since(stored, seq + 1) == []
    job = fastcgi.cgi(stored, "POST", "/v1/compact?namespace=films&wait=0").json()["id"]
    assert fastcgi.cgi(stored, "POST", f"/v1/jobs/{job}/cancel?namespace=films").status == 200
    assert since(stored, seq + 1) == [
        ("POST /v1/compact", "films", None, "ok"),
        ("POST /v1/jobs/{id}/cancel", "films", str(job), "ok"),
    ]


def test_kills_part_no_change_from_its_event(make_server):
    """After kill -9 of all, again and again, there are as many events as changes."""
    server = make_server(workers=2).start()
    name = 0
    for _ in range(4):
        for _ in range(5):
            name += 1
            server.client.ok("POST", "/admin/namespaces", {"name": f"n{name}"})
            server.client.ok("PATCH", f"/admin/namespaces/n{name}", {"description": "changed"})
        server.kill()
        server.launch()
        wait_for(server.ready, "the server")
    listed = server.client.ok("GET", "/admin/namespaces")["namespaces"]
    assert len(listed) == name
    events = told(trail(server.data))
    for ns in listed:
        assert ("POST /admin/namespaces", ns["name"], None, "ok") in events
        assert ("PATCH /admin/namespaces/{name}", ns["name"], None, "ok") in events
    assert len(events) == 2 * name
    server.stop()
    harness.check_store(server.data)


if os.environ.get("VECSTORE_FAULTS") == "1":

    def state(data):
        """All that can be changed below."""
        with sqlite3.connect(data / "catalog.db") as db:
            rows = db.execute("SELECT name, status, quota, description FROM namespace ORDER BY name").fetchall()
            jobs = db.execute("SELECT id, kind, state FROM job ORDER BY id").fetchall()
        db.close()
        return rows, jobs

    FILMS = "/admin/namespaces/films"
    # What is asked for, the command that does the same, and the point that is passed while the change is made.
    CHANGES = {
        "create": ("POST", "/admin/namespaces", {"name": "made"}, ["create", "made"], "catalog-before-commit"),
        "quota": ("PUT", FILMS + "/quotas", {"max_vectors": 9}, ["set-quota", "films", "max_vectors=9"], "catalog-changed"),
        "status": ("PUT", FILMS + "/status", {"status": "suspended"}, ["set-status", "films", "suspended"], "catalog-changed"),
        "delete": ("DELETE", FILMS, None, ["delete", "films"], "catalog-changed"),
        "job": ("POST", "/v1/compact?namespace=films&wait=0", None, None, None),
    }
    KILLS = [
        (what, way, point)
        for what, (*_, words, changed) in CHANGES.items()
        for way in ("request", "command")
        for point in (changed, "event-before-commit", "event-committed")
        if point and (words or way == "request")
    ]

    @pytest.mark.parametrize("what,way,point", KILLS)
    def test_killed_at_point(stored, what, way, point):
        """No change without its event, no event without its change."""
        method, target, body, words, _ = CHANGES[what]
        before, seq = state(stored), trail(stored)[-1]["seq"]
        if way == "command":
            assert run("ns", *words, "--data", stored, env={"VECSTORE_POINT": point}).returncode == -9
        else:
            text = json.dumps(body).encode() if body else b""
            with pytest.raises(AssertionError, match="-9"):
                fastcgi.cgi(stored, method, target, text, "application/json", env={"VECSTORE_POINT": point})
        committed = point == "event-committed"
        assert (state(stored) != before) == committed
        assert len(since(stored, seq)) == committed
        run("check", "--repair", "--data", stored, check=0)  # the folder of a namespace that was not made
        harness.check_store(stored)

    @pytest.mark.parametrize("way", ["request", "command"])
    def test_killed_while_files_go(stored, way):
        """That it was begun, and by whom, is known."""
        run("snapshot", "create", "s", "--namespace", "films", "--data", stored, check=0)
        seq = trail(stored)[-1]["seq"]
        point = {"VECSTORE_POINT": "snapshot-gone"}
        if way == "command":
            assert run("snapshot", "delete", "s", "--namespace", "films", "--data", stored, env=point).returncode == -9
        else:
            with pytest.raises(AssertionError, match="-9"):
                fastcgi.cgi(stored, "DELETE", "/v1/snapshots/s?namespace=films", env=point)
        assert [event[1:] for event in since(stored, seq)] == [("films", "s", "begun")]
        assert run("snapshot", "list", "--namespace", "films", "--data", stored, check=0).stdout == ""
