# SPDX-License-Identifier: Apache-2.0
"""Bad input: the right 4xx, a message that names the field, nothing stored, every worker alive."""

import json
import struct

import pytest

from client import raw_exchange, raw_request
from conftest import empty

JSON = "application/json"
NDJSON = "application/x-ndjson"
RAW = "application/octet-stream"
GOOD = {"id": "new", "vector": [1, 2, 3, 4]}


def upsert(**changes):
    body = {**GOOD, **changes}
    return json.dumps({name: value for name, value in body.items() if value is not ...}).encode()


def batch(*records, **fields):
    return json.dumps({"records": list(records), **fields}).encode()


def query(**changes):
    body = {"vector": [1, 2, 3, 4], "limit": 3, **changes}
    return json.dumps({name: value for name, value in body.items() if value is not ...}).encode()


def queries(*batch_of, **fields):
    return json.dumps({"queries": list(batch_of), **fields}).encode()


def text(template, value):
    """JSON that json.dumps would not write."""
    return template.replace("@", value).encode() if isinstance(value, str) else template.encode().replace(b"@", value)


UPSERT = '{"id": "new", "vector": @}'

# name: (path, body, words that the message must hold)
BODIES = {
    "patch: body is an array": ("PATCH /v1/records/seed", b"[]", ["body"]),
    "patch: metadata is text": ("PATCH /v1/records/seed", b'{"metadata":"x"}', ["metadata"]),
    "patch: integer beyond 64 bits": ("PATCH /v1/records/seed", b'{"n":99999999999999999999999}', ["body"]),
    "patch: too deep": ("PATCH /v1/records/seed", b'{"n":' * 40 + b"1" + b"}" * 40, ["body"]),
    "patch: name twice": ("PATCH /v1/records/seed", b'{"n":1,"n":2}', ["body"]),
    "execute: no operations": ("/v1/batch-execute", b"{}", ["operations"]),
    "execute: after a good one": (
        "/v1/batch-execute",
        b'{"operations":[{"op":"delete","id":"seed"},{"op":"upsert","id":"x","vector":[1,2,3,null]}]}',
        ["operations[1].vector"],
    ),
    "execute: unknown operation": ("/v1/batch-execute", b'{"operations":[{"op":"drop","id":"seed"}]}', ["operations[0].op"]),
    "execute: unknown field": (
        "/v1/batch-execute",
        b'{"operations":[{"op":"delete","id":"seed","x":1}]}',
        ["operations[0].x"],
    ),
    "count: bad filter": ("/v1/count", b'{"filter":"n >"}', ["filter", "position 3"]),
    "facet: own field": ("/v1/facet", b'{"field":"@id"}', ["field"]),
    "facet: limit too large": ("/v1/facet", b'{"field":"n","limit":10001}', ["limit"]),
    "expires and ttl": (
        "/v1/upsert",
        b'{"id":"x","vector":[1,2,3,4],"ttl_seconds":5,"expires_at":"2099-01-01T00:00:00Z"}',
        ["ttl_seconds"],
    ),
    "expires in seconds": ("/v1/upsert", b'{"id":"x","vector":[1,2,3,4],"expires_at":4070908800}', ["expires_at"]),
    "if_version is text": ("/v1/upsert", b'{"id":"seed","vector":[1,2,3,4],"if_version":"1"}', ["if_version"]),
    "body is an array": ("/v1/upsert", b"[]", []),
    "body is a string": ("/v1/upsert", b'"a"', []),
    "body is a number": ("/v1/upsert", b"1", []),
    "body is null": ("/v1/upsert", b"null", []),
    "body is empty": ("/v1/upsert", b"", []),
    "body is space": ("/v1/upsert", b" \n", []),
    "body is not JSON": ("/v1/upsert", b"id=new&vector=1", []),
    "object is empty": ("/v1/upsert", b"{}", []),
    "id is missing": ("/v1/upsert", upsert(id=...), ["id"]),
    "id is empty": ("/v1/upsert", upsert(id=""), ["id"]),
    "id is 513 bytes": ("/v1/upsert", upsert(id="x" * 513), ["id", "512"]),
    "id is 513 bytes of two each": ("/v1/upsert", upsert(id="ä" * 257), ["id", "512"]),
    "id is a number": ("/v1/upsert", upsert(id=5), ["id"]),
    "id is null": ("/v1/upsert", upsert(id=None), ["id"]),
    "id is an array": ("/v1/upsert", upsert(id=["a"]), ["id"]),
    "id is an object": ("/v1/upsert", upsert(id={}), ["id"]),
    "id holds NUL": ("/v1/upsert", b'{"id": "a\\u0000b", "vector": [1,2,3,4]}', ["id"]),
    "id holds half a surrogate pair": ("/v1/upsert", b'{"id": "a\\ud800b", "vector": [1,2,3,4]}', []),
    "id is bad UTF-8": ("/v1/upsert", b'{"id": "a\xffb", "vector": [1,2,3,4]}', []),
    "id is overlong UTF-8": ("/v1/upsert", b'{"id": "a\xc0\xafb", "vector": [1,2,3,4]}', []),
    "id is a UTF-8 surrogate": ("/v1/upsert", b'{"id": "a\xed\xa0\x80b", "vector": [1,2,3,4]}', []),
    "id is cut UTF-8": ("/v1/upsert", b'{"id": "a\xe2\x82", "vector": [1,2,3,4]}', []),
    "metadata are overlong UTF-8": (
        "/v1/upsert",
        b'{"id": "new", "vector": [1,2,3,4], "metadata": {"a": "\xc0\xaf"}}',
        [],
    ),
    "metadata are a UTF-8 surrogate": (
        "/v1/upsert",
        b'{"id": "new", "vector": [1,2,3,4], "metadata": {"a": "\xed\xa0\x80"}}',
        [],
    ),
    "key is overlong UTF-8": ("/v1/upsert", b'{"id": "new", "vector": [1,2,3,4], "metadata": {"\xc1\xa9": 1}}', []),
    "key is bad UTF-8": ("/v1/upsert", b'{"id": "new", "vector": [1,2,3,4], "metadata": {"\xff": 1}}', []),
    "vector is missing": ("/v1/upsert", upsert(vector=...), ["vector"]),
    "vector is null": ("/v1/upsert", upsert(vector=None), ["vector"]),
    "vector is a number": ("/v1/upsert", upsert(vector=1.5), ["vector"]),
    "vector is an object": ("/v1/upsert", upsert(vector={"0": 1}), ["vector"]),
    "vector is empty": ("/v1/upsert", upsert(vector=[]), ["vector"]),
    "vector is too short": ("/v1/upsert", upsert(vector=[1, 2, 3]), ["vector", "3", "4"]),
    "vector is too long": ("/v1/upsert", upsert(vector=[1, 2, 3, 4, 5]), ["vector", "5", "4"]),
    "vector is beyond any dimension": ("/v1/upsert", upsert(vector=[1] * 8193), ["vector"]),
    "vector holds a string": ("/v1/upsert", upsert(vector=[1, 2, "3", 4]), ["vector", "position 2"]),
    "vector holds null": ("/v1/upsert", upsert(vector=[1, 2, None, 4]), ["vector", "position 2"]),
    "vector holds true": ("/v1/upsert", upsert(vector=[True, 2, 3, 4]), ["vector", "position 0"]),
    "vector holds an array": ("/v1/upsert", upsert(vector=[[1], 2, 3, 4]), ["vector", "position 0"]),
    "vector holds NaN": ("/v1/upsert", text(UPSERT, "[1,2,3,NaN]"), []),
    "vector holds Infinity": ("/v1/upsert", text(UPSERT, "[1,Infinity,3,4]"), []),
    "vector holds -Infinity": ("/v1/upsert", text(UPSERT, "[1,-Infinity,3,4]"), []),
    "vector holds nan as a string": ("/v1/upsert", upsert(vector=["nan", 1, 1, 1]), ["vector", "position 0"]),
    "vector holds 1e39": ("/v1/upsert", text(UPSERT, "[1,1e39,3,4]"), ["vector", "position 1"]),
    "vector holds -1e39": ("/v1/upsert", text(UPSERT, "[1,2,3,-1e39]"), ["vector", "position 3"]),
    "vector holds 1e400": ("/v1/upsert", text(UPSERT, "[1,1e400,3,4]"), ["vector"]),
    "vector holds a huge integer": ("/v1/upsert", text(UPSERT, "[1,2,3,1" + "0" * 60 + "]"), ["vector", "position 3"]),
    "vector holds hex": ("/v1/upsert", text(UPSERT, "[0x10,2,3,4]"), []),
    "vector holds +1": ("/v1/upsert", text(UPSERT, "[+1,2,3,4]"), []),
    "vector holds 01": ("/v1/upsert", text(UPSERT, "[01,2,3,4]"), []),
    "vector holds .5": ("/v1/upsert", text(UPSERT, "[.5,2,3,4]"), []),
    "vector ends in a comma": ("/v1/upsert", text(UPSERT, "[1,2,3,4,]"), []),
    "vector is zero": ("/v1/upsert", upsert(vector=[0, 0, 0, 0]), ["vector", "zero"]),
    "vector is minus zero": ("/v1/upsert", text(UPSERT, "[0,-0.0,0,0]"), ["vector", "zero"]),
    "vector is no base64": ("/v1/upsert", upsert(vector="!!!!"), ["vector"]),
    "vector is cut base64": ("/v1/upsert", upsert(vector="AACAPwAAgD8AAIA/AACAP"), ["vector"]),
    "vector is base64 of 15 bytes": ("/v1/upsert", upsert(vector="AACAPwAAgD8AAIA/AACA"), ["vector"]),
    "vector is base64 of three floats": ("/v1/upsert", upsert(vector="AACAPwAAgD8AAIA/"), ["vector"]),
    "vector is base64 of NaN": ("/v1/upsert", upsert(vector="AADAfwAAgD8AAIA/AACAPw=="), ["vector", "position 0"]),
    "vector is an empty string": ("/v1/upsert", upsert(vector=""), ["vector"]),
    "metadata is an array": ("/v1/upsert", upsert(metadata=[]), ["metadata"]),
    "metadata is a string": ("/v1/upsert", upsert(metadata="{}"), ["metadata"]),
    "metadata is a number": ("/v1/upsert", upsert(metadata=3), ["metadata"]),
    "metadata holds NaN": ("/v1/upsert", b'{"id": "new", "vector": [1,2,3,4], "metadata": {"x": NaN}}', []),
    "namespace is unknown": ("/v1/upsert", upsert(namespace="../x"), ["namespace"]),
    "namespace is a number": ("/v1/upsert", upsert(namespace=1), ["namespace"]),
    "field is unknown": ("/v1/upsert", upsert(metdata={}), ["metdata"]),
    "field is in capitals": ("/v1/upsert", upsert(ID="b"), ["ID"]),
    "id is there twice": ("/v1/upsert", b'{"id": "a", "id": "new", "vector": [1,2,3,4]}', ["twice"]),
    "vector is there twice": ("/v1/upsert", b'{"id": "new", "vector": [1,2,3,4], "vector": [4,3,2,1]}', ["twice"]),
    "JSON is cut in a string": ("/v1/upsert", b'{"id": "ne', []),
    "JSON is cut in the vector": ("/v1/upsert", b'{"id": "new", "vector": [1,2,3', []),
    "JSON is cut before the end": ("/v1/upsert", b'{"id": "new", "vector": [1,2,3,4]', []),
    "JSON has garbage after it": ("/v1/upsert", upsert() + b" x", []),
    "JSON is there twice": ("/v1/upsert", upsert() + upsert(), []),
    "JSON has NUL after it": ("/v1/upsert", upsert() + b"\0", []),
    "JSON has a comment": ("/v1/upsert", b'{"id": "new", /* so */ "vector": [1,2,3,4]}', []),
    "JSON in single quotes": ("/v1/upsert", b"{'id': 'new', 'vector': [1,2,3,4]}", []),
    "JSON starts with a byte order mark": ("/v1/upsert", b"\xef\xbb\xbf" + upsert(), []),
    "string holds a raw newline": ("/v1/upsert", b'{"id": "ne\nw", "vector": [1,2,3,4]}', []),
    "100,000 arrays deep": ("/v1/upsert", b"[" * 100000, []),
    "100,000 arrays deep in the vector": ("/v1/upsert", text(UPSERT, "[" * 100000 + "]" * 100000), []),
    "100,000 objects deep in metadata": (
        "/v1/upsert",
        b'{"id":"new","vector":[1,2,3,4],"metadata":' + b'{"a":' * 100000,
        [],
    ),
    "33 deep in metadata": (
        "/v1/upsert",
        b'{"id":"new","vector":[1,2,3,4],"metadata":' + b'{"a":' * 33 + b"1" + b"}" * 34,
        [],
    ),
    "records is missing": ("/v1/batch-upsert", b"{}", ["records"]),
    "records is an object": ("/v1/batch-upsert", b'{"records": {}}', ["records"]),
    "records holds a number": ("/v1/batch-upsert", batch(GOOD, 7), ["records[1]"]),
    "record without id": ("/v1/batch-upsert", batch(GOOD, {"vector": [1, 2, 3, 4]}), ["records[1]", "id"]),
    "record with a bad number": (
        "/v1/batch-upsert",
        b'{"records": [{"id":"new","vector":[1,2,3,4]},{"id":"b","vector":[1,2,1e39,4]}]}',
        ["records[1].vector", "position 2"],
    ),
    "record with a wrong dimension": (
        "/v1/batch-upsert",
        batch(GOOD, {"id": "b", "vector": [1]}),
        ["records[1].vector"],
    ),
    "record with an unknown field": ("/v1/batch-upsert", batch(GOOD, {**GOOD, "colour": 1}), ["records[1]", "colour"]),
    "records of unlike dimensions": (
        "/v1/batch-upsert",
        batch({"id": "b", "vector": [1, 2]}, GOOD),
        ["records[0].vector"],
    ),
    "atomic is a string": ("/v1/batch-upsert", batch(GOOD, atomic="yes"), ["atomic"]),
    "batch has an unknown field": ("/v1/batch-upsert", batch(GOOD, upsert=True), ["upsert"]),
    "queries is missing": ("/v1/batch-query", b"{}", ["queries"]),
    "queries is an object": ("/v1/batch-query", b'{"queries": {}}', ["queries"]),
    "queries holds a number": ("/v1/batch-query", queries({"id": "seed"}, 7), ["queries[1]"]),
    "queries holds an empty object": ("/v1/batch-query", queries({"id": "seed"}, {}), ["queries[1].vector"]),
    "query of a batch with a bad number": (
        "/v1/batch-query",
        b'{"queries": [{"id": "seed"}, {"vector": [1,2,1e39,4]}]}',
        ["queries[1].vector", "position 2", "vector[2]"],
    ),
    "query of a batch with a wrong dimension": (
        "/v1/batch-query",
        queries({"id": "seed"}, {"id": "seed"}, {"vector": [1]}),
        ["queries[2].vector"],
    ),
    "query of a batch with a bad filter": (
        "/v1/batch-query",
        queries({"id": "seed"}, {"id": "seed", "filter": "a >"}),
        ["queries[1].filter", "position 3"],
    ),
    "query of a batch with an unknown field": ("/v1/batch-query", queries({"id": "seed", "k": 1}), ["queries[0].k"]),
    "query of a batch with limit 0": ("/v1/batch-query", queries({"id": "seed", "limit": 0}), ["queries[0].limit"]),
    "queries of two namespaces": (
        "/v1/batch-query",
        queries({"id": "seed"}, {"id": "seed", "namespace": "other"}),
        ["queries[1].namespace"],
    ),
    "batch of queries has an unknown field": ("/v1/batch-query", queries({"id": "seed"}, limit=3), ["limit"]),
    "query has nothing": ("/v1/query", b"{}", ["vector"]),
    "query has vector and id": ("/v1/query", query(id="seed"), ["vector", "id"]),
    "query has a wrong dimension": ("/v1/query", query(vector=[1, 2]), ["vector"]),
    "query has a zero vector": ("/v1/query", query(vector=[0, 0, 0, 0]), ["vector", "zero"]),
    "query has a string in the vector": ("/v1/query", query(vector=[1, 2, 3, "x"]), ["vector", "position 3"]),
    "query has 1e39": ("/v1/query", text('{"vector": @}', "[1e39,1,1,1]"), ["vector", "position 0"]),
    "query has NaN": ("/v1/query", text('{"vector": @}', "[NaN,1,1,1]"), []),
    "query has an unknown field": ("/v1/query", query(top_k=3), ["top_k"]),
    "id is empty in a query": ("/v1/query", query(vector=..., id=""), ["id"]),
    "limit is 0": ("/v1/query", query(limit=0), ["limit"]),
    "limit is -1": ("/v1/query", query(limit=-1), ["limit"]),
    "limit is 1.5": ("/v1/query", query(limit=1.5), ["limit"]),
    "limit is 10001": ("/v1/query", query(limit=10001), ["limit"]),
    "limit is a string": ("/v1/query", query(limit="10"), ["limit"]),
    "limit is true": ("/v1/query", query(limit=True), ["limit"]),
    "limit is 2^32 + 1": ("/v1/query", query(limit=2**32 + 1), ["limit"]),
    "limit is 2^64 + 1": ("/v1/query", query(limit=2**64 + 1), ["limit"]),
    "offset is -1": ("/v1/query", query(offset=-1), ["offset"]),
    "offset is too large": ("/v1/query", query(offset=10000), ["offset"]),
    "ef is a string": ("/v1/query", query(ef="100"), ["ef"]),
    "ef is -1": ("/v1/query", query(ef=-1), ["ef"]),
    "exact is a string": ("/v1/query", query(exact="true"), ["exact"]),
    "exact is a number": ("/v1/query", query(exact=1), ["exact"]),
    "min_score is a string": ("/v1/query", query(min_score="0.5"), ["min_score"]),
    "include_vector is a number": ("/v1/query", query(include_vector=1), ["include_vector"]),
    "include_metadata is null": ("/v1/query", query(include_metadata="no"), ["include_metadata"]),
    "filter is a number": ("/v1/query", query(filter=1), ["filter"]),
    "filter is a list": ("/v1/query", query(filter=[{"a": 1}]), ["filter", "string or a JSON object"]),
    "filter object is empty": ("/v1/query", query(filter={}), ["filter", "empty"]),
    "filter object has an unknown operator": (
        "/v1/query",
        query(filter={"$and": [{"a": 1}, {"year": {"$gtr": 2}}]}),
        ["filter.$and[1].year.$gtr", "unknown operator"],
    ),
    "filter object of a batch has a bad date": (
        "/v1/batch-query",
        queries({"id": "seed"}, {"id": "seed", "filter": {"a": {"$lt": {"$date": "2024-02-30"}}}}),
        ["queries[1].filter.a.$lt.$date", "no date"],
    ),
    "filter text in JSON is cut short": ("/v1/query", query(filter='{"a": 1'), ["filter", "position 7"]),
    "filter has a bad date": ("/v1/query", query(filter="a > date('x')"), ["filter", "position 9", "no date"]),
    "delete by an empty filter object": ("/v1/delete", b'{"filter": {}}', ["filter", "empty"]),
    "filter has a stray quote": ("/v1/query", query(filter="word = 'it's'"), ["filter", "position"]),
    "filter has an open quote": ("/v1/query", query(filter="word = 'x"), ["filter", "position 7"]),
    "filter has no value": ("/v1/query", query(filter="word ="), ["filter", "position 6"]),
    "filter has a wrong operator": ("/v1/query", query(filter="word ~ 'x'"), ["filter", "position 5"]),
    "filter has an open parenthesis": ("/v1/query", query(filter="(word = 'x'"), ["filter", "position 11"]),
    "filter has a word too many": ("/v1/query", query(filter="word = 'x' or"), ["filter", "position 13"]),
    "filter has garbage after it": ("/v1/query", query(filter="word = 1 2"), ["filter", "position 9"]),
    "filter is 1,000 deep": ("/v1/query", query(filter="(" * 1000 + "a = 1" + ")" * 1000), ["filter"]),
    "filter is 1,000 NOTs": ("/v1/query", query(filter="NOT " * 1000 + "a = 1"), ["filter"]),
    "filter is too long": ("/v1/query", query(filter="a = '" + "x" * 70000 + "'"), ["filter"]),
    "delete of nothing": ("/v1/delete", b"{}", ["id"]),
    "delete by id and filter": ("/v1/delete", b'{"id": "seed", "filter": "n = 1"}', ["filter"]),
    "delete by id and ids": ("/v1/delete", b'{"id": "seed", "ids": ["seed"]}', ["id"]),
    "delete of a number": ("/v1/delete", b'{"id": 5}', ["id"]),
    "delete of ids that are no list": ("/v1/delete", b'{"ids": "seed"}', ["ids"]),
    "delete of ids with a number": ("/v1/delete", b'{"ids": ["seed", 5]}', ["ids"]),
    "delete by a bad filter": ("/v1/delete", b'{"filter": "n >"}', ["filter", "position 3"]),
    "delete by an empty filter": ("/v1/delete", b'{"filter": ""}', ["filter"]),
    "delete of an empty id": ("/v1/delete", b'{"id": ""}', ["id"]),
    "delete of a long id": ("/v1/delete", json.dumps({"id": "x" * 513}).encode(), ["id"]),
    "soft-delete of nothing": ("/v1/soft-delete", b"{}", ["id"]),
    "restore of a number": ("/v1/restore", b'{"id": 1}', ["id"]),
    "restore with an unknown field": ("/v1/restore", b'{"id": "seed", "force": true}', ["force"]),
}

