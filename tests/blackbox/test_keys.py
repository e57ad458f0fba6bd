# SPDX-License-Identifier: Apache-2.0
"""Keys, tokens and users, by REST and by the command line, before several workers; the audit trail."""

import base64
import json
import os
import re
import signal
import sqlite3
import subprocess
import time

import pytest

import fastcgi
import harness
import webservers
from client import Client, exchange
from harness import wait_for

WORKERS = 3


def with_key(server, key, scheme="X-API-Key"):
    client = Client(server.port)
    client.headers = {"X-API-Key": key} if scheme == "X-API-Key" else {"Authorization": f"Bearer {key}"}
    return client


def create(client, **fields):
    return client.ok("POST", "/admin/keys", fields)


def cli_key(server, *arguments):
    return harness.run("key", "create", *arguments, "--data", server.data, check=0).stdout.strip()


def events(client, query=""):
    """The whole trail, page after page."""
    found, cursor = [], ""
    while cursor is not None:
        page = client.ok("GET", f"/admin/audit?limit=7{query}" + (f"&cursor={cursor}" if cursor else ""))
        found += page["events"]
        cursor = page["next_cursor"]
    return found


def everywhere(client, status, target="/v1/count"):
    """Every worker answers so: more requests than one worker could have a turn at alone."""
    return all(client.post(target, {}).status == status for _ in range(8 * WORKERS))


@pytest.fixture
def owned(make_server):
    """A server, its administrator's client."""
    server = make_server(workers=WORKERS).start()
    key = create(server.client, role="admin", name="root")["key"]
    return server, with_key(server, key)


def test_from_the_first_key_on(make_server):
    server = make_server(workers=WORKERS).start()
    nobody = server.client
    assert nobody.upsert("a", [1, 2])["success"]
    made = create(nobody, role="admin")
    assert made["key"].startswith(made["prefix"]) and made["state"] == "active" and made["namespace"] is None
    assert everywhere(nobody, 401)
    admin = with_key(server, made["key"])
    assert everywhere(admin, 200)
    assert everywhere(with_key(server, made["key"], "Bearer"), 200)
    assert nobody.get("/health").status == 200 and nobody.get("/ready").status == 200
    assert nobody.get("/metrics").status == 401
    assert [key["id"] for key in admin.ok("GET", "/admin/keys")["keys"]] == [made["id"]]
    assert "key" not in admin.ok("GET", "/admin/keys")["keys"][0]
    # The same after a restart, and for whoever finds the socket.
    server.stop()
    server.start()
    assert everywhere(nobody, 401) and everywhere(admin, 200)
    assert fastcgi.request(server.socket(), "GET", "/v1/stats").status == 401
    assert made["key"][12:] not in server.text()


def test_revocation_holds_at_once_in_every_worker(owned):
    server, admin = owned
    for turn in range(5):
        made = create(admin, role="reader", namespace="default")
        reader = with_key(server, made["key"])
        assert everywhere(reader, 200)
        if turn % 2:
            harness.run("key", "revoke", made["id"], "--data", server.data, check=0)
        else:
            assert admin.ok("DELETE", f"/admin/keys/{made['id']}")["state"] == "revoked"
        assert everywhere(reader, 401)


def test_rotation_and_expiry(owned):
    server, admin = owned
    made = create(admin, role="reader", namespace="default", name="r")
    new = admin.ok("POST", f"/admin/keys/{made['id']}/rotate", {"overlap_seconds": 2})
    assert everywhere(with_key(server, made["key"]), 200) and everywhere(with_key(server, new["key"]), 200)
    listed = {key["id"]: key for key in admin.ok("GET", "/admin/keys?namespace=default")["keys"]}
    assert listed[made["id"]]["state"] == "replaced" and listed[made["id"]]["replaced_by"] == new["id"]
    assert admin.post(f"/admin/keys/{made['id']}/rotate").status == 409
    wait_for(lambda: with_key(server, made["key"]).post("/v1/count", {}).status == 401, "the old key to end")
    assert everywhere(with_key(server, made["key"]), 401) and everywhere(with_key(server, new["key"]), 200)
    brief = create(admin, role="reader", namespace="default", ttl_seconds=1)
    wait_for(lambda: with_key(server, brief["key"]).post("/v1/count", {}).status == 401, "a key to expire")
    # The same answer for all that is no good.
    admin.ok("DELETE", f"/admin/keys/{new['id']}")
    answers = [with_key(server, key).post("/v1/count", {}).json() for key in (brief["key"], new["key"], "vsk_x", "x")]
    assert len({json.dumps({**answer, "request_id": ""}) for answer in answers}) == 1


