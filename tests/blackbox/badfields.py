# SPDX-License-Identifier: Apache-2.0
"""Bad requests made from doc/openapi.yaml: each field and parameter of each operation, wrong in every way that its schema
tells. What a schema accepts is left out, so that a schema which is too lax or too strict shows."""

import copy
import json

from described import content_examples, faults

# Values of every type, some beyond what any number or text may be.
VALUES = [
    True,
    False,
    0,
    -1,
    1.5,
    2**63,
    2**64,
    -(2**63) - 1,
    "",
    "x",
    "0",
    "a\0b",
    [],
    [1],
    ["x"],
    [None],
    [[]],
    {},
    {"x": 1},
    [{"x": 1}],
]
# What json.dumps does not write, and what no schema accepts where a number, text, list or object is expected.
NUMBERS = ["1e999", "-1e999"]
NO_JSON = ["NaN", "Infinity", "-Infinity", "nul", "01", "'x'", "[1,]", '"\\ud800"', "[" * 40 + "]" * 40]
MARK = "@value@"

# Bodies beside the examples, for fields that these do not have.
MORE_BODIES = {
    "recommend": [{"positive": [{"id": "king"}], "negative": [{"vector": [1, 2, 3, 4]}]}],
    "batchExecute": [{"operations": [{"op": op, "id": "king"}]} for op in ("delete", "soft_delete", "restore")]
    + [{"operations": [{"op": "update_metadata", "id": "king", "metadata": {"n": 1}}]}],
}


def others(schema, value):
    """Names that exclude what the value has."""
    alternatives = [set(part.get("required", [])) for part in schema.get("oneOf", [])]
    names = set().union(*alternatives) - set(value) if any(one and one <= set(value) for one in alternatives) else set()
    return names.union(*(others(part, value) for part in schema.get("allOf", [])))


def fields(schema, value):
    """{name: (schema, is it required)} of an object's schema; of alternatives, those that the value is one of."""
    found = {name: (one, False) for name, one in schema.get("properties", {}).items()}
    for part in schema.get("allOf", []):
        found.update(fields(part, value))
    for word in ("oneOf", "anyOf"):
        for part in schema.get(word, []):
            if part.get("properties") and not faults(part, value):
                found.update(fields(part, value))
    found = {name: one for name, one in found.items() if one[0] is not False and name not in others(schema, value)}
    for name in schema.get("required", []):
        if name in found:
            found[name] = (found[name][0], True)
    return found


def places(schema, value, path=()):
    """(path, schema, is it required) of every field within, where the value has something for those above it."""
    if isinstance(value, dict):
        for name, (one, required) in fields(schema, value).items():
            yield path + (name,), one, required
            yield from places(one, value.get(name), path + (name,))
    if isinstance(value, list) and "items" in schema:
        items = schema["items"]
        for place, one in enumerate(value):
            yield path + (place,), items, True
            if not faults(items, one):
                yield from places(items, one, path + (place,))


def full_name(path):
    """As errors write it: records[0].id. An element of a list of plain values goes by the list's name."""
    if path and isinstance(path[-1], int) and len(path) > 1:
        path = path[:-1]
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else ("." if text else "") + step
    return text


def parent(body, path):
    for step in path[:-1]:
        body = body[step]
    return body


def with_raw(body, path, raw):
    """The body as text, with the raw text as that field."""
    changed = copy.deepcopy(body)
    parent(changed, path)[path[-1]] = MARK
    return json.dumps(changed).replace(json.dumps(MARK), raw, 1)


def beyond(schema):
    """Values just outside of what a schema allows."""
    if "minimum" in schema:
        yield schema["minimum"] - (1 if schema["type"] == "integer" else abs(schema["minimum"]) / 8 + 1)
    if "maximum" in schema:
        yield schema["maximum"] + (1 if schema["type"] == "integer" else abs(schema["maximum"]) / 8 + 1)
    if "maxLength" in schema:
        yield "x" * (schema["maxLength"] + 1)
    if "pattern" in schema:
        yield from ("Capital", "a/b", "..", " ", "x" * 64, "-", "é", "a\n")
    if schema.get("maxItems", 1 << 30) <= 10000 and "items" in schema:
        yield [0.5 if "number" in str(schema["items"]) else "x"] * (schema["maxItems"] + 1)
    for word in ("allOf", "oneOf", "anyOf"):
        for part in schema.get(word, []):
            yield from beyond(part)


def bounds(schema):
    """The values at a schema's limits, which it allows."""
    yield from (schema[word] for word in ("minimum", "maximum") if word in schema)
    if "contentEncoding" not in schema:
        yield from ("x" * schema[word] for word in ("minLength", "maxLength") if word in schema)
    if schema.get("items", {}).get("type") == "string":
        yield from (["king"] * schema[word] for word in ("minItems", "maxItems") if word in schema)
    for word in ("allOf", "oneOf", "anyOf"):
        for part in schema.get(word, []):
            yield from bounds(part)


