# SPDX-License-Identifier: Apache-2.0
"""doc/openapi.yaml held against the server: every operation, every answer it describes provoked, every example sent.

An operation that is new in the description is walked as the others are. What the ways of PROVOCATIONS do not provoke of it
needs a line in SPECIAL."""

import contextlib
import errno
import json
import os
import shutil
import sqlite3
import tempfile
import threading
from pathlib import Path

import pytest

import conftest
import described
import fastcgi
import harness
from harness import wait_for
from test_jobs import held, hold
from test_serve import in_mounts

pytestmark = pytest.mark.xdist_group("openapi")

OPERATIONS = described.operations()
VECTORS = {"king": [0.12, -0.4, 0.33, 0.05], "queen": [0.1, -0.38, 0.4, 0.11], "prince": [0.2, -0.3, 0.3, 0], "knave": [1, 0, 0, 1]}
NO_VERSION = 2**52  # each seed stores "king" anew, with a version of its own
NO_QUOTAS = {"max_vectors": None, "max_requests_per_second": None, "max_concurrent_queries": None}
LONG = 128 << 10  # bytes, beyond which a request target is refused


KEY = "5bde83a238c2a979"  # of the examples


def seed_key(data):
    """A key of the examples' id, which is good, and whose secret nobody knows."""
    row = (1000, KEY, os.urandom(32), "vsk_00000000", "", "shop", 2, "", "", 1, 0, 0, "")
    with sqlite3.connect(data / "catalog.db", timeout=30) as db:
        db.execute(f"INSERT OR REPLACE INTO api_key VALUES ({', '.join('?' * len(row))})", row)
    db.close()


def own(server):
    """Its client becomes the administrator; other roles are at hand."""
    server.keys = {}
    for role in ("admin", "metrics", "reader"):
        space = ["--namespace", "default"] if role == "reader" else []
        done = harness.run("key", "create", "--role", role, *space, "--data", server.data, check=0)
        server.keys[role] = done.stdout.strip()
    server.client.headers = {"X-API-Key": server.keys["admin"]}
    server.client.before_seed = lambda: seed_key(server.data)


def seed(client):
    """What the examples speak of; no namespace but `default`."""
    client.before_seed()
    for name in ("shop", "frozen", "narrow"):
        client.request("DELETE", f"/admin/namespaces/{name}?now=true")
    client.request("PUT", "/admin/namespaces/default/status", {"status": "active"})
    client.request("PUT", "/admin/namespaces/default/quotas", NO_QUOTAS)
    conftest.empty(client)
    records = [
        {"id": name, "vector": vector, "metadata": {"rank": 10 * place, "first": name[0]}}
        for place, (name, vector) in enumerate(VECTORS.items(), 1)
    ]
    client.batch(records)
    seed_snapshots(client)


def seed_snapshots(client):
    """A snapshot `king`, a file of it to upload; and none that an example makes."""
    for state in ("queued", "running"):
        wait_for(lambda: not client.ok("GET", f"/v1/jobs?state={state}")["jobs"], "earlier jobs")
    names = [snapshot["name"] for snapshot in client.ok("GET", "/v1/snapshots")["snapshots"]]
    for name in names:
        if name != "king":
            client.ok("DELETE", f"/v1/snapshots/{name}")
    if "king" not in names:
        client.ok("POST", "/v1/snapshots", {"name": "king"})
        described.BINARY["uploadSnapshot"] = client.get("/v1/snapshots/king").body


def seed_job(data):
    """Job 1: a cancelled one, which may be cancelled again."""
    with sqlite3.connect(data / "catalog.db") as db:
        db.execute(
            "INSERT OR REPLACE INTO job (id, kind, namespace, folder, arguments, state, created_at) SELECT 1, 'compact', name, "
            "folder, '{}', 4, created_at FROM namespace"
        )
    db.close()


@pytest.fixture(scope="module")
def seeded():
    for server in conftest.serving():
        own(server)
        seed(server.client)
        seed_job(server.data)
        yield server


