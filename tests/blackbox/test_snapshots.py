# SPDX-License-Identifier: Apache-2.0
"""Snapshots and clones: over HTTP and by command, beside a load, killed at named points, forged, between servers."""

import io
import os
import sqlite3
import struct
import tarfile
import threading
import time
import zlib

import pytest

import harness
from client import Client
from harness import run, wait_for

DIM = 8


def vector(i):
    return [((i * (d + 3)) % 17) / 17 + 0.1 for d in range(DIM)]


def fill(client, count, first=0, n=0, **query):
    for start in range(first, first + count, 1000):
        rows = range(start, min(start + 1000, first + count))
        body = {"records": [{"id": f"r{i}", "vector": vector(i + n), "metadata": {"n": n, "i": i}, "text": f"word{i % 7} n{n}"} for i in rows]}
        client.ok("POST", "/v1/batch-upsert" + query.get("target", ""), body)


def everything(client, target=""):
    whole = {"include_vector": "true", "include_deleted": "true", "include_text": "true"}
    return client.pages(limit=1000, **whole, **({"namespace": target} if target else {}))


def restored(client):
    """All records, their versions without what a restore has added (test_versions.py)."""
    records = everything(client)
    assert all(record["version"] > 2**32 for record in records)
    return [{**record, "version": record["version"] % 2**32} for record in records]


def snapshots(client):
    return [one["name"] for one in client.ok("GET", "/v1/snapshots")["snapshots"]]


def folder(data, name=""):
    (found,) = data.glob("snapshots/*")
    return found / name


# ---- what they do -----------------------------------------------------------------------------------------------