def test_keys_of_a_stopped_server(make_server):
    server = make_server(workers=WORKERS)
    key = cli_key(server, "--role", "admin")
    other = json.loads(cli_key(server, "--role", "writer", "--namespace", "default", "--json", "--expires", "1h", "--name", "w"))
    assert other["role"] == "writer" and other["name"] == "w" and other["expires_at"]
    rows = harness.run("key", "list", "--json", "--data", server.data, check=0).stdout.splitlines()
    assert [json.loads(row)["role"] for row in rows] == ["admin", "writer"]
    assert other["id"] in harness.run("key", "list", "--data", server.data, check=0).stdout
    new = harness.run("key", "rotate", other["id"], "--overlap", "1h", "--data", server.data, check=0).stdout.strip()
    harness.run("key", "revoke", other["id"], "--data", server.data, check=0)
    server.launch()
    wait_for(lambda: b"vecstore: ready" in server.log.read_bytes(), "the server")
    assert everywhere(with_key(server, key), 200)
    assert with_key(server, new).upsert("a", [1, 2])["success"]
    assert with_key(server, other["key"]).post("/v1/count", {}).status == 401
    for wrong in (["create"], ["create", "--role", "reader"], ["create", "--role", "admin", "--expires", "soon"],
                  ["create", "--role", "reader", "--namespace", "x", "--filter", "a ="], ["revoke", "0" * 16]):
        done = harness.run("key", *wrong, "--data", server.data, check=1)
        assert done.stderr.startswith("vecstore: ") and not done.stdout
    for wrong in (["drop"], ["revoke"], ["list", "x"]):
        harness.run("key", *wrong, "--data", server.data, check=2)


def test_beyond_loopback_with_keys(make_server):
    """A server that others can reach starts once there is a key, a token's key or a list of users."""
    server = make_server()
    command = server.command()
    server.command = lambda: [f"0.0.0.0:{server.port}" if part.startswith("127.0.0.1:") else part for part in command]
    server.launch()
    assert server.process.wait(harness.DEADLINE) == 1
    assert "key create" in server.text()
    key = cli_key(server, "--role", "admin")
    server.start()
    assert with_key(server, key).upsert("a", [1])["success"]
    assert server.client.get("/v1/stats").status == 401


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def test_tokens(make_server, folder):
    """Of all three algorithms; new keys are known after SIGHUP, and a bad file keeps the old ones in use."""
    keys, private = folder / "keys", folder / "private"
    keys.mkdir()
    private.mkdir()
    (keys / "main.hs256").write_bytes(os.urandom(48))
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", private / "web.rs256")
    openssl("pkey", "-in", private / "web.rs256", "-pubout", "-out", keys / "web.rs256")
    server = make_server(workers=WORKERS, args=["--jwt-keys", keys, "--jwt-issuer", "tests"]).start()
    assert server.client.post("/v1/count", {}).status == 401  # tokens are credentials: loopback is nobody now

    def token(key, *arguments, role="reader", issuer="tests"):
        space = [] if role == "admin" else ["--namespace", "default"]
        done = harness.run("token", "--key", key, "--subject", "bob", "--role", role, *space, "--jwt-issuer", issuer, *arguments, check=0)
        return with_key(server, done.stdout.strip(), "Bearer")

    admin = token(keys / "main.hs256", role="admin")
    assert admin.upsert("a", [1, 2], {"t": 1})["success"]
    for client in (token(keys / "main.hs256"), token(private / "web.rs256"), token(keys / "main.hs256", "--filter", "t = 1")):
        assert everywhere(client, 200)
        assert client.post("/v1/upsert", {"id": "b", "vector": [1, 2]}).status == 403
    assert token(keys / "main.hs256", issuer="others").post("/v1/count", {}).status == 401
    brief = token(keys / "main.hs256", "--expires", "1s")
    wait_for(lambda: brief.post("/v1/count", {}).status == 401, "a token to expire")
    # A token in which one byte of the claims differs, in the place of another in use.
    head, claims, seal = admin.headers["Authorization"].split(" ")[1].split(".")
    forged = json.loads(base64.urlsafe_b64decode(claims + "=="))
    forged["sub"] = "eve"
    claims = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode().rstrip("=")
    assert with_key(server, f"{head}.{claims}.{seal}", "Bearer").post("/v1/count", {}).status == 401
    # A further key.
    openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", private / "edge.es256")
    edge = token(private / "edge.es256")
    assert edge.post("/v1/count", {}).status == 401
    openssl("ec", "-in", private / "edge.es256", "-pubout", "-out", keys / "edge.es256")
    server.reload()
    assert everywhere(edge, 200)
    (keys / "bad.rs256").write_text("no key")
    server.signal(signal.SIGHUP)
    wait_for(lambda: "bad.rs256" in server.text(), "the bad key to be refused")
    assert everywhere(edge, 200) and everywhere(admin, 200)
    assert {"token:bob"} <= {event.get("actor") for event in events(admin)}


