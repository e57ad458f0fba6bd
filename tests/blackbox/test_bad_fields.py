# SPDX-License-Identifier: Apache-2.0
"""Every field and parameter of every operation, wrong in every way: 400 (or 413) which names it, and nothing changes.

The requests are made from doc/openapi.yaml (badfields.py), for operations to come as well."""

import json
import re
import struct
import urllib.parse

import pytest

import badfields
import conftest
import described
from client import exchange
from test_openapi import OPERATIONS, own, seed


@pytest.fixture(scope="module")
def seeded():
    for server in conftest.serving():
        own(server)
        seed(server.client)
        yield server


def state(client):
    """All that a refused request must leave alone."""
    stats = client.stats()
    counts = {name: stats[name] for name in ("total_vectors", "active_vectors", "deleted_vectors", "dimension")}
    changes = client.ok("GET", "/v1/changes")["last_seq"]
    return counts, changes, client.pages(include_vector="true", include_deleted="true")


class Sender:
    """Requests over one connection, which a refusal may end; what was answered wrongly."""

    def __init__(self, operation, client):
        self.operation = operation
        self.client = client
        self.connection = client.connect()
        self.count = 0
        self.wrong = []

    def send(self, body=None, kind=None, target=None, headers=None):
        body = body if body is None or isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
        target = target or self.operation.target()
        headers = {**self.client.headers, **(headers or {})}
        self.count += 1
        try:
            reply = exchange(self.connection, self.operation.method, target, body, kind, headers)
        except (ConnectionError, OSError):
            self.connection.close()
            reply = exchange(self.connection, self.operation.method, target, body, kind, headers)
        self.operation.check(reply)
        return reply

    def refused(self, what, names, reply):
        """Notes what is not a refusal that has one of the names."""
        fault = reply.json() if reply.headers.get("content-type") == "application/json" and reply.body else {}
        if self.operation.name == "queryEstimate" and reply.status == 200:  # which answers what is wrong
            fault = (fault["errors"] or [{}])[0]
        elif reply.status not in (400, 413):
            self.wrong.append(f"{what}: {reply}")
            return
        if not any(name in fault.get("field", "") or name in fault.get("error", "") for name in names):
            self.wrong.append(f"{what}: none of {names} is named: {reply}")

    def done(self, before):
        self.connection.close()
        assert not self.wrong, f"{len(self.wrong)} of {self.count}:\n" + "\n".join(self.wrong[:40])
        assert state(self.client) == before


def json_kinds(operation):
    return [kind for kind in operation.bodies if kind.endswith("json") and "ndjson" not in kind]


WITH_JSON = [name for name, operation in OPERATIONS.items() if json_kinds(operation)]


@pytest.mark.parametrize("name", WITH_JSON)
def test_bad_fields(seeded, name):
    seed(seeded.client)
    before = state(seeded.client)
    sender = Sender(OPERATIONS[name], seeded.client)
    for kind in json_kinds(sender.operation):
        for what, body, names in badfields.bad_bodies(sender.operation, kind):
            if body == "" and not sender.operation.node["requestBody"]["required"]:
                continue
            sender.refused(what, names, sender.send(body, kind))
    assert sender.count > 20
    sender.done(before)


@pytest.mark.parametrize("name", WITH_JSON)
def test_null_is_missing(seeded, name):
    """A field that is null is answered as if it were not there."""
    operation = OPERATIONS[name]
    sender = Sender(operation, seeded.client)
    seed(seeded.client)
    for kind in json_kinds(operation):
        for null, without in badfields.null_bodies(operation, kind):
            statuses = []
            for body in (null, without):
                if operation.node["tags"] != ["read"]:
                    seed(seeded.client)
                statuses.append(sender.send(body, kind).status)
            assert statuses[0] == statuses[1], f"{null}: {statuses}"
    sender.connection.close()