def send(operation, client, body=None, kind=None, headers=None, target=None):
    """A request that only lacks what is to be wrong with it."""
    if kind is None:
        kind, body = operation.body()
    return client.request(operation.method, target or operation.target(), body, content_type=kind, headers=headers)


def test_served_as_written(seeded):
    """With the version of the program in it."""
    served, written = seeded.client.ok("GET", "/openapi.json"), dict(described.document())
    version = seeded.client.ok("GET", "/health")["version"]
    assert served == {**written, "openapi": "3.1.0", "info": {**written["info"], "version": version}}


def as_it_is(client, value):
    """An example (a body, or a part of it) with the versions that the records have here."""
    if isinstance(value, bytes) and b"if_version" in value:
        return json.dumps(as_it_is(client, json.loads(value))).encode()
    if isinstance(value, list):
        return [as_it_is(client, one) for one in value]
    if not isinstance(value, dict):
        return value
    made = {name: as_it_is(client, one) for name, one in value.items()}
    if "if_version" in made:
        made["if_version"] = client.record(made.get("id", "king")).json()["version"]
    return made


# ---- examples ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPERATIONS)
def test_examples_are_answered(seeded, name):
    """Each request that the description gives as an example works, and gets an answer as described."""
    operation = OPERATIONS[name]
    for example, kind, body in operation.examples():
        seed(seeded.client)
        if kind == "application/json":
            wrong = described.faults(operation.bodies[kind]["schema"], json.loads(body))
            assert not wrong, f"{name}, {example}: {wrong}"
        reply = send(operation, seeded.client, as_it_is(seeded.client, body), kind or "")
        operation.check(reply)
        assert reply.status == 200, f"{name}, {example}: {reply}"


@pytest.mark.parametrize("name", OPERATIONS)
def test_examples_of_answers_and_parameters_are_valid(name):
    operation = OPERATIONS[name]
    for code, answer in operation.answers.items():
        for kind, content in answer.get("content", {}).items():
            examples = described.content_examples(content)
            assert examples, f"{name} {code} {kind}: no example"
            for example, value in examples.items():
                wrong = described.faults(described.closed(content["schema"]), value)
                assert not wrong, f"{name} {code}, {example}: {wrong}"
    for parameter in operation.parameters:
        for value in [parameter["example"]] if "example" in parameter else parameter["schema"].get("examples", []):
            wrong = described.faults(parameter["schema"], value)
            assert not wrong, f"{name}, {parameter['name']}: {wrong}"


# ---- every answer -----------------------------------------------------------------------------------------------


def unknown_parameter(operation, server):
    return send(operation, server.client, target=operation.target(no_such_parameter=1))


def unknown_key(operation, server):
    return send(operation, server.client, headers={"X-API-Key": "vsk_unknown"})


def too_weak(operation, server):
    key = server.keys["reader" if operation.name == "metrics" else "metrics"]
    return send(operation, server.client, headers={"X-API-Key": key})


def not_its_namespace(operation, server):
    return send(operation, server.client, headers={"X-API-Key": server.keys["reader"]}, target=operation.target(namespace="none"))


def no_such_namespace(operation, server):
    if "{name}" in operation.path:
        return send(operation, server.client, target=operation.target("no-such-namespace"))
    return send(operation, server.client, target=operation.target(namespace="no-such-namespace"))


def other_version(operation, server):
    return send(operation, server.client, headers={"If-Match": f'"{NO_VERSION}"'})


def other_version_in(field):
    """Of operations that take many, each with a condition of its own."""
    one = {"op": "upsert"} if field == "operations" else {}
    body = {field: [{**one, "id": "king", "vector": VECTORS["king"], "if_version": NO_VERSION}]}
    return lambda operation, server: server.client.request(operation.method, operation.target(), body)


def same_version(operation, server):
    tags = '"0", ' + server.client.record("king").headers["etag"]
    return send(operation, server.client, headers={"If-None-Match": tags})


def long_target(operation, server):
    """Web servers stop this one before it gets so far (431)."""
    kind, body = operation.body()
    target = operation.target(namespace="x" * LONG)
    return fastcgi.request(server.socket(), operation.method, target, body or b"", kind)