def test_of_a_namespace_admin(make_server):
    """Keeps and restores what is its own, no more than may be, and makes no other namespace of it."""
    server = make_server(workers=2).start()
    root = server.client.ok("POST", "/admin/keys", {"role": "admin"})["key"]
    admin = Client(server.port)
    admin.headers = {"X-API-Key": root}
    admin.ok("POST", "/admin/namespaces", {"name": "acme"})
    owner, writer = Client(server.port), Client(server.port)
    for client, role in ((owner, "namespace_admin"), (writer, "writer")):
        client.headers = {"X-API-Key": admin.ok("POST", "/admin/keys", {"role": role, "namespace": "acme"})["key"]}
    fill(owner, 300)
    before = everything(owner)
    used = admin.ok("GET", "/admin/namespaces/acme")["utilisation"]["max_storage_bytes"]["used"]
    quotas = "/admin/namespaces/acme/quotas"
    admin.ok("PUT", quotas, {"max_storage_bytes": used})
    assert owner.ok("POST", "/v1/snapshots?wait=60", {"name": "one"})["records"] == 300
    assert owner.ok("POST", "/v1/snapshots/one/verify")["sound"] and snapshots(owner) == ["one"]
    tar = owner.get("/v1/snapshots/one").body
    for target, body in (("/v1/snapshots", {"name": "w"}), ("/v1/snapshots/one/verify", None), ("/v1/snapshots/one/restore", None)):
        assert writer.post(target, body).status == 403
    assert writer.get("/v1/snapshots/one").status == writer.request("DELETE", "/v1/snapshots/one").status == 403
    # One more would be too much, taken or sent.
    upload = {"content_type": "application/x-tar"}
    for reply in (owner.post("/v1/snapshots?wait=60", {"name": "two"}), owner.request("PUT", "/v1/snapshots/two", tar, **upload)):
        assert (reply.status, reply.json()["code"]) == (403, "quota_exceeded"), reply
    assert snapshots(owner) == ["one"]
    admin.ok("PUT", quotas, {"max_storage_bytes": used, "max_snapshot_bytes": 3 * used})
    assert owner.request("PUT", "/v1/snapshots/two", tar, **upload).status == 200
    # It goes back, within its quotas.
    owner.ok("POST", "/v1/delete", {"filter": "i < 100"})
    assert owner.ok("POST", "/v1/snapshots/two/restore?wait=60")["vectors_restored"] == 300
    assert restored(owner) == before
    owner.ok("POST", "/v1/delete", {"filter": "i < 100"})
    owner.ok("POST", "/v1/compact?wait=60")
    for quota in ({"max_vectors": 299}, {"max_storage_bytes": used // 2}, {"max_dimension": DIM - 1}):
        admin.ok("PUT", quotas, quota)
        reply = owner.post("/v1/snapshots/two/restore?wait=60")
        assert (reply.status, reply.json()["code"]) == (403, "quota_exceeded"), (quota, reply)
        admin.ok("PUT", quotas, {name: 0 for name in quota})
    # Nothing but its own.
    for into in ("other", "acme", "default"):
        reply = owner.post("/v1/snapshots/one/restore?wait=60", {"into": into})
        assert (reply.status, reply.json()["code"]) == (403, "forbidden"), reply
    assert owner.post("/admin/namespaces/acme/clone", {"to": "other"}).status == 403
    assert owner.post("/v1/snapshots?namespace=default", {"name": "x"}).status == 404
    assert len(admin.ok("GET", "/admin/namespaces")["namespaces"]) == 1
    # These requests count.
    admin.ok("PUT", quotas, {"max_requests_per_second": 1})
    assert 429 in [owner.post("/v1/snapshots/one/verify").status for _ in range(3)]
    admin.ok("PUT", quotas, {"max_requests_per_second": 0})
    owner.ok("DELETE", "/v1/snapshots/one")
    assert snapshots(admin) == [] and snapshots(owner) == ["two"]
    server.stop()
    harness.check_store(server.data)


def test_take_and_restore(fresh):
    client = fresh.client
    assert snapshots(client) == []
    fill(client, 2500)
    client.ok("POST", "/v1/soft-delete", {"id": "r7"})
    fresh.wait_indexed()
    before = everything(client)
    made = client.ok("POST", "/v1/snapshots", {"name": "first"})
    assert (made["success"], made["path"], made["records"], made["indexed"]) == (True, "/v1/snapshots/first", 2500, True)
    named = client.ok("POST", "/v1/snapshots")["name"]
    assert sorted([named, "first"]) == snapshots(client)
    assert client.ok("POST", "/v1/snapshots/first/verify") == {"findings": [], "problems": 0, "sound": True}
    fill(client, 500, n=1)
    fill(client, 200, first=3000)
    client.ok("POST", "/v1/delete", {"ids": ["r1", "r2"]})
    assert client.ok("POST", "/v1/snapshots/first/restore", {"into": "other"})["vectors_restored"] == 2500
    assert everything(client, "other") == before
    answer = client.ok("POST", "/v1/snapshots/first/restore")
    assert answer == {"success": True, "namespace": "default", "vectors_restored": 2500}
    assert restored(client) == before
    stats = client.stats()
    assert stats["unindexed_vectors"] == 0 and stats["indexed_vectors"] == 2500
    assert client.ok("POST", "/admin/namespaces/default/clone", {"to": "twin"})["vectors_cloned"] == 2500
    assert everything(client, "twin") == everything(client)
    client.upsert("r1", vector(5))
    assert client.metrics()["vecstore_snapshots_total"] == 2
    client.ok("DELETE", f"/v1/snapshots/{named}")
    assert snapshots(client) == ["first"]
    assert client.request("DELETE", f"/v1/snapshots/{named}").status == 404
    assert "0 problems, 0 repairs" in harness.check_store(fresh.data)


def test_bad_requests(client):
    client.upsert("a", vector(1))
    for name in ("..", "%2e%2e", "a%2fb", ".new", "A", "x" * 64, "%20"):
        assert client.get(f"/v1/snapshots/{name}").status == 400, name
        assert client.request("DELETE", f"/v1/snapshots/{name}").status == 400, name
        assert client.request("PUT", f"/v1/snapshots/{name}", b"x", content_type="application/x-tar").status == 400, name
    assert client.post("/v1/snapshots", {"name": "../x"}).json()["field"] == "name"
    assert client.post("/v1/snapshots", {"quick": True}).status == 400
    assert client.post("/v1/snapshots/none/restore").status == 404
    assert client.post("/v1/snapshots/none/restore", {"into": "No"}).json()["field"] == "into"
    assert client.post("/admin/namespaces/default/clone", {}).json()["field"] == "to"
    assert client.post("/admin/namespaces/none/clone", {"to": "b"}).status == 404
    assert client.request("PUT", "/v1/snapshots/up", b"").status == 400
    assert client.get("/v1/snapshots?namespace=none").status == 404


def test_between_servers(make_server, folder):
    """Downloaded, uploaded to another server, restored there: nothing is lost. By command likewise, packed or not."""
    one, two = make_server().start(), make_server().start()
    fill(one.client, 1200)
    one.client.ok("POST", "/v1/soft-delete", {"id": "r9"})
    before = everything(one.client)
    one.client.ok("POST", "/v1/snapshots", {"name": "s"})
    archive = one.client.get("/v1/snapshots/s")
    assert archive.headers["content-type"] == "application/x-tar"
    with tarfile.open(fileobj=io.BytesIO(archive.body)) as tar:
        assert tar.getnames() == ["manifest", "meta.db", "vectors.f32"]
    made = two.client.request("PUT", "/v1/snapshots/t", archive.body, content_type="application/x-tar")
    assert made.status == 200 and made.json()["records"] == 1200, made
    assert two.client.ok("POST", "/v1/snapshots/t/restore")["vectors_restored"] == 1200
    assert restored(two.client) == before
    for path in (folder / "s.tar", folder / "s.tar.gz"):
        done = run("snapshot", "export", "s", path, "--data", one.data, check=0)
        assert "wrote snapshot s" in done.stdout
        run("snapshot", "import", path, path.name.replace(".", "-"), "--data", two.data, check=0)
    assert (folder / "s.tar").read_bytes() == archive.body
    assert snapshots(two.client) == ["s-tar", "s-tar-gz", "t"]
    run("snapshot", "restore", "s-tar-gz", "--into", "new", "--data", two.data, check=0)
    assert everything(two.client, "new") == before


def test_by_command(make_server):
    """On the folder of a server that runs, and of one that has ended."""
    server = make_server().start()
    fill(server.client, 300)
    for _ in range(2):
        data = ("--data", server.data)
        assert "300 records" in run("snapshot", "create", "one", *data, check=0).stdout
        assert "one" in run("snapshot", "list", *data, check=0).stdout
        assert "already" in run("snapshot", "create", "one", *data, check=1).stderr
        assert "is sound" in run("snapshot", "verify", "one", *data, check=0).stdout
        assert "restored 300 records" in run("snapshot", "restore", "one", *data, check=0).stdout
        run("snapshot", "delete", "one", *data, check=0)
        server.stop()
    assert "cloned 300 records" in run("clone", "default", "two", *data, check=0).stdout
    assert "already" in run("clone", "default", "two", *data, check=1).stderr
    assert run("snapshot", "shake", *data).returncode == 2
    assert run("snapshot", "verify", *data).returncode == 2


# ---- beside others ----------------------------------------------------------------------------------------------


class Writer(threading.Thread):
    """Stores c0, c1, … one after the other; what was acknowledged is counted."""

    def __init__(self, client):
        super().__init__()
        self.client, self.stopping, self.acknowledged, self.faults = client, threading.Event(), 0, []

    def run(self):
        while not self.stopping.is_set():
            i = self.acknowledged
            reply = self.client.post("/v1/upsert", {"id": f"c{i}", "vector": vector(i), "metadata": {"c": i}})
            if reply.status == 200:
                self.acknowledged += 1
            else:
                self.faults.append(reply)

    def end(self):
        self.stopping.set()
        self.join()


def counters(client, namespace):
    return sorted(one["metadata"]["c"] for one in everything(client, namespace) if one["id"].startswith("c"))


def test_beside_a_load(make_server):
    """Each snapshot holds the first so many writes, and all that were acknowledged before it was asked for. A restore loses
    nothing that was acknowledged after it, and no request fails."""
    server = make_server(workers=3).start()
    client = server.client
    fill(client, 2200)
    writer = Writer(client)
    writer.start()
    known = []
    try:
        for i in range(4):
            wait_for(lambda: writer.acknowledged > 20 * (i + 1), "writes")
            before = writer.acknowledged
            client.ok("POST", "/v1/snapshots", {"name": f"s{i}"})
            known.append((before, writer.acknowledged))
        client.ok("POST", "/v1/snapshots/s1/restore")
        after = writer.acknowledged
        wait_for(lambda: writer.acknowledged > after + 20, "writes after the restore")
    finally:
        writer.end()
    assert not writer.faults, writer.faults[:3]
    for i, (least, most) in enumerate(known):
        client.ok("POST", f"/v1/snapshots/s{i}/restore", {"into": f"n{i}"})
        held = counters(client, f"n{i}")
        assert held == list(range(len(held))), i
        assert least <= len(held) <= most + 1, i
    kept = counters(client, "")
    (held,) = [len(counters(client, "n1"))]
    assert kept[:held] == list(range(held))
    assert set(range(after + 1, writer.acknowledged)) <= set(kept)
    server.stop()
    assert "0 problems" in harness.check_store(server.data)


# ---- damage and forgery -----------------------------------------------------------------------------------------


def test_damage_is_told(fresh):
    client = fresh.client
    fill(client, 300)
    client.ok("POST", "/v1/snapshots", {"name": "s"})
    fill(client, 10, first=300)
    before = everything(client)
    path = folder(fresh.data, "s") / "meta.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:5000] + b"\xff" + whole[5001:])
    found = client.ok("POST", "/v1/snapshots/s/verify")
    assert found == {"findings": ["meta.db does not match its checksum"], "problems": 1, "sound": False}
    for target in ("/v1/snapshots/s/restore", "/v1/snapshots/s"):
        reply = client.request("POST" if target.endswith("restore") else "GET", target)
        assert reply.status == 500 and "meta.db does not match" in reply.error()
    assert everything(client) == before
    path.write_bytes(whole)
    assert client.ok("POST", "/v1/snapshots/s/restore")["vectors_restored"] == 300


def manifest(members, **changes):
    """As a server writes it, of such files."""
    fields = {
        "vecstore-snapshot": 1, "name": "forged", "created_at": 1, "generation": 1, "seq": 3, "active": 3, "deleted": 0,
        "slots": 3, "dimension": 2, "metric": "euclidean", "quantization": "int8",
    }
    fields.update({name.replace("_snapshot", "-snapshot"): value for name, value in changes.items()})
    text = "".join(f"{name} {value}\n" for name, value in fields.items())
    text += "".join(f"file {name} {len(data)} {zlib.crc32(data):08x}\n" for name, data in members.items())
    return text.encode() + f"end {zlib.crc32(text.encode()):08x}\n".encode()


def vectors(rows, crc=0):
    head = struct.pack("<16sIIIIII", b"vecstore vectors", 1, 0x01020304, 2, 2, 64, 1)
    data = (head + struct.pack("<I", zlib.crc32(head))).ljust(4096, b"\0")
    for row in rows:
        body = struct.pack("<3f", *row, 1.0)
        data += (body + struct.pack("<I", zlib.crc32(body) ^ crc)).ljust(64, b"\0")
    return data


def database(path, rows, state="1, 1, 2, 2, 2, 3, 3, 0, 3, 0, 0", script=""):
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as db:
        db.executescript((harness.SOURCE / "sql/meta.sql").read_text())
        columns = "id, generation, dimension, metric, quantization, next_slot, seq, trimmed, active, deleted, expiry, tokenizer, age"
        db.execute(f"INSERT INTO state ({columns}) VALUES ({state}, 1, 0)")
        db.execute("UPDATE state SET trimmed = seq")
        db.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        db.executescript(script)
    db.close()
    return path.read_bytes()


def row(slot, id=None, version=1, created=1, updated=1, deleted=None, metadata="{}", expires=None):
    return (slot, f"r{slot}" if id is None else id, version, created, updated, deleted, metadata, expires)


def pack(members, kind=tarfile.REGTYPE, prefix="", **changes):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in {"manifest": manifest(members, **changes), **members}.items():
            info = tarfile.TarInfo(name if name == "manifest" else prefix + name)
            info.size, info.type = len(data), kind
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


GOOD = [row(0), row(1), row(2)]
BITS = [(1, 2), (3, 4), (5, 6)]
# what is wrong: rows, vectors, more for database()
FORGED = {
    "an id that is no UTF-8": ([row(0, id=b"\xff\xfe".decode("latin1") * 300), row(1), row(2)], BITS, {}),
    "an empty id": ([row(0, id=""), row(1), row(2)], BITS, {}),
    "metadata that are no JSON": ([row(0, metadata="{"), row(1), row(2)], BITS, {}),
    "metadata that are no object": ([row(0, metadata="[]"), row(1), row(2)], BITS, {}),
    "a version below 1": ([row(0, version=0), row(1), row(2)], BITS, {}),
    "a version beyond all": ([row(0, version=2**60), row(1), row(2)], BITS, {}),
    "a version beyond all with its age": ([row(0, version=2**63 - 1), row(1), row(2)], BITS, {"script": "UPDATE state SET age = 1 << 32, past_version = 1 << 32;"}),
    "an age beyond all": (GOOD, BITS, {"script": "UPDATE state SET age = 1 << 60, past_version = 1 << 60;"}),
    "an age in which new records would not be": (GOOD, BITS, {"script": "UPDATE state SET age = 1 << 32;"}),
    "an age below 0": (GOOD, BITS, {"script": "UPDATE state SET age = -1;"}),
    "a time before 1970": ([row(0, created=-5), row(1), row(2)], BITS, {}),
    "an expiry beyond 9999": ([row(0, expires=2**60), row(1), row(2)], BITS, {}),
    "a slot past the vectors": ([row(0), row(1), row(77)], BITS, {}),
    "a number that is none": (GOOD, [(1, 2), (float("nan"), 4), (5, 6)], {}),
    "a number that is infinite": (GOOD, [(1, 2), (float("inf"), 4), (5, 6)], {}),
    "fewer records than it says": (GOOD[:2], BITS, {}),
    "a view in place of the records": (GOOD, BITS, {"script": "ALTER TABLE record RENAME TO r; CREATE VIEW record AS SELECT * FROM r;"}),
    "no records": (GOOD, BITS, {"script": "DROP TABLE record;"}),
    "a column less": (GOOD, BITS, {"script": "ALTER TABLE record DROP COLUMN metadata;"}),
    "a text of no record": (GOOD, BITS, {"script": "INSERT INTO record_text VALUES (9, 'x'); UPDATE state SET texts = 1;"}),
    "a text that is no UTF-8": (GOOD, BITS, {"script": "INSERT INTO record_text VALUES (1, CAST(x'ff' AS TEXT)); UPDATE state SET texts = 1;"}),
    "another state": (GOOD, BITS, {"state": "1, 1, 2, 0, 2, 3, 3, 0, 3, 0, 0"}),
    "an absurd state": (GOOD, BITS, {"state": "1, 1, 2, 2, 2, 3, 9000000000000000000, 0, 3, 0, 0"}),
}


def test_forged_archives(fresh, folder):
    """Each is refused by a 400, and leaves nothing behind."""
    client = fresh.client
    client.upsert("a", vector(1))
    before = everything(client)

    def put(body):
        return client.request("PUT", "/v1/snapshots/up", body, content_type="application/x-tar")

    good = {"meta.db": database(folder / "m.db", GOOD), "vectors.f32": vectors(BITS)}
    cases = {
        "nothing": b"\0" * 10240,
        "no tar": b"PK\3\4" * 4000,
        "links": pack(good, tarfile.SYMTYPE),
        "folders": pack(good, tarfile.DIRTYPE),
        "a way out": pack(good, prefix="../"),
        "a way in": pack(good, prefix="/etc/"),
        "paths": pack({"../meta.db": good["meta.db"], "vectors.f32": good["vectors.f32"]}),
        "a wrong order": pack(dict(reversed(good.items()))),
        "a file missing": pack({"meta.db": good["meta.db"]}),
        "one too many": pack({**good, "extra": b"x"}),
        "a newer format": pack(good, vecstore_snapshot=2),
        "another dimension": pack(good, dimension=3),
        "another metric": pack(good, metric="dot"),
        "more slots": pack(good, slots=4),
        "huge counts": pack(good, slots=4294967294, active=4294967294),
        "numbers too large": pack(good, seq=10**30),
        "a wrong row": pack({**good, "vectors.f32": vectors(BITS, crc=1)}),
        "no database": pack({**good, "meta.db": b"SQLite format 3\0" + bytes(8000)}),
        "a WAL database": pack({**good, "meta.db": good["meta.db"][:18] + b"\2\2" + good["meta.db"][20:]}),
        "half a database": pack({**good, "meta.db": good["meta.db"][:4096]}),
    }
    for what, (rows, bits, more) in FORGED.items():
        cases[what] = pack({"meta.db": database(folder / "m.db", rows, **more), "vectors.f32": vectors(bits)})
    for what, body in cases.items():
        reply = put(body)
        assert reply.status == 400, f"{what}: {reply}"
    assert put(pack(good)).status == 200
    (entries,) = [sorted(path.name for path in fresh.data.glob("snapshots/*/*") if path.name != ".lock")]
    assert entries == ["up"]
    assert client.ok("POST", "/v1/snapshots/up/restore", {"into": "new"})["vectors_restored"] == 3
    assert client.post("/v1/snapshots/up/restore").status == 409  # another metric
    assert everything(client) == before
    assert all(process.alive() for process in fresh.tree())


# ---- killed -----------------------------------------------------------------------------------------------------

POINTS = {
    "create": ("snapshot-captured", "snapshot-complete", "snapshot-renamed", "file-renamed"),
    "restore": ("restore-copied", "restore-linked", "restore-complete", "restore-switched"),
    "into": ("restore-copied", "birth-filled", "birth-named", "catalog-before-commit", "birth-born"),
    "delete": ("snapshot-gone",),
}


if os.environ.get("VECSTORE_FAULTS") == "1":

    @pytest.mark.parametrize("what,point", [(what, point) for what, points in POINTS.items() for point in points])
    def test_killed(make_server, what, point):
        """What was there is there, or what was asked for, whole; what is left is found, removed, and in nobody's way."""
        server = make_server().start()
        client = server.client
        fill(client, 2100)
        server.wait_indexed()
        old = everything(client)
        client.ok("POST", "/v1/snapshots", {"name": "s"})
        fill(client, 100, n=1)
        new = everything(client)
        data = ("--data", server.data)
        commands = {
            "create": ("snapshot", "create", "t"),
            "restore": ("snapshot", "restore", "s"),
            "into": ("snapshot", "restore", "s", "--into", "made"),
            "delete": ("snapshot", "delete", "s"),
        }
        killed = run(*commands[what], *data, env={"VECSTORE_POINT": point})
        assert killed.returncode == -9, killed
        assert everything(client) == new or (what == "restore" and restored(client) == old)
        names = snapshots(client)
        assert names in (["s"], ["s", "t"], []) and (names != [] or what == "delete")
        for name in names:
            assert client.ok("POST", f"/v1/snapshots/{name}/verify")["sound"]
        server.stop()
        run("check", "--repair", *data, check=0)
        assert "0 repairs" in run("check", *data, check=0).stdout
        assert not [path for path in server.data.glob("snapshots/*/.*") if path.name != ".lock"]
        assert not [path for path in server.data.glob("ns/new-*")]
        again = run(*commands[what], *data)
        assert again.returncode == 0 or (what, point) in (
            ("create", "snapshot-renamed"), ("into", "birth-born"), ("delete", "snapshot-gone")), again
        server.start()
        assert restored(server.client) == old if what == "restore" else everything(server.client) == new
        if what == "into":
            assert everything(server.client, "made") == old
