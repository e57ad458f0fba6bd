# SPDX-License-Identifier: Apache-2.0
"""R9: many tenants with canaries in ids, metadata, texts and names of snapshots, whose keys ask for each other's things by every
operation that doc/openapi.yaml describes, in every place where a name can stand. No answer, log or figure holds a canary that
is not its reader's, counts are of one's own records, and nobody's writes change what is another's."""

import base64
import collections
import concurrent.futures
import copy
import http.client
import json
import os
import random
import threading
import urllib.parse

import numpy
import pytest

import badfields
import described
import fastcgi
from client import Client, exchange
from harness import check_store, wait_for
from tenants import VECTORS, Tenant, odd_names, tokens

TENANTS = int(os.environ.get("VECSTORE_TENANTS", 120))
TRIES = int(os.environ.get("VECSTORE_TENANT_TRIES", 4000))
SEED = int(os.environ.get("VECSTORE_TENANT_SEED", 0)) or random.randrange(1, 1 << 32)
THREADS = 4
TURN = 16  # tries with one key between two looks at all that its tenant has
MARK = "zzforeignzz"  # in a request: the foreign name, so that the same can be asked of a name that nobody has
READS = {"query", "hybridQuery", "batchQuery", "queryExplain", "queryEstimate", "recommend", "getRecord", "listRecords", "count",
         "facet", "listSnapshots", "listChanges", "listJobs", "getJob", "getStats"}
WRITES = {"upsert", "batchUpsert", "batchExecute", "delete", "deleteId", "softDelete", "softDeleteId", "restore", "restoreId",
          "patchRecord"}
MANAGES = {"compact", "createSnapshot", "downloadSnapshot", "verifySnapshot", "restoreSnapshot", "deleteSnapshot"}
VOLATILE = {"date", "x-request-id", "connection"}