# name: (method, target, body, content type, status, words)
REQUESTS = {
    "wrong path": ("GET", "/v1/nothing", b"", None, 404, []),
    "root of the API": ("GET", "/v1", b"", None, 404, []),
    "path with a capital": ("POST", "/v1/Upsert", upsert(), JSON, 404, []),
    "path with a slash more": ("POST", "/v1/upsert/", upsert(), JSON, 404, []),
    "path with a slash twice": ("POST", "/v1//upsert", upsert(), JSON, 404, []),
    "record without an id": ("GET", "/v1/records/", b"", None, (400, 404), []),
    "bad escape": ("GET", "/v1/records/%zz", b"", None, 400, []),
    "cut escape": ("GET", "/v1/records/a%2", b"", None, 400, []),
    "lone percent": ("GET", "/v1/records/100%", b"", None, 400, []),
    "escaped NUL": ("GET", "/v1/records/a%00b", b"", None, 400, []),
    "escaped bad UTF-8": ("GET", "/v1/records/%ff", b"", None, 400, []),
    "escaped overlong slash": ("GET", "/v1/records/%c0%af", b"", None, 400, []),
    "id of 513 bytes": ("GET", "/v1/records/" + "x" * 513, b"", None, 400, ["id"]),
    "bad escape in the query string": ("GET", "/v1/records?filter=%zz", b"", None, 400, []),
    "NUL in the query string": ("GET", "/v1/records?filter=%00", b"", None, 400, []),
    "unknown parameter": ("GET", "/v1/records?page=2", b"", None, 400, ["page"]),
    "page limit 0": ("GET", "/v1/records?limit=0", b"", None, 400, ["limit"]),
    "page limit -1": ("GET", "/v1/records?limit=-1", b"", None, 400, ["limit"]),
    "page limit x": ("GET", "/v1/records?limit=x", b"", None, 400, ["limit"]),
    "page limit 1.5": ("GET", "/v1/records?limit=1.5", b"", None, 400, ["limit"]),
    "page limit empty": ("GET", "/v1/records?limit=", b"", None, 400, ["limit"]),
    "page limit too large": ("GET", "/v1/records?limit=1000000", b"", None, 400, ["limit"]),
    "page with a bad filter": ("GET", "/v1/records?filter=a%20=", b"", None, 400, ["filter", "position 3"]),
    "page with a bad cursor": ("GET", "/v1/records?cursor=%21%21", b"", None, 400, ["cursor"]),
    "upsert as text": ("POST", "/v1/upsert", upsert(), "text/xml", 415, []),
    "upsert as raw": ("POST", "/v1/upsert", upsert(), RAW, 415, []),
    "query as NDJSON": ("POST", "/v1/query", query(), NDJSON, 415, []),
    "raw query of wrong length": ("POST", "/v1/query", b"\0\0\x80\x3f" * 3, RAW, 400, ["vector"]),
    "raw query of odd length": ("POST", "/v1/query", b"\0\0\x80\x3f" * 4 + b"\0", RAW, 400, ["vector"]),
    "raw query of nothing": ("POST", "/v1/query", b"", RAW, 400, ["vector"]),
    "raw query of NaN": (
        "POST",
        "/v1/query",
        struct.pack("<4f", 1, float("nan"), 1, 1),
        RAW,
        400,
        ["vector", "position 1"],
    ),
    "raw query of infinity": (
        "POST",
        "/v1/query",
        struct.pack("<4f", 1, 1, 1, float("inf")),
        RAW,
        400,
        ["vector", "position 3"],
    ),
    "raw query of zero": ("POST", "/v1/query", bytes(16), RAW, 400, ["vector", "zero"]),
    "raw query with a bad limit": ("POST", "/v1/query?limit=ten", struct.pack("<4f", 1, 1, 1, 1), RAW, 400, ["limit"]),
    "raw query with an unknown parameter": ("POST", "/v1/query?k=3", struct.pack("<4f", 1, 1, 1, 1), RAW, 400, ["k"]),
    "raw query with limit twice": (
        "POST",
        "/v1/query?limit=1&limit=2",
        struct.pack("<4f", 1, 1, 1, 1),
        RAW,
        400,
        ["limit"],
    ),
    "NDJSON with a bad line": ("POST", "/v1/batch-upsert", upsert() + b"\n{\n", NDJSON, 400, ["line 2"]),
    "NDJSON with an array": ("POST", "/v1/batch-upsert", upsert() + b"\n[1]\n", NDJSON, 400, ["line 2"]),
    "NDJSON with a bad record": (
        "POST",
        "/v1/batch-upsert",
        upsert() + b"\n" + upsert(vector=[1]),
        NDJSON,
        400,
        ["line 2", "vector"],
    ),
    "NDJSON with nothing after it": ("POST", "/v1/batch-upsert", upsert() + upsert(), NDJSON, 400, ["line 1"]),
}