def test_users_of_the_web_server(make_server, folder):
    """Trusted only where that was asked for, and never by a header."""
    users = folder / "users"
    users.write_text('alice admin\n"Bob B." reader default t = 1\n')
    server = make_server(workers=1, args=["--remote-users", users]).start()

    def ask(user, **more):
        more = {"REMOTE_USER": user, **more}
        return fastcgi.request(server.socket(), "POST", "/v1/count", b"{}", "application/json", more=more)

    assert ask("alice").status == 200 and ask("Bob B.").status == 200
    assert ask("mallory").status == 401 and ask("").status == 401
    assert ask("alice", HTTP_ORIGIN="http://evil.example", HTTP_HOST="localhost").status == 401
    # A name does not end at a NUL, wherever that stands and however the variables arrive.
    more = {"EMPTY": "", "LONG": "x" * 300, "REMOTE_USER": "alice"}
    for pieces in (16, 100, 1 << 20):
        for cut in ("", "\0", "\0.example.org", "\0" * 300):
            reply = fastcgi.request(server.socket(), "GET", "/admin/keys", more={**more, "REMOTE_USER": "alice" + cut}, pieces=pieces)
            assert reply.status == (400 if cut else 200), (pieces, cut)
    assert ask("alice", HTTP_X_A="x" * 100000).status == 200 and ask("alice", HTTP_X_A="x" * 140000).status == 400
    for header in ("REMOTE_USER", "Remote-User", "X-Remote-User"):
        assert server.client.post("/v1/count", {}, headers={header: "alice"}).status == 401
    # Whatever they are called, the trail has a line for each, and a terminal sees no control character.
    for name in ("a\n9  2026", "\x9b2Jraw", "\xc2\x9b2Jtwo", "\xc3\xa9\x1b]0;x\x07"):
        assert ask(name).status == 401
    trail = [harness.run("audit", *flags, "--data", server.data, check=0).stdout for flags in ([], ["--json"])]
    assert trail[0].count("\n") == trail[1].count("\n") and re.search("user:a[?]9  2026.*user:[?]2Jraw.*user:[?]{2}2Jtwo.*user:é[?]]0;x[?]", trail[0], re.S)
    untrusting = make_server(workers=1).start()
    key = create(untrusting.client, role="admin")["key"]
    reply = fastcgi.request(untrusting.socket(), "POST", "/v1/count", b"{}", "application/json", more={"REMOTE_USER": "alice"})
    assert reply.status == 401
    assert with_key(untrusting, key).post("/v1/count", {}).status == 200


