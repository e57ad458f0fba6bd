# SPDX-License-Identifier: Apache-2.0
"""What schemathesis does not know by itself of what it sends."""

import itertools
import json
import os
import re
import urllib.request

import schemathesis
from schemathesis.specs.openapi.checks import negative_data_rejection


@schemathesis.serializer("application/x-ndjson", "application/x-tar")
def as_it_is(context, value):
    """A text is sent as it is, be it lines or an archive; of anything else, one line of JSON."""
    if isinstance(value, bytes):
        return value
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else json.dumps(value).encode()


# ---- what is there: without this nearly all that is right by the schema would be answered 404 or 400 ---------------

CALLS = itertools.count()
NAMES = ["king", "queen", "prince", "knave"]
KEY = "5bde83a238c2a979"  # of test_openapi.py
PLAIN = re.compile("[a-z0-9][a-z0-9_-]{0,62}")
# What is administered is another namespace than the one that is written and read: it may be frozen or deleted.
THERE = {"namespace": "default", "name": "shop"}


def fit(value, name=None):
    """Good ids become those of records, good names those there are, short vectors of good numbers get their dimension."""
    if isinstance(value, dict):
        return {key: fit(one, key) for key, one in value.items() if not (key == "if_version" and is_even(one))}
    if isinstance(value, list):
        numbers = value and len(value) < 64 and all(type(one) in (int, float) and abs(one) < 1e38 for one in value)
        return (value * 4)[:4] if numbers else [fit(one) for one in value]
    if isinstance(value, str) and name == "id" and re.fullmatch("[0-9a-f]{16}", value):
        return KEY
    if isinstance(value, str) and name == "id" and 0 < len(value) < 512:
        return NAMES[len(value) % 4]
    return THERE[name] if isinstance(value, str) and name in THERE and PLAIN.fullmatch(value) else value


def is_even(value):
    """Half of the versions that could be: few records have them."""
    return type(value) is int and 0 <= value < 2**63 and value % 2 == 0


@schemathesis.hook
def before_call(context, case, **kwargs):
    """Records that were deleted come back; `default` is not administered."""
    if (case.path_parameters or {}).get("name") == THERE["namespace"]:
        case.path_parameters["name"] = THERE["name"]
    if next(CALLS) % 20 == 0:
        records = [{"id": name, "vector": [place + 1, 1, 0.5, -1], "metadata": {"rank": place}} for place, name in enumerate(NAMES)]
        data = json.dumps({"records": records}).encode()
        url = case.operation.base_url + "/v1/batch-upsert"
        headers = {"Content-Type": "application/json", "X-API-Key": os.environ["VECSTORE_TEST_KEY"]}
        urllib.request.urlopen(urllib.request.Request(url, data, headers)).close()


@schemathesis.hook
def map_body(context, body):
    return fit(body)


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    return fit(path_parameters)


@schemathesis.hook
def map_query(context, query):
    return fit(query)


@schemathesis.hook
def map_headers(context, headers):
    """Conditions go with one request of four: few hold."""
    kept = {}
    for name, value in (headers or {}).items():
        if name == "X-Namespace":
            value = fit(value, "namespace")
        if not (name.startswith("If-") and len(str(value)) % 4):
            kept[name] = value
    return type(headers)(kept) if headers is not None else None


# ---- what must hold --------------------------------------------------------------------------------------------------


def has_null(value):
    if isinstance(value, (list, dict)):
        return any(map(has_null, value.values() if isinstance(value, dict) else value))
    return value is None


@schemathesis.check
def wrong_is_refused(context, response, case):
    """What the schema does not allow is refused, but for three things that JSON Schema cannot say: a field that is null counts
    as missing; lines of NDJSON are a text to it; query-estimate and batches that are not atomic tell of faults with 200."""
    if has_null(case.body) or case.media_type == "application/x-ndjson":
        return None
    if response.status_code == 200 and b'"errors":[{' in response.content:
        return None
    return negative_data_rejection(context, response, case)