METHODS = {
    "/v1/upsert": "POST",
    "/v1/batch-upsert": "POST",
    "/v1/batch-execute": "POST",
    "/v1/query": "POST",
    "/v1/batch-query": "POST",
    "/v1/count": "POST",
    "/v1/facet": "POST",
    "/v1/delete": "POST",
    "/v1/delete/seed": "DELETE",
    "/v1/soft-delete": "POST",
    "/v1/soft-delete/seed": "POST",
    "/v1/restore": "POST",
    "/v1/restore/seed": "POST",
    "/v1/records/seed": "GET,PATCH",
    "/v1/records": "GET",
    "/v1/stats": "GET",
    "/health": "GET",
    "/ready": "GET",
    "/metrics": "GET",
    "/openapi.json": "GET",
}


def state(server):
    """All that a refused request must leave alone."""
    stats = server.client.stats()
    counts = {name: stats[name] for name in ("total_vectors", "active_vectors", "deleted_vectors", "dimension")}
    return counts, server.client.pages(include_vector="true", include_deleted="true"), server.worker_pids()


@pytest.fixture
def unharmed(server):
    """The server with one record in it; afterwards the same record, alone, and the same workers."""
    client = server.client
    if [record["id"] for record in client.pages(include_deleted="true")] != ["seed"]:
        empty(client)
        client.upsert("seed", [1, 2, 3, 4], {"n": 1})
    before = state(server)
    assert len(before[2]) == server.workers
    yield server
    assert state(server) == before
    assert client.found([1, 2, 3, 4]) == ["seed"]