@pytest.mark.parametrize("kind", [webservers.apache, webservers.lighttpd])
def test_logins_of_web_servers(make_server, folder, kind):
    """As httpd-conf has it: the web server asks for a password, and tells who that was."""
    users, passwords = folder / "users", folder / "htpasswd"
    users.write_text("alice admin\nbob reader default\n")
    hashed = {name: subprocess.check_output(["openssl", "passwd", "-apr1", name + "!"], text=True) for name in ("alice", "bob", "eve")}
    passwords.write_text("".join(f"{name}:{text}" for name, text in hashed.items()))
    server = make_server(workers=1, http=False, args=["--remote-users", users]).start()
    port = harness.free_port()
    front = kind(folder, port, server.socket(), webservers.Login(passwords=passwords))
    try:
        front.wait()

        def ask(name, target="/v1/count", password=None, **headers):
            login = base64.b64encode(f"{name}:{password or name + '!'}".encode()).decode()
            connection = Client(port).connect()  # its answers are the web server's, too
            return exchange(connection, "POST", target, {}, headers={"Host": "localhost", "Authorization": f"Basic {login}", **headers})

        assert ask("alice").status == ask("bob").status == 200
        assert ask("bob", "/admin/keys").status == 403 and ask("alice", "/admin/keys").status == 400
        assert ask("eve").json()["error"] == "this user is nobody here"
        assert ask("alice", password="wrong").status == 401
        assert ask("bob", Remote_User="alice", REMOTE_USER="alice").status in (200, 400)
        assert ask("bob", "/admin/keys", **{"Remote-User": "alice", "X-Remote-User": "alice"}).status == 403
    finally:
        front.stop()


def test_rows_of_tenants(owned):
    """Each tenant sees its own rows alone, whatever the cache holds, while all write."""
    server, admin = owned
    tenants = {name: with_key(server, create(admin, role="writer", namespace="default", filter=f"tenant = '{name}'")["key"]) for name in "abc"}
    for name, client in tenants.items():
        client.batch([{"id": f"{name}{n}", "vector": [n + 1, 1], "metadata": {"tenant": name, "n": n}} for n in range(20)])
    for _ in range(3):  # from the cache, too
        for name, client in tenants.items():
            answer = client.query([1, 1], limit=100)
            assert {result["metadata"]["tenant"] for result in answer["results"]} == {name}
            assert len(answer["results"]) == answer["stats"]["total_candidates"] == 20
    assert len(admin.found([1, 1], limit=100)) == 60
    a = tenants["a"]
    reply = a.request("GET", "/v1/records?limit=1000", headers={"Accept": "application/x-ndjson"})
    assert {json.loads(line)["id"][0] for line in reply.body.splitlines() if b'"id"' in line} == {"a"}
    failed = a.ok("POST", "/v1/batch-upsert", {"atomic": False, "records": [{"id": "b0", "vector": [1, 1], "metadata": {"tenant": "a"}}, {"id": "x", "vector": [1, 1]}]})
    assert [error["code"] for error in failed["errors"]] == ["forbidden"] * 2 and failed["inserted"] == 0
    done = a.ok("POST", "/v1/batch-execute", {"operations": [{"op": "delete", "id": "b0"}, {"op": "soft_delete", "id": "a1"}]})
    assert done["succeeded"] == 2
    assert a.ok("POST", "/v1/delete", {"filter": "n >= 0"})["deleted"] == 19
    assert len(tenants["b"].found([1, 1], limit=100)) == 20
    assert {event["reason"] for event in events(admin) if event["result"] == "denied"} == {"outside its filter"}


