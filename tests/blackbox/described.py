# SPDX-License-Identifier: Apache-2.0
"""doc/openapi.yaml as tests need it: its operations with everything in place that is referred to, and whether an answer is
one that it describes."""

import functools
import json
import re
import urllib.parse
from pathlib import Path

import yaml

SOURCE = Path(__file__).resolve().parents[2] / "doc/openapi.yaml"
# {operationId: bytes}: bodies that no text can give as an example; tests put them here
BINARY = {}
# {operationId: what stands for the {placeholder} of its path}; of all others `king`
PATHS = {"uploadSnapshot": "taken-in", "cloneNamespace": "default"}
METHODS = ("get", "put", "post", "delete", "patch")
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@functools.cache
def document():
    return yaml.safe_load(SOURCE.read_text())


def inline(node):
    """The node with what it and its parts refer to in place. What the description has is a tree: nothing refers to itself."""
    if isinstance(node, list):
        return [inline(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" not in node:
        return {name: inline(value) for name, value in node.items()}
    target = document()
    for name in node["$ref"].removeprefix("#/").split("/"):
        target = target[name]
    return inline({**target, **{name: value for name, value in node.items() if name != "$ref"}})


def closed(schema, part=False):
    """An answer's schema, refusing what it does not name, at every depth. The description itself leaves answers open: clients
    must not stumble over a field that a later version adds. part: of an allOf, oneOf or anyOf, whose whole is closed."""
    made = dict(schema)
    for name in ("allOf", "oneOf", "anyOf"):
        if name in made:
            made[name] = [closed(one, True) for one in made[name]]
    if "properties" in made:
        made["properties"] = {name: closed(one) for name, one in made["properties"].items()}
    for name in ("items", "additionalProperties"):
        if isinstance(made.get(name), dict):
            made[name] = closed(made[name])
    names = "properties" in made or any("properties" in one for one in made.get("allOf", []))
    if names and not part and "additionalProperties" not in made:
        made["unevaluatedProperties"] = False
    return made


def validator(schema):
    """Of JSON Schema 2020-12, dates heeded."""
    import jsonschema  # here: only the tests of the description need it

    formats = jsonschema.FormatChecker()
    formats.checks("date-time")(lambda text: not isinstance(text, str) or bool(RFC3339.fullmatch(text)))
    return jsonschema.Draft202012Validator(schema, format_checker=formats)


def faults(schema, value):
    """What is wrong with a value, as text; empty when nothing is."""
    return "; ".join(
        f"{'/'.join(map(str, fault.absolute_path)) or 'all of it'}: {fault.message[:300]}"
        for fault in validator(schema).iter_errors(value)
    )


class Operation:
    """One method of one path."""

    def __init__(self, method, path, node):
        self.method = method.upper()
        self.path = path
        self.node = inline(node)
        self.name = self.node["operationId"]
        self.parameters = self.node.get("parameters", [])
        self.bodies = self.node.get("requestBody", {}).get("content", {})
        self.answers = {int(code): answer for code, answer in self.node["responses"].items()}
        self.pattern = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))

    def target(self, path_values=None, **query):
        """With every {placeholder} of the path filled in: by an example of it, else by the id of a record."""
        examples = [parameter.get("example", "king") for parameter in self.parameters if parameter["in"] == "path"]
        path_values = path_values or PATHS.get(self.name) or "".join(map(str, examples))
        path = re.sub(r"\{\w+\}", urllib.parse.quote(path_values, safe=""), self.path)
        return path + ("?" + urllib.parse.urlencode(query) if query else "")

    def examples(self):
        """[(name, content type, body as bytes)] of its requests; one without a body when it needs none."""
        found = [] if self.node.get("requestBody", {}).get("required") else [("none", None, None)]
        for kind, content in self.bodies.items():
            if self.name in BINARY:
                found.append((f"{kind} of the tests", kind, BINARY[self.name]))
                continue
            for name, value in content_examples(content).items():
                body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
                found.append((f"{kind} {name}", kind, body))
        return found

    def body(self):
        """The content type and body of its first example; None, None when it needs no body."""
        return self.examples()[0][1:]

    def check(self, reply):
        """Fails unless the answer is described: its status, its content type and (JSON) its body."""
        assert reply.status in self.answers, f"{self.name} does not describe {reply.status}: {reply}"
        content = self.answers[reply.status].get("content", {})
        kind = reply.headers.get("content-type", "").split(";")[0]
        if not content:
            assert not reply.body, f"{self.name} describes no body of a {reply.status}: {reply}"
            return
        assert kind in content, f"{self.name} does not describe a {reply.status} as {kind!r}: {reply}"
        for name, header in self.answers[reply.status].get("headers", {}).items():
            value = reply.headers.get(name.lower())
            assert value is not None or name == "Retry-After", f"{self.name} {reply.status}: no header {name}"
            if value is not None and header["schema"]["type"] == "integer":
                assert value.isdigit(), f"{self.name} {reply.status}: {name}: {value}"
        if kind != "application/json":
            return
        wrong = faults(closed(content[kind]["schema"]), reply.json())
        assert not wrong, f"{self.name} {reply.status}: {wrong}: {reply}"
        if reply.status >= 400:
            assert reply.json().get("request_id") == reply.headers.get("x-request-id"), reply


def content_examples(content):
    """{name: value} of a content type."""
    if "example" in content:
        return {"example": content["example"]}
    return {name: example["value"] for name, example in content.get("examples", {}).items()}


@functools.cache
def operations():
    """{operationId: Operation}"""
    found = [
        Operation(method, path, node)
        for path, item in document()["paths"].items()
        for method, node in item.items()
        if method in METHODS
    ]
    assert len({operation.name for operation in found}) == len(found)
    return {operation.name: operation for operation in found}


def find(method, target):
    """The operation that a request is for, or None. HEAD is GET without the body."""
    path = target.partition("?")[0]
    method = "GET" if method == "HEAD" else method
    for operation in operations().values():
        if operation.method == method and operation.pattern.fullmatch(path):
            return operation
    return None


def check_status(method, target, reply):
    """As Operation.check, but of status and content type alone: cheap enough for each answer that any test sees."""
    operation = find(method, target)
    if not operation:
        return
    assert reply.status in operation.answers, f"{operation.name} does not describe {reply.status}: {reply}"
    content = operation.answers[reply.status].get("content", {})
    kind = reply.headers.get("content-type", "").split(";")[0]
    assert not content or kind in content, f"{operation.name} does not describe a {reply.status} as {kind!r}: {reply}"


def check(method, target, reply):
    """Fails unless it is for a described operation, and an answer that this describes."""
    operation = find(method, target)
    assert operation, f"{method} {target} is not described"
    operation.check(reply)
    return reply