class Ask:
    """One request with a key, made of the description of an operation; b: the tenant whose things it tries to reach."""

    def __init__(self, operation, key, b, random):
        self.operation, self.key, self.a, self.b, self.random = operation, key, key.tenant, b, random
        self.filter = None  # (text, what it accepts) of the body
        self.headers = dict(key.headers)
        self.kind, self.body = None, None
        if operation.bodies:
            self.fill_body()
        self.target = self.fill_path() + self.fill_query()
        if any(parameter["name"] == "X-Namespace" for parameter in operation.parameters) and random.random() < 0.3:
            self.headers["X-Namespace"] = self.name()
        if random.random() < 0.1:
            self.headers[random.choice(["If-Match", "If-None-Match"])] = random.choice(['"1"', '"2"', "*", f'"{MARK}"'])

    # ---- what may stand in a place ----

    def name(self):
        return self.random.choice([self.a.name] * 4 + [MARK] * 3 + ["default", f"{MARK}/../{self.a.name}", f" {MARK}", f"{MARK}%00"])

    def part(self):
        """One of its own, of its neighbours in the namespace, or of the other tenant."""
        return self.random.choice([*self.key.parts, *self.a.parts, *self.b.parts])

    def id(self):
        part = self.part()
        return self.random.choice([*part.ids, *part.ids, part.tokens["i"] + "new", self.b.name, MARK])

    def choose_filter(self):
        other, own = self.part().tokens["m"], self.key.parts[0]
        return self.random.choice([
            (f"canary = '{other}'", lambda record: record["metadata"].get("canary") == other),
            (f"NOT (canary = '{own.tokens['m']}')", lambda record: record["metadata"].get("canary") != own.tokens["m"]),
            ("@id STARTSWITH 'cn'", lambda record: record["id"].startswith("cn")),
            ("common = 'same'", lambda record: record["metadata"].get("common") == "same"),
            (f"team != '{own.team}' OR @id != ''", lambda record: True),
        ])

    def metadata(self):
        own = self.random.choice(self.key.parts)
        return {"canary": own.tokens["m"], "team": own.team, "common": "same", "n": self.random.randrange(100)}

    def value(self, name, old):
        """What stands in a field (or parameter) of that name."""
        choose = self.random.choice
        if name == "namespace":
            return self.name()
        if name in ("id", "ids", "positive", "negative") and isinstance(old, str):
            return self.id()
        if name in ("name", "to", "into"):
            return choose([self.name(), self.b.snapshot or "s", self.a.snapshot or "s"])
        if name == "vector":
            return choose(VECTORS)
        if name == "filter":
            return self.choose_filter()[0]
        if name == "metadata":
            return self.metadata()
        if name == "text":
            return f"common words {choose(self.key.parts).tokens['t']}"
        if name == "text_query":
            return choose(["common", "words null", self.part().tokens["t"]])
        if name in ("field", "group_by"):
            return choose(["canary", "team", "common"])
        if name == "fields":
            return ["canary", "team"]
        if name == "expires_at":
            return "2999-01-01T00:00:00Z"
        if name == "if_version":
            return choose([1, 2, 3])
        if name in ("ttl_seconds", "limit", "group_size", "groups", "candidates", "ef"):
            return 1000
        return old

    def dress(self, name, old):
        """An example's value with names, ids, canaries of these tenants in it."""
        new = self.value(name, old)
        if new is not old:
            return new
        if isinstance(old, dict):
            return {field: self.dress(field, value) for field, value in old.items()}
        if isinstance(old, list):
            return [self.dress(name, value) for value in old]
        return old

    # ---- parts of a request ----

    def fill_body(self):
        self.kind = self.random.choice(list(self.operation.bodies))
        if self.kind == "application/octet-stream":
            self.body = numpy.array(self.random.choice(VECTORS), dtype="<f4").tobytes()
        elif self.kind == "application/x-ndjson":
            records = [{"id": self.id(), "vector": self.random.choice(VECTORS), "metadata": self.metadata()} for _ in range(2)]
            self.body = b"".join(json.dumps(record).encode() + b"\n" for record in records)
        elif self.operation.name == "patchRecord":
            self.body = json.dumps(self.metadata()).encode()
        elif self.kind.endswith("json"):
            example = self.random.choice(badfields.bodies(self.operation, self.kind))
            value = self.dress("", copy.deepcopy(example))
            if self.operation.name == "count":
                self.filter = self.random.choice([None, self.choose_filter()])
                value = {"filter": self.filter[0]} if self.filter else {}
            if isinstance(value, dict) and self.random.random() < 0.3:
                value["namespace"] = self.name()
            self.body = json.dumps(value).encode()
        else:
            self.body = b"\0" * 1024

    def fill_path(self):
        def choose(place):
            if place == "name":
                return self.name() if "namespaces" in self.operation.path else self.value("name", "")
            if "jobs" in self.operation.path:
                return str(self.random.choice([*self.a.jobs, *self.b.jobs, 1, 999999]))
            if "keys" in self.operation.path:
                return self.random.choice([*self.a.keys, *self.b.keys]).id
            return self.id()
        path = self.operation.path
        for parameter in self.operation.parameters:
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", urllib.parse.quote(choose(parameter["name"]), safe=""))
        return path

    def fill_query(self):
        query = {}
        for parameter in self.operation.parameters:
            name = parameter["name"]
            if parameter["in"] != "query" or self.random.random() < 0.6:
                continue
            if name == "cursor":
                query[name] = self.random.choice([self.a.cursor, self.b.cursor, *map(str, self.b.jobs)])
            elif name == "since":
                query[name] = self.random.choice([0, 1, 5, 10**6])
            elif name in ("namespace", "filter", "group_by"):
                query[name] = self.value(name, "")
            elif name == "fields":
                query[name] = "canary,team"
            elif parameter["schema"].get("type") == "boolean" or name.startswith("include_"):
                query[name] = self.random.choice(["true", "false"])
            elif name == "limit":
                query[name] = self.random.choice([1, 2, 1000])
        if any(parameter["name"] == "wait" for parameter in self.operation.parameters):
            # What such a job makes must be there before the next look.
            query["wait"] = 60 if self.operation.name in ("createSnapshot", "restoreSnapshot") else 0
        return "?" + urllib.parse.urlencode(query) if query else ""

    # ---- asking ----

    def written(self, name):
        """Method, target, body, type and headers with this as the foreign name."""
        body = self.body and self.body.replace(MARK.encode(), name.encode())
        headers = {field: value.replace(MARK, name) for field, value in self.headers.items()}
        return self.operation.method, self.target.replace(MARK, name), body, self.kind, headers

    def hidden(self):
        """Whether a foreign name is in it."""
        return any(MARK in text for text in (self.target, *self.headers.values())) or MARK.encode() in (self.body or b"")