def no_such_place(operation, server):
    return send(operation, server.client, target=operation.target("no-such-namespace"))


def with_body(body):
    return lambda operation, server: server.client.request(operation.method, operation.target(), body)


def to_king(operation, server):
    return send(operation, server.client, target=operation.target("king"))


def long_header(operation, server):
    return send(operation, server.client, headers={"X-Long": "x" * 9000})


def beyond_the_newest(operation, server):
    return send(operation, server.client, target=operation.target(since=10**9))


def not_json(operation, server):
    return send(operation, server.client, b"<a/>", "text/xml")


def frozen_namespace(operation, server):
    server.client.ok("POST", "/admin/namespaces", {"name": "frozen"})
    server.client.ok("PUT", "/admin/namespaces/frozen/status", {"status": "read_only"})
    return send(operation, server.client, target=operation.target(namespace="frozen"))


def more_results(**body):
    """Than the namespace may have."""

    def provoke(operation, server):
        server.client.ok("POST", "/admin/namespaces", {"name": "narrow", "quota": {"max_results_per_query": 1}})
        return server.client.request(operation.method, operation.target(namespace="narrow"), body)

    return provoke


def twice_at_once(operation, server):
    server.client.ok("POST", "/admin/namespaces", {"name": "narrow", "quota": {"max_requests_per_second": 1}})
    send(operation, server.client, target=operation.target(namespace="narrow"))
    return send(operation, server.client, target=operation.target(namespace="narrow"))


def readers_stall(operation, server):
    for other in conftest.serving(workers=2):
        client = other.client
        client.batch([{"id": str(i), "vector": [1, 2], "metadata": {"t": "x" * 20000}} for i in range(100)])
        client.ok("POST", "/v1/snapshots?wait=60", {"name": "king"})
        with fastcgi.begin_lines(other.socket()):
            reply = wait_for(lambda: refused(client.request(operation.method, operation.target("king"))), "a reader to stall")
    return reply


def refused(reply):
    return reply if reply.status == 429 else None


def again(operation, server):
    send(operation, server.client)
    return send(operation, server.client)


def without_waiting(operation, server):
    return send(operation, server.client, target=operation.target(wait=0))


def cancelled_meanwhile(operation, server):
    replies = []
    for state in ("queued", "running"):
        wait_for(lambda: not server.client.ok("GET", f"/v1/jobs?state={state}")["jobs"], "earlier jobs")
    with held(server.data):
        asking = threading.Thread(target=lambda: replies.append(send(operation, server.client)))
        asking.start()
        job = wait_for(lambda: server.client.ok("GET", "/v1/jobs?state=running")["jobs"], "a job")[0]
        server.client.ok("POST", f"/v1/jobs/{job['id']}/cancel")
        asking.join()
    return replies[0]


def no_such_key(operation, server):
    return send(operation, server.client, target=operation.target("0" * 16))


def first_of_a_reader(operation, server):
    for other in conftest.serving(workers=1):
        reply = other.client.request(operation.method, operation.target(), {"role": "reader", "namespace": "shop"})
    return reply


def rotated_before(operation, server):
    send(operation, server.client)
    return send(operation, server.client)


def revoked_before(operation, server):
    server.client.ok("DELETE", f"/admin/keys/{KEY}")
    return send(operation, server.client)


def done_already(operation, server):
    server.client.ok("POST", "/v1/compact?wait=60")
    done = server.client.ok("GET", "/v1/jobs?state=succeeded")["jobs"][0]
    return send(operation, server.client, target=operation.target(str(done["id"])))


