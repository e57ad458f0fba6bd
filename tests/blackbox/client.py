# SPDX-License-Identifier: Apache-2.0
"""HTTP as tests need it: a fresh connection per request, replies kept whole, raw requests where libraries tidy up."""

import http.client
import json
import socket
import ssl
import urllib.parse

import described

TIMEOUT = 60  # seconds; a guard against hanging, never a measurement


class Reply:
    """Status, headers (lower-case names) and body of one answer."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = {name.lower(): value for name, value in headers}
        self.body = body

    def json(self):
        """Decoded; NaN and Infinity are no JSON, whatever Python thinks."""
        return json.loads(self.body, parse_constant=not_json)

    def error(self):
        """The error text of a JSON error; checks the shape that every error has."""
        answer = self.json()
        assert set(answer) >= {"error", "code", "request_id"}, answer
        assert isinstance(answer["error"], str) and answer["error"], answer
        return answer["error"]

    def __repr__(self):
        return f"<{self.status} {self.body[:400]!r}>"


def not_json(text):
    raise ValueError(f"{text} is no JSON")


def quote(record_id):
    """An id as one path segment."""
    return urllib.parse.quote(record_id, safe="")


def tls_context():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Client:
    """Talks to 127.0.0.1:port. Threads may share it."""

    def __init__(self, port, tls=False):
        self.port = port
        self.tls = tls
        self.headers = {}  # of every request: a credential

    def connect(self):
        if self.tls:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=TIMEOUT, context=tls_context())
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)

    def request(self, method, target, body=None, content_type=None, headers=None):
        """One request, whose answer must be one that doc/openapi.yaml describes. body: bytes, or anything else, which is
        sent as JSON."""
        connection = self.connect()
        try:
            reply = exchange(connection, method, target, body, content_type, {**self.headers, **(headers or {})})
        finally:
            connection.close()
        described.check_status(method, target, reply)
        return reply

    def get(self, target, **kwargs):
        return self.request("GET", target, **kwargs)

    def post(self, target, body=None, **kwargs):
        return self.request("POST", target, body, **kwargs)

    def ok(self, method, target, body=None, **kwargs):
        """As request, for what must succeed: the decoded answer."""
        reply = self.request(method, target, body, **kwargs)
        assert reply.status == 200, f"{method} {target}: {reply}"
        return reply.json()

    # What the tests do most, each returning the decoded answer of a 200.

    def upsert(self, record_id, vector, metadata=None):
        body = {"id": record_id, "vector": [float(x) for x in vector]}
        if metadata is not None:
            body["metadata"] = metadata
        return self.ok("POST", "/v1/upsert", body)

    def batch(self, records, **fields):
        return self.ok("POST", "/v1/batch-upsert", {"records": records, **fields})

    def query(self, vector=None, **fields):
        if vector is not None:
            fields["vector"] = [float(x) for x in vector]
        return self.ok("POST", "/v1/query", fields)

    def found(self, vector=None, **fields):
        """The ids that a query finds, in order."""
        return [result["id"] for result in self.query(vector, **fields)["results"]]

    def delete(self, record_id):
        return self.ok("DELETE", "/v1/delete/" + quote(record_id))

    def record(self, record_id, **parameters):
        target = "/v1/records/" + quote(record_id)
        if parameters:
            target += "?" + urllib.parse.urlencode(parameters)
        return self.get(target)

    def page(self, **parameters):
        return self.ok("GET", "/v1/records?" + urllib.parse.urlencode(parameters))

    def pages(self, **parameters):
        """Every record, page after page."""
        records = []
        while True:
            page = self.page(**parameters)
            assert set(page) == {"records", "next_cursor"}, page.keys()
            records += page["records"]
            if page["next_cursor"] is None:
                return records
            parameters["cursor"] = page["next_cursor"]

    def stats(self):
        return self.ok("GET", "/v1/stats")

    def metrics(self):
        """The samples of /metrics: {'name{labels}': value}."""
        reply = self.get("/metrics")
        assert reply.status == 200, reply
        samples = {}
        for line in reply.body.decode().splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                samples[name] = float(value)
        return samples


def exchange(connection, method, target, body=None, content_type=None, headers=None):
    """One request on an open http.client connection (which stays open if the server lets it)."""
    headers = dict(headers or {})
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        content_type = content_type or "application/json"
    if content_type:
        headers["Content-Type"] = content_type
    connection.request(method, target, body, headers)
    response = connection.getresponse()
    return Reply(response.status, response.getheaders(), response.read())


def raw_exchange(port, data, method="GET"):
    """Sends bytes as they are and reads one answer, also when the server answers before it has read all."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as peer:
        view = memoryview(data)
        try:
            while view:
                view = view[peer.send(view[: 1 << 20]) :]
        except (BrokenPipeError, ConnectionResetError):
            pass
        response = http.client.HTTPResponse(peer, method=method)
        response.begin()
        return Reply(response.status, response.getheaders(), response.read())


def raw_request(port, method, target, body=b"", content_type=None):
    """A request whose target (str of Latin-1 characters, or bytes) no library has looked at."""
    if isinstance(target, str):
        target = target.encode("latin-1")
    head = [method.encode() + b" " + target + b" HTTP/1.1", b"Host: localhost", b"Connection: close"]
    if content_type:
        head.append(b"Content-Type: " + content_type.encode())
    if body or method in ("POST", "PUT", "PATCH"):
        head.append(b"Content-Length: %d" % len(body))
    return raw_exchange(port, b"\r\n".join(head) + b"\r\n\r\n" + body, method)