# Refused at their limits for what else the request says, or how the records are.
BESIDES = {"candidates", "offset", "group_size", "max_distance", "filter", "field", "group_by"}
BESIDES |= {"max_qps", "max_queries_per_second", "max_connections"}  # other names of what is there


@pytest.mark.parametrize("name", WITH_JSON)
def test_limits_are_allowed(seeded, name):
    """What is just allowed is no fault: with test_bad_fields, the described limits are the server's."""
    operation = OPERATIONS[name]
    sender = Sender(operation, seeded.client)
    seed(seeded.client)
    for kind in json_kinds(operation):
        for field, body in badfields.bound_bodies(operation, kind):
            reply = sender.send(body, kind)
            fault = reply.json() if reply.status == 400 else {}
            if fault.get("field", "").startswith(field) and field.split(".")[-1] not in BESIDES:
                sender.wrong.append(f"{body:.200}: {reply}")
    sender.connection.close()
    assert not sender.wrong, "\n".join(sender.wrong)


@pytest.mark.parametrize("name", OPERATIONS)
def test_bad_parameters(seeded, name):
    seed(seeded.client)
    before = state(seeded.client)
    sender = Sender(OPERATIONS[name], seeded.client)
    operation = sender.operation
    # Each way to send a body: some parameters go with one of them alone, and are unknown to the others.
    for kind, (example, body) in {kind: (example, body) for example, kind, body in operation.examples()}.items():
        for parameter in operation.parameters:
            names = [parameter["name"]]
            if parameter["in"] == "query":
                for text in badfields.bad_values(parameter):
                    target = operation.target(**{parameter["name"]: text})
                    sender.refused(f"{example}: ?{names[0]}={text!r:.40}", names, sender.send(body, kind, target))
                twice = urllib.parse.urlencode([(names[0], "1")] * 2)
                sender.refused(f"{names[0]} twice", names, sender.send(body, kind, f"{operation.target()}?{twice}"))
        target = operation.target(no_such_parameter=1)
        sender.refused("no_such_parameter", ["no_such_parameter"], sender.send(body, kind, target))
        for target in ("%zz", "%", "a=%ff%2", "a=%00"):
            reply = sender.send(body, kind, f"{operation.target()}?{target}")
            sender.refused(f"?{target}", ["target"], reply)
    sender.done(before)


@pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if "{" in operation.path])
def test_bad_path(seeded, name):
    seed(seeded.client)
    before = state(seeded.client)
    sender = Sender(OPERATIONS[name], seeded.client)
    kind, body = sender.operation.body()
    for text in ("%00", "%ff", "%c0%af", "a%", "%zz", "x" * 513, "%C3%A4" * 257, "%ed%a0%80"):
        target = re.sub(r"\{\w+\}", lambda _: text, sender.operation.path)
        sender.refused(f"id {text:.20}", ["id", "name", "target"], sender.send(body, kind, target))
    sender.done(before)