class Asker(threading.Thread):
    """Lets the tenants of its own ask, one after the other, and judges the answers."""

    def __init__(self, own, server, admin, tenants, names, tries, wanted=None):
        super().__init__()
        self.random = random.Random(SEED * THREADS + own[0].number)
        self.admin, self.all, self.names, self.tries = admin, tenants, names, tries
        self.own = own
        self.connection = server.client.connect()
        self.fault, self.asked, self.twins = None, 0, 0
        self.granted = collections.Counter()  # of each operation
        # Those for administrators alone now and then.
        self.operations = [one for one in described.operations().values() for _ in range(1 if "admin" in one.path else 3)]
        self.wanted = wanted  # names of operations: these alone, until each was granted; None: all, at random
        if wanted is not None:
            self.operations = [one for one in self.operations if one.name in wanted]
        self.now = None

    def run(self):
        try:
            while self.asked < self.tries and (self.wanted is None or not all(map(self.granted.get, self.wanted))):
                self.turn(self.random.choice(self.own))
        except BaseException as fault:  # told by the test
            method, target, body, _, headers = self.now or ("", "", b"", "", {})
            self.fault = f"seed {SEED}: {fault!r}\nin the turn of: {method} {target} {headers} {body}"
        self.connection.close()

    def send(self, request):
        self.now = request
        try:
            return exchange(self.connection, *request)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self.connection.close()  # it had been kept alive for long enough
            return exchange(self.connection, *request)

    def turn(self, tenant):
        key = self.random.choice(tenant.keys)
        before = self.look(tenant)
        assert before == tenant.ledger, f"{tenant.name} was changed by others: {difference(tenant.ledger, before)}"
        if key.writes and key.live() < 3:
            records = [record for part in key.parts for record in part.records()]
            self.admin.batch(records, namespace=tenant.name)
            before = tenant.ledger = self.look(tenant)
        fresh = True
        for _ in range(TURN):
            ask = Ask(self.random.choice(self.operations), key, self.random.choice(self.all), self.random)
            if not fresh and ask.operation.name in READS:
                tenant.ledger, fresh = self.look(tenant), True
            fresh = self.ask(ask) and fresh
        after = self.look(tenant)
        unseen = (before, after) if not key.writes else (rows_unseen(key, before), rows_unseen(key, after))
        assert unseen[0] == unseen[1], f"{key.role} of {key.teams} in {tenant.name} changed {difference(*unseen)}"
        tenant.ledger = after

    def look(self, tenant):
        return tenant.read(self.admin)

    def ask(self, ask):
        """Whether everything is certainly as before."""
        foreign = ask.b.name if ask.b is not ask.a else "default"
        request = ask.written(foreign)
        reply = self.send(request)
        self.asked += 1
        self.granted[ask.operation.name] += reply.status < 300
        self.judge(ask, request, reply)
        if reply.status in (401, 403, 404) and ask.hidden():
            self.judge_twin(ask, foreign, reply)
        if reply.status >= 300 or ask.operation.name in READS:
            return True
        # Ids of others that were written are one's own now.
        for part in ask.key.parts:
            part.sent |= tokens(request[1].encode(), request[2] or b"")
        return False

    def judge(self, ask, request, reply):
        name, key = ask.operation.name, ask.key
        assert reply.status in ask.operation.answers and reply.status not in (500, 503), reply
        head = json.dumps(reply.headers).encode()
        asked = tokens(request[1].encode(), request[2] or b"")
        leaked = tokens(head, reply.body, cursor_of(reply)) - key.allowed() - asked
        assert not leaked, f"{leaked} leaked: {reply}"
        if reply.status != 200 or name not in READS or reply.headers["content-type"] != "application/json":
            return
        answer = reply.json()
        for count in all_of("total_candidates", answer):
            assert count == key.live(), f"{count} candidates, not {key.live()}: {reply}"
        if name == "count":
            expected = key.live(ask.filter[1]) if ask.filter else key.live()
            assert answer["count"] == expected, f"{answer} instead of {expected}"
        if name == "getStats":
            assert (answer["active_vectors"], answer["total_vectors"]) == (key.live(), len(ask.a.ledger)), answer
        if name == "facet":
            assert sum(value["count"] for value in answer["values"]) <= key.live(), answer
        for team in {"north", "south"} - key.teams:
            assert team not in all_of("team", answer), f"beyond the filter: {reply}"

    def judge_twin(self, ask, foreign, reply):
        """A name that another has is answered as one that nobody has."""
        letters = [foreign[:-1] + letter for letter in "0123456789abcdefghijklmnopqrstuvwxyz"]
        unknown = self.random.choice([name for name in letters if name not in self.names])
        twin = self.send(ask.written(unknown))
        self.twins += 1
        both = foreign, unknown
        assert plain(twin, both) == plain(reply, both), f"{reply} for {foreign!r}, {twin} for {unknown!r}"