# code: how it comes about, wherever it is described, on a server that is well
PROVOCATIONS = {
    304: same_version,
    400: unknown_parameter,
    401: unknown_key,
    403: too_weak,
    404: no_such_namespace,
    409: again,
    412: other_version,
    413: long_target,
    415: not_json,
    429: twice_at_once,
    431: long_header,
}
# (operation, code): the same where it comes about in another way
SPECIAL = {
    **{(name, 403): frozen_namespace for name in OPERATIONS if "namespace_read_only" in str(OPERATIONS[name].answers.get(403))},
    ("query", 403): more_results(id="king", limit=2),
    ("queryExplain", 403): more_results(id="king", limit=2),
    ("hybridQuery", 403): more_results(id="king", limit=2),
    ("batchQuery", 403): more_results(queries=[{"id": "king", "limit": 2}]),
    ("recommend", 403): more_results(positive=["king"], limit=2),
    ("batchUpsert", 412): other_version_in("records"),
    ("batchExecute", 412): other_version_in("operations"),
    ("createSnapshot", 202): without_waiting,
    ("restoreSnapshot", 202): without_waiting,
    ("cloneNamespace", 202): without_waiting,
    ("createSnapshot", 409): with_body({"name": "king"}),
    ("downloadSnapshot", 429): readers_stall,
    ("uploadSnapshot", 404): lambda operation, server: send(operation, server.client, target=operation.target(namespace="none")),
    ("uploadSnapshot", 409): to_king,
    ("restoreSnapshot", 409): with_body({"into": "default"}),
    ("cloneNamespace", 409): with_body({"to": "default"}),
    ("cloneNamespace", 404): no_such_place,
    ("listJobs", 404): not_its_namespace,
    ("listChanges", 410): beyond_the_newest,
    ("compact", 202): without_waiting,
    ("compact", 409): cancelled_meanwhile,
    ("cancelJob", 409): done_already,
    ("createKey", 409): first_of_a_reader,
    ("revokeKey", 404): no_such_key,
    ("setKeyQuotas", 404): no_such_key,
    ("setKeyQuotas", 409): revoked_before,
    ("rotateKey", 404): no_such_key,
    ("rotateKey", 409): rotated_before,
}
# code: the fixture below whose server gives it
STATES = {500: "broken", 503: "refusing", 507: "full"}


def described_answers():
    """(operation, code) of all, those of one state together."""
    pairs = [(name, code) for name, operation in OPERATIONS.items() for code in operation.answers if code != 200]
    return sorted(pairs, key=lambda pair: (STATES.get(pair[1], ""), pair[0]))


@pytest.mark.parametrize("name,code", described_answers())
def test_described_answer_is_given(request, name, code):
    operation = OPERATIONS[name]
    if code in STATES:
        replies = request.getfixturevalue(STATES[code])(operation)
    else:
        provoke = SPECIAL.get((name, code)) or PROVOCATIONS.get(code)
        assert provoke, f"nothing provokes the {code} that {name} describes"
        server = request.getfixturevalue("seeded")
        seed(server.client)
        replies = [provoke(operation, server)]
        if code == 403:
            replies.append(too_weak(operation, server))
            assert replies[1].status == 403, replies[1]
    for reply in replies:
        operation.check(reply)
    assert code in [reply.status for reply in replies], f"{name} describes {code}, which was not given: {replies}"


def test_head_is_get(seeded):
    """The same status and headers, and no body."""
    for operation in OPERATIONS.values():
        if operation.method == "GET":
            get = send(operation, seeded.client)
            head = seeded.client.request("HEAD", operation.target())
            assert (head.status, head.body) == (200, b"")
            assert head.headers["content-type"] == get.headers["content-type"]


# ---- states of a server -----------------------------------------------------------------------------------------


def launch(server):
    """Without asking whether a query works: here none does."""
    server.launch()
    wait_for(lambda: b"vecstore: ready" in server.log.read_bytes()[server.log_start :], "the server to start")


def prepared(**options):
    """As conftest.serving: a server that was seeded and has ended."""
    for server in conftest.serving(workers=1, **options):
        own(server)
        seed(server.client)
        seed_job(server.data)
        server.stop()
        yield server