def test_trail(owned):
    """Who, what, where from; at a bounded rate; whole; and what was tampered with shows."""
    server, admin = owned
    made = create(admin, role="reader", namespace="default")
    reader = with_key(server, made["key"])
    assert reader.post("/v1/compact").status == 403
    assert reader.post("/v1/count", {"namespace": "other"}).status == 404
    admin.ok("POST", "/v1/compact?wait=60")
    cli_key(server, "--role", "metrics")
    by_actor = {}
    for event in events(admin):
        by_actor.setdefault(event.get("actor"), []).append((event["action"], event["result"], event.get("reason")))
    assert by_actor[f"key:{made['id']}"] == [
        ("POST /v1/compact", "denied", "not with this role"),
        ("POST /v1/count", "denied", "another namespace"),
    ]
    root = f"key:{admin.ok('GET', '/admin/keys')['keys'][0]['id']}"
    assert ("POST /v1/compact", "ok", None) in by_actor[root] and ("POST /admin/keys", "ok", None) in by_actor[root]
    assert by_actor[f"local:{os.getuid()}"] == [("key create", "ok", None)]
    assert [event["action"] for event in events(admin, f"&actor={root}&namespace=default")] == ["POST /admin/keys", "POST /v1/compact"]
    assert events(admin, "&since=2999-01-01T00:00:00Z") == []
    # A flood: all are counted, few are rows.
    before = len(events(admin))
    for _ in range(300):
        assert server.client.post("/v1/count", {}).status == 401
    assert len(events(admin)) - before <= 10 * WORKERS
    assert admin.metrics()["vecstore_denied_total"] >= 300
    server.stop()
    rows = [json.loads(line) for line in harness.run("audit", "--json", "--data", server.data, check=0).stdout.splitlines()]
    assert sum(row["count"] for row in rows if row["result"] == "denied") == 302
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    text = harness.run("audit", "--actor", root, "--since", "1h", "--data", server.data, check=0).stdout
    assert "POST /v1/compact" in text and "denied" not in text
    harness.check_store(server.data)
    with sqlite3.connect(server.data / "catalog.db") as db:
        db.execute("DELETE FROM audit WHERE seq = 2")
    db.close()
    assert "audit trail" in harness.run("check", "--data", server.data, check=1).stdout


def test_kills_lose_no_key(make_server):
    """A key that was answered is there after kill -9 of all; one that was not is there or not, and the trail is whole."""
    server = make_server(workers=WORKERS).start()
    admin = with_key(server, create(server.client, role="admin")["key"])
    known = []
    for _ in range(6):
        for _ in range(4):
            known.append(create(admin, role="reader", namespace="default"))
        server.kill()
        server.launch()
        wait_for(lambda: b"vecstore: ready" in server.log.read_bytes()[server.log_start :], "the server")
        assert everywhere(admin, 200)
    listed = {key["id"] for key in admin.ok("GET", "/admin/keys")["keys"]}
    assert {key["id"] for key in known} <= listed
    for key in known[::5]:
        assert with_key(server, key["key"]).post("/v1/count", {}).status == 200
    assert len([event for event in events(admin) if event["action"] == "POST /admin/keys"]) == len(listed)
    server.stop()
    harness.check_store(server.data)


if os.environ.get("VECSTORE_FAULTS") == "1":

    @pytest.mark.parametrize("point,credential", [("key-before-commit", True), ("audit-before-commit", False)])
    def test_kill_at_point(folder, point, credential):
        """Neither half a key nor half an event."""
        data = folder / "data"
        key = harness.run("key", "create", "--role", "admin", "--data", data, check=0).stdout.strip()
        headers = {"HTTP_X_API_KEY": key} if credential else {}

        def make(**env):
            return fastcgi.cgi(data, "POST", "/admin/keys", b'{"role": "metrics"}', "application/json", env={**headers, **env})

        with pytest.raises(AssertionError, match="-9"):
            make(VECSTORE_POINT=point)
        assert len(harness.run("key", "list", "--json", "--data", data, check=0).stdout.splitlines()) == 1
        assert len(harness.run("audit", "--json", "--data", data, check=0).stdout.splitlines()) == 1
        assert make().status == (200 if credential else 401)
        assert len(harness.run("audit", "--json", "--data", data, check=0).stdout.splitlines()) == 2
        harness.check_store(data)