BAD_HEADERS = {
    "X-Namespace": ["Capital", "a/b", "..", "x" * 64, "-a", "a b"],
    "If-Match": ["3", '"3', 'W/3', '"1", "2"', '* "1"', "**", "x"],
    "If-None-Match": ["**", '"1"', "x"],  # of a write
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_bad_headers(seeded, name):
    seed(seeded.client)
    before = state(seeded.client)
    sender = Sender(OPERATIONS[name], seeded.client)
    for parameter in sender.operation.parameters:
        if parameter["in"] != "header" or parameter["schema"] == {"type": "string"}:
            continue
        kind, body = sender.operation.body()
        name = parameter["name"]
        for text in BAD_HEADERS[name]:
            assert described.faults(parameter["schema"], text)
            reply = sender.send(body, kind, headers={name: text})
            sender.refused(f"{name}: {text}", [name], reply)
    sender.done(before)


V = [0.12, -0.4, 0.33, 0.05]
RAW = struct.pack("<4f", *V)
# What is right by itself and not together: (operation, query string, headers, body, the name of which the answer must have).
# Those of the JSON of queries are in test_query_surface.py.
CONTRADICTIONS = [
    ("query", {}, {}, {"vector": V, "id": "king"}, "vector"),
    ("query", {}, {}, {"id": "king", "limit": 1, "offset": 10000}, "offset"),
    ("query", {"group_by": "first", "limit": 3}, {}, RAW, "limit"),
    ("query", {"group_by": "first", "offset": 3}, {}, RAW, "offset"),
    ("query", {"group_by": "first", "diversity": 0.5}, {}, RAW, "diversity"),
    ("query", {"groups": 3}, {}, RAW, "groups"),
    ("query", {"candidates": 30}, {}, RAW, "candidates"),
    ("query", {"min_score": 0, "max_distance": 1}, {}, RAW, "max_distance"),
    ("query", {"fields": "rank", "include_metadata": "false"}, {}, RAW, "fields"),
    ("query", {"limit": 3}, {}, {"id": "king", "limit": 3}, "limit"),
    ("recommend", {}, {}, {"positive": ["king"], "id": "queen"}, "id"),
    ("recommend", {}, {}, {"positive": ["king"] * 600, "negative": ["queen"] * 600}, "negative"),
    ("upsert", {}, {}, {"id": "a", "vector": V, "ttl_seconds": 1, "expires_at": "2099-01-01T00:00:00Z"}, "ttl_seconds"),
    ("upsert", {}, {"If-Match": '"1"'}, {"id": "king", "vector": V, "if_version": 1}, "If-Match"),
    ("upsert", {}, {"If-Match": '"1"', "If-None-Match": "*"}, {"id": "king", "vector": V}, "If-Match"),
    ("batchUpsert", {}, {"If-Match": '"1"'}, {"records": [{"id": "king", "vector": V}]}, "If-Match"),
    ("batchUpsert", {"atomic": "true"}, {}, {"records": [{"id": "king", "vector": V}], "atomic": False}, "atomic"),
    ("batchExecute", {}, {"If-None-Match": "*"}, {"operations": [{"op": "delete", "id": "king"}]}, "If-None-Match"),
    ("delete", {}, {}, {"id": "king", "ids": ["king"]}, "id"),
    ("delete", {}, {}, {"id": "king", "filter": "rank > 0"}, "filter"),
    ("delete", {}, {}, {"ids": ["king"], "if_version": 1}, "if_version"),
    ("delete", {}, {"If-Match": "*"}, {"filter": "rank > 0"}, "If-Match"),
    ("softDelete", {}, {}, {"id": "king", "ids": ["king"]}, "id"),
    ("restore", {}, {"If-Match": "*"}, {"ids": ["king"]}, "If-Match"),
    ("deleteId", {}, {"If-Match": '"1"'}, {"if_version": 1}, "If-Match"),
    ("patchRecord", {}, {"If-Match": '"1"'}, {"metadata": {}, "if_version": 1}, "If-Match"),
    ("patchRecord", {}, {}, {"metadata": {}, "rank": 1}, "rank"),
    ("listRecords", {"cursor": "AWtpbmc", "offset": 1}, {}, None, "offset"),
    ("listRecords", {"limit": 1001}, {}, None, "limit"),
    ("getRecord", {"filter": "rank > 0"}, {}, None, "filter"),
]


def test_contradictions(seeded):
    seed(seeded.client)
    before = state(seeded.client)
    for name, query, headers, body, field in CONTRADICTIONS:
        sender = Sender(OPERATIONS[name], seeded.client)
        kind = "application/octet-stream" if body is RAW else "application/json" if body else None
        text = body if body is RAW or body is None else json.dumps(body)
        reply = sender.send(text, kind, sender.operation.target(**query), headers)
        sender.refused(f"{name} {query} {headers} {text!r:.80}", [field], reply)
        sender.done(before)