def rows_unseen(key, ledger):
    return {record_id: record for record_id, record in ledger.items() if not key.sees(record)}


def difference(one, other):
    return [(one.get(name), other.get(name)) for name in {*one, *other} if one.get(name) != other.get(name)][:3]


def all_of(field, value):
    """The values of a field, wherever it is in an answer."""
    if isinstance(value, dict):
        here = [value[field]] if field in value else []
        return here + [found for one in value.values() for found in all_of(field, one)]
    return [found for one in value for found in all_of(field, one)] if isinstance(value, list) else []


def cursor_of(reply):
    """The text that a page's cursor stands for."""
    if b'"next_cursor"' not in reply.body or reply.status != 200:
        return b""
    cursor = json.loads(reply.body.splitlines()[-1]).get("next_cursor") or ""
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


def plain(reply, names):
    """An answer without what differs from one request to the next, and without the names that were asked for."""
    body = reply.body.replace(reply.headers["x-request-id"].encode(), b"")
    for name in names:
        body = body.replace(f'\\"{name}\\"'.encode(), b"NAME")
        body = body.replace(f"has no snapshot {name}".encode(), b"has no snapshot NAME")
    return reply.status, body, {field: value for field, value in reply.headers.items() if field not in VOLATILE}


def trail(admin):
    """The pages of the audit trail."""
    cursor = ""
    while cursor is not None:
        reply = admin.get("/admin/audit?limit=1000" + cursor)
        yield reply.body
        cursor = reply.json()["next_cursor"] and "&cursor=" + reply.json()["next_cursor"]


@pytest.fixture
def town(make_server):
    """A server with its tenants, and the administrator's client."""
    server = make_server(workers=2).start()
    admin = Client(server.port)
    admin.headers = {"X-API-Key": admin.ok("POST", "/admin/keys", {"role": "admin"})["key"]}
    chance = random.Random(SEED)
    tenants = [Tenant(number, name, chance) for number, name in enumerate(odd_names(TENANTS, chance))]
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(lambda tenant: tenant.make(admin), tenants):
            pass
    return server, admin, tenants


def same_questions(client, tenants):
    """One query by all in turn, from the cache for the second time: each has its own answer."""
    for body in ({"vector": VECTORS[0], "limit": 100}, {"vector": VECTORS[0], "limit": 100, "filter": "common = 'same'"}):
        for cached in (False, True):
            for key in (key for tenant in tenants for key in tenant.keys):
                reply = client.post("/v1/query", body, headers=key.headers)
                answer = reply.json()
                assert cached <= answer["stats"]["cache_hit"], reply
                assert len(answer["results"]) == key.live() and tokens(reply.body) <= key.allowed(), reply