@pytest.fixture(scope="module")
def broken():
    """operation -> its answers when a file of truth is damaged and openapi.json is gone."""
    for server in prepared(env={"VECSTORE_SHARE": "/nonexistent"}):
        with sqlite3.connect(server.data / "catalog.db") as db:
            db.execute("UPDATE job SET progress = 7")
        db.close()
        launch(server)
        path = harness.generation(server.data) / "meta.db"
        path.write_bytes(b"no database " * (path.stat().st_size // 12))
        for blind in blinded():
            yield lambda operation: [send(operation, server.client), send(operation, blind.client)]


def blinded():
    """A server whose catalogue cannot be read by its worker: nobody can be told from anybody."""
    for server in prepared():
        launch(server)
        for path in server.data.glob("catalog.db*"):
            path.rename(server.folder / path.name)
        (server.data / "catalog.db").write_bytes(b"no database " * 1000)
        yield server


@pytest.fixture(scope="module")
def refusing():
    """operation -> its answers when the namespace cannot be written, and when no worker listens."""
    for server in prepared():
        folder = harness.generation(server.data)
        server.prefix = in_mounts('mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"', folder)
        launch(server)
        replies = {}
        for name, operation in OPERATIONS.items():
            seed_key(server.data)
            replies[name] = send(operation, server.client)
        for name, reply in replies.items():
            admin = "admin" in OPERATIONS[name].node["tags"]
            needs_it = (404 in OPERATIONS[name].answers and not admin and "Job" not in name) or name in (
                "ready",
                "getNamespaceStats",
                "cloneNamespace",
            )
            assert reply.status == (503 if needs_it else 200), f"{name}: {reply}"
        server.socket().rename(server.run_dir / "away")
        yield lambda operation: [replies[operation.name], send(operation, server.client)]


@pytest.fixture(scope="module")
def full():
    """operation -> its answers until the disk, which has no room left, is too full for it."""
    folder = Path(tempfile.mkdtemp(prefix="vecstore-test-"))
    script = 'mount -t tmpfs -o size=24m none "$1"'
    try:
        for server in conftest.serving(data=folder, prefix=in_mounts(script, folder)):
            # As the server's processes see it.
            seen = Path(f"/proc/{server.process.pid}/root{folder}")
            server.client.headers = {"X-API-Key": server.client.ok("POST", "/admin/keys", {"role": "admin"})["key"]}
            server.client.before_seed = lambda: None  # SQLite would look for the data where it is not mounted
            seed(server.client)
            filler = seen / "filler"

            def ask(operation):
                replies = []
                with contextlib.ExitStack() as stack:
                    file = stack.enter_context(open(filler, "wb", buffering=0))
                    targets = [operation.target()] * 100
                    if operation.name == "cancelJob":  # some that wait, each once: a wish that is known is not written again
                        stack.enter_context(hold(next(seen.glob("ns/*"))))
                        wait_for(lambda: server.client.post("/v1/compact?wait=0").status == 202, "the disk to have room again")
                        made = [server.client.post("/v1/compact?wait=0").json()["id"] for _ in range(5)]
                        targets = [operation.target(str(one)) for one in made]
                    if operation.name in ("revokeKey", "rotateKey", "setKeyQuotas"):  # each key once
                        new = {"role": "reader", "namespace": "shop"}
                        ids = [server.client.ok("POST", "/admin/keys", new)["id"] for _ in targets]
                        targets = [operation.target(one) for one in ids]
                    server.client.upsert("king", VECTORS["king"])
                    if operation.name.startswith("restore"):
                        server.client.ok("POST", "/v1/soft-delete/king")
                    for target in targets:
                        fill(file)
                        if operation.name == "cancelJob":  # some find room in the log of catalog.db, unless others take it
                            use_up(server.client)
                        kind, body = operation.body()
                        body = as_it_is(server.client, body)
                        replies.append(send(operation, server.client, body, kind or "", target=target))
                        if replies[-1].status != 200:
                            break
                return replies

            yield ask
            os.unlink(filler)
    finally:
        shutil.rmtree(folder)


def use_up(client):
    """Changes of the catalogue, until one is refused."""
    for number in range(1000):
        if client.request("PUT", "/admin/namespaces/default/quotas", {"max_vectors": 1000000 + number}).status != 200:
            return


def fill(file):
    """Writes until nothing more goes in."""
    for size in (1 << 20, 1 << 12):
        try:
            while file.write(bytes(size)):
                pass
        except OSError as fault:
            assert fault.errno == errno.ENOSPC, fault