def refused(reply, status, words):
    assert reply.status == status, reply
    message = reply.error()
    for word in words:
        assert word in message, f"{word!r} is not in: {message}"


@pytest.mark.parametrize("name", BODIES)
def test_bad_body(unharmed, name):
    path, body, words = BODIES[name]
    method, path = path.split() if " " in path else ("POST", path)
    refused(unharmed.client.request(method, path, body, content_type=JSON), 400, words)


@pytest.mark.parametrize("name", REQUESTS)
def test_bad_request(unharmed, name):
    method, target, body, content_type, status, words = REQUESTS[name]
    reply = raw_request(unharmed.port, method, target, body, content_type)
    refused(reply, reply.status if isinstance(status, tuple) and reply.status in status else status, words)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", METHODS)
def test_wrong_method(unharmed, path, method):
    allowed = METHODS[path].split(",")
    if method in allowed:
        reply = raw_request(unharmed.port, "PUT", path, b"{}", JSON)
    else:
        reply = raw_request(unharmed.port, method, path, b"{}" if method not in ("GET", "OPTIONS") else b"", JSON)
    refused(reply, 405, [])
    assert set(allowed) <= set(reply.headers["allow"].replace(" ", "").split(","))
    assert method not in reply.headers["allow"] or method in allowed


def test_body_of_100_megabytes(unharmed):
    head = b"POST /v1/batch-upsert HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: %d\r\n\r\n"
    size = 100 << 20
    reply = raw_exchange(unharmed.port, head % size + b'{"records": [' + b" " * (size - 13), "POST")
    assert reply.status == 413