def bound_bodies(operation, kind="application/json"):
    """(the field, a body in which it is at one of its limits)"""
    schema = operation.bodies[kind]["schema"]
    seen = set()
    for body in bodies(operation, kind):
        for path, one, _ in places(schema, body):
            for value in [] if (path, str(one)) in seen else bounds(one):
                changed = with_raw(body, path, json.dumps(value))
                if not faults(schema, json.loads(changed)):
                    yield full_name(path), changed
            seen.add((path, str(one)))


def bodies(operation, kind):
    """The bodies to begin from."""
    return [*content_examples(operation.bodies[kind]).values(), *MORE_BODIES.get(operation.name, [])]


def bad_bodies(operation, kind="application/json"):
    """(what is wrong, the body as text, names of which the answer must have one)"""
    schema = operation.bodies[kind]["schema"]
    seen = set()
    for body in bodies(operation, kind):
        assert not faults(schema, body), (operation.name, body)
        for path, one, required in places(schema, body):
            name = full_name(path)
            # Once, whichever element of a list it is in; but alternatives may have other fields.
            where = tuple(0 if isinstance(step, int) else step for step in path), str(one)
            if where in seen:
                continue
            seen.add(where)
            # The engine names an example of recommend as a whole, and the query whose namespace differs from another's.
            names = [name]
            if operation.name == "recommend" and len(path) > 2:
                names.append(full_name(path[:-1]))
            if operation.name == "batchQuery" and path[-1] == "namespace":
                names.append("namespace")
            for value in [*VALUES, *beyond(one)]:
                if faults(one, value):
                    yield f"{name} is {value!r:.40}", with_raw(body, path, json.dumps(value)), names
            for raw in NUMBERS:
                if faults(one, float(raw)):
                    yield f"{name} is {raw}", with_raw(body, path, raw), names
            for raw in NO_JSON:
                yield f"{name} is {raw:.20}", with_raw(body, path, raw), [name, "body"]
            if isinstance(path[-1], int):
                continue
            text = json.dumps(parent(body, path).get(path[-1], "x"))
            twice = f"{text}, {json.dumps(path[-1])}: {text}"
            yield f"{name} twice", with_raw(body, path, twice), [path[-1]]
            if required:
                yield f"{name} is null", with_raw(body, path, "null"), names
                without = copy.deepcopy(body)
                parent(without, path).pop(path[-1], None)
                if faults(schema, without):
                    yield f"{name} is missing", json.dumps(without), names
            unknown = path[:-1] + ("no_such_field",)
            changed = json.loads(with_raw(body, unknown, "1"))
            if unknown not in seen and faults(schema, changed):
                seen.add(unknown)
                yield f"{full_name(unknown)}", json.dumps(changed), [full_name(unknown)]
    for raw in ["", " ", "[]", "1", '"x"', "null", "true", "{", "{}{}", "[" * 5000, "\ufeff{}", "{\"a\": 1} x", "\0"]:
        yield f"body is {raw!r:.20}", raw, ["body", "line 1"]


def null_bodies(operation, kind="application/json"):
    """(a body with an optional field that is null, the same without it)"""
    schema = operation.bodies[kind]["schema"]
    seen = set()
    for body in bodies(operation, kind):
        for path, one, required in places(schema, body):
            if required or path in seen or not faults(one, None):
                continue
            seen.add(path)
            without = copy.deepcopy(body)
            parent(without, path).pop(path[-1], None)
            if not faults(schema, without):
                yield with_raw(body, path, "null"), json.dumps(without)


# ---- parameters -------------------------------------------------------------------------------------------------

PLAIN = ["", "x", "1.5", "-1", "+1", " 1", "0x10", "1e3", "9" * 20, "TRUE", "yes", "2", "null", "[]", "a,", "`", "a..b", "!!"]
# Of parameters that are texts with a grammar of their own, what this does not accept.
GRAMMARS = {
    "filter": ["", "a", "a =", "a = 'x", "(a = 1", "{}", "@nothing = 1"],
    "fields": ["", ",", "a,", "a..b", "`"],
    "group_by": ["", "a..b", "`", "@id"],
    "cursor": ["", "!!", "AA==", "king"],
}


def as_json(schema, text):
    """What a parameter's text means to its schema; None when it is nothing of that type."""
    kind = schema.get("type", "string")
    if kind == "boolean":
        return {"true": True, "1": True, "false": False, "0": False}.get(text)
    if kind in ("integer", "number") or "minimum" in str(schema.get("allOf")):
        try:
            return json.loads(text) if text.strip("+ \t0123456789") != text or kind == "number" else None
        except ValueError:
            return None
    return text


def bad_values(parameter):
    """Texts that are no value of a parameter."""
    schema, name = parameter["schema"], parameter["name"]
    texts = [*PLAIN, *(str(value) for value in beyond(schema) if len(str(value)) < 4000)]
    if name in GRAMMARS:
        return GRAMMARS[name]
    return [text for text in texts if faults(schema, as_json(schema, text))]