@pytest.mark.long
def test_nobody_sees_another(town):
    server, admin, tenants = town
    names = {"default", *(tenant.name for tenant in tenants)}
    same_questions(server.client, tenants[:20])
    askers = [Asker(tenants[number::THREADS], server, admin, tenants, names, TRIES / THREADS) for number in range(THREADS)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    granted = sum((asker.granted for asker in askers), collections.Counter())
    # Some are seldom granted; and a try seldom names a job of its own.
    rest = [name for name in READS | WRITES if name != "getJob" and not granted[name]]
    managed = [tenant for tenant in tenants if any(key.role == "namespace_admin" for key in tenant.keys)]
    for own, wanted in ((tenants[::THREADS], rest), (managed[:2], MANAGES)):
        if wanted and not any(asker.fault for asker in askers):
            askers.append(Asker(own, server, admin, tenants, names, TRIES, wanted))
            askers[-1].run()
            granted += askers[-1].granted
    faults = [asker.fault for asker in askers if asker.fault]
    assert not faults, faults[0]
    asked, twins = (sum(getattr(asker, field) for asker in askers) for field in ("asked", "twins"))
    print(f"{len(tenants)} tenants, {asked} tries, {granted.total()} of them granted, {twins} compared with those of unknown names")
    assert twins > asked / 20
    assert all(granted[name] for name in (READS | WRITES | MANAGES) - {"getJob"}), granted
    # What is written elsewhere. Who administers names snapshots, so the log may; the trail has ids of what was denied.
    assert admin.metrics()["vecstore_cache_hits_total"] > 0
    for target in ("/metrics", "/admin/usage", "/admin/namespaces?limit=1000", "/admin/keys", "/admin/stats"):
        assert not tokens(admin.get(target).body), target
    assert not tokens(server.text().encode(), kinds=b"imt")
    for page in trail(admin):
        assert not tokens(page, kinds=b"mt"), page
    for tenant in tenants:
        assert tenant.read(admin) == tenant.ledger, tenant.name
        for target in ("changes?since=0&include_metadata=true&include_vector=true&include_text=true", "jobs?limit=1000", "snapshots", "stats"):
            path, _, query = target.partition("?")
            reply = admin.get(f"/v1/{path}?namespace={tenant.name}&{query}")
            went_back = path == "changes" and reply.status == 410 and any(key.role == "namespace_admin" for key in tenant.keys)
            assert (reply.status == 200 or went_back) and tokens(reply.body) <= tenant.allowed(), (tenant.name, reply)
        if tenant.snapshot:
            reply = admin.get(f"/v1/snapshots/{tenant.snapshot}?namespace={tenant.name}")
            assert reply.status == 200 and tokens(reply.body) and tokens(reply.body) <= tenant.allowed(), tenant.name
    server.stop()
    for tenant in tenants[::10]:
        exported = [json.loads(line) for line in tenant.exported(server.data).splitlines()]
        live = {record_id for record_id, record in tenant.ledger.items() if "deleted_at" not in record}
        assert {record["id"] for record in exported} == live and tokens(json.dumps(exported).encode()) <= tenant.allowed()
    check_store(server.data)


def test_the_next_of_a_name_sees_nothing(make_server):
    """Of a namespace that had the name before: no record, answer of the cache, change, snapshot or job; and its keys are void."""
    server = make_server(workers=2).start()
    admin = Client(server.port)
    admin.headers = {"X-API-Key": admin.ok("POST", "/admin/keys", {"role": "admin"})["key"]}
    before, after = (Tenant(number, "one-name", random.Random(SEED + number)) for number in (10, 20))
    asks = [("POST", "/v1/query", {"vector": VECTORS[0]}), ("POST", "/v1/hybrid-query", {"text_query": "common"})]
    asks += [("GET", f"/v1/{what}", None) for what in ("records", "changes?since=0&include_metadata=true&include_text=true", "jobs", "snapshots")]

    def answers(tenant):
        for method, target, body in asks:
            reply = server.client.request(method, target, body, headers=tenant.keys[0].headers)
            assert reply.status == 200, reply
            yield tokens(reply.body)

    before.make(admin)
    for _ in range(2):
        assert all(found and found <= before.allowed() for found in answers(before))
    admin.ok("DELETE", f"/admin/namespaces/{before.name}?now=true")
    after.make(admin)
    assert all(found and found <= after.allowed() for found in answers(after))
    for job in before.jobs:
        assert server.client.get(f"/v1/jobs/{job}", headers=after.keys[0].headers).status == 404
    for key in before.keys:
        assert server.client.post("/v1/count", {}, headers=key.headers).status == 401


def test_faults_tell_no_folder(make_server):
    """What is wrong is told with its file, whose place the log alone knows: of requests, of jobs and of a server that is not ready."""
    server = make_server(workers=1).start()
    client = server.client
    client.upsert("a", [1, 2])
    server.stop()
    assert fastcgi.cgi(server.data, "POST", "/v1/compact?wait=0").status == 202
    (path,) = server.data.glob("ns/*/*/meta.db")
    path.write_bytes(b"no database" * 1000)
    server.launch()
    wait_for(lambda: server.text().count("vecstore: ready") == 2, "the start")
    wait_for(lambda: client.ok("GET", "/v1/jobs")["jobs"][0]["state"] == "failed", "the job to fail")
    asked = [
        client.post("/v1/query", {"vector": [1, 2]}),
        client.post("/v1/batch-upsert", {"records": [{"id": "b", "vector": [1, 2]}], "atomic": False}),
        client.get("/v1/jobs"),
        client.get("/ready"),
    ]
    for reply in asked:
        assert b'"error":"ns/' in reply.body and b"meta.db" in reply.body, reply
        assert str(server.data.parent).encode() not in reply.body, reply
    wait_for(lambda: f": 500 {path}" in server.text(), "the whole path in the log")