def test_metadata_too_large(unharmed):
    refused(
        unharmed.client.post("/v1/upsert", {**GOOD, "metadata": {"x": "y" * (1 << 20)}}),
        413,
        ["metadata", str(1 << 20)],
    )


def test_10001_records(unharmed):
    records = [{"id": f"r{i}", "vector": [1, 2, 3, 4]} for i in range(10001)]
    refused(unharmed.client.post("/v1/batch-upsert", {"records": records}), 413, ["records", "10000"])
    lines = b"\n".join(json.dumps(record).encode() for record in records)
    refused(unharmed.client.post("/v1/batch-upsert", lines, content_type=NDJSON), 413, ["10000"])
    refused(unharmed.client.post("/v1/delete", {"ids": [record["id"] for record in records]}), 413, ["ids", "10000"])


def test_1001_queries(unharmed):
    asked = [{"id": "seed"}] * 1001
    refused(unharmed.client.post("/v1/batch-query", {"queries": asked}), 413, ["queries", "1000"])
    asked = [{"id": "seed", "limit": 10000}] * 11
    refused(unharmed.client.post("/v1/batch-query", {"queries": asked}), 413, ["queries", "100000"])
    assert unharmed.client.post("/v1/batch-query", {"queries": [{"id": "none"}]}).status == 404


def test_many_bad_requests_in_a_row(unharmed):
    """The same workers, whatever came before: one state never leaks into the next request."""
    for body in (b"[" * 5000, b'{"id": "', upsert(id=5), b"\xff", upsert(vector=[1])) * 10:
        assert unharmed.client.post("/v1/upsert", body, content_type=JSON).status == 400
        assert unharmed.client.found([1, 2, 3, 4]) == ["seed"]


def test_first_record_is_bad(fresh):
    """A refused first record fixes no dimension."""
    for body in (upsert(vector=[]), upsert(vector=[0, 0]), text(UPSERT, "[1e39,1]"), upsert(id="")):
        assert fresh.client.post("/v1/upsert", body, content_type=JSON).status == 400
    assert fresh.client.stats()["total_vectors"] == 0
    fresh.client.upsert("a", [1, 2, 3, 4, 5])
    assert fresh.client.stats()["dimension"] == 5


def test_zero_vector_under_euclidean(make_server):
    """What cosine refuses is a point like any other elsewhere."""
    client = make_server(args=["--metric", "euclidean"]).start().client
    client.upsert("zero", [0, 0])
    assert client.found([0, 0]) == ["zero"]
