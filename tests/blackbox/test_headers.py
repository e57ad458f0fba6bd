# SPDX-License-Identifier: Apache-2.0
"""Headers that no library sends, through each web server: the same answer everywhere, or a refusal; never another credential
or namespace in one than in the other."""

import http.client
import re

import pytest

import harness
import webservers
from client import raw_exchange
from test_cgi import plain

BODY = b'{"vector": [1, 2], "limit": 9, "include_metadata": false}'
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
LENGTH = b"Content-Length: %d" % len(BODY)
QUERY = [b"POST /v1/query HTTP/1.1", b"X-API-Key: A", b"Content-Type: application/json"]
GET = b"GET /v1/stats HTTP/1.1"
REFUSED = {400, 401, 403, 404, 405, 408, 411, 413, 414, 417, 426, 431, 501, 505}
# The namespaces alpha and beta hold 1 and 2 vectors, default 3: which one was asked shows. A and B in a header are the keys of the
# former two, ADMIN is the administrator's.
HEADS = [
    [GET, b"X-API-Key: A"],
    [GET],
    # The same twice
    [GET, b"X-API-Key: A", b"X-API-Key: A"],
    [GET, b"X-API-Key: A", b"X-API-Key: B"],
    [GET, b"X-API-Key: B", b"x-api-key: A"],
    [GET, b"X-API-Key: A", b"Authorization: Bearer B"],
    [GET, b"Authorization: Bearer B", b"X-API-Key: A"],
    [GET, b"Authorization: Bearer A", b"Authorization: Bearer B"],
    [GET, b"X-API-Key: ADMIN", b"X-Namespace: alpha", b"X-Namespace: beta"],
    [GET, b"X-API-Key: ADMIN", b"X-Namespace: alpha", b"X-Namespace: alpha"],
    [GET, b"X-API-Key: ADMIN", b"X-Namespace:", b"X-Namespace: beta"],
    # Names that are one variable in CGI
    [GET, b"X-API-Key: A", b"X_API_Key: B"],
    [GET, b"X_API_Key: B", b"X-API-Key: A"],
    [GET, b"X-API-Key: ADMIN", b"X-Namespace: alpha", b"X_Namespace: beta"],
    [GET, b"X-API-Key: ADMIN", b"X Namespace: beta"],
    # Names of variables
    [GET, b"HTTP_X_API_KEY: A"],
    [GET, b"Remote-User: admin"],
    [GET, b"REMOTE_USER: admin"],
    [GET, b"X-API-Key: A", b"Request-Uri: /v1/records"],
    [GET, b"X-API-Key: A", b"Proxy: http://192.0.2.1/"],
    # Spaces and folds
    [GET, b"X-API-Key:A"],
    [GET, b"X-API-Key: \t A \t "],
    [GET, b"X-API-Key : A"],
    [GET, b" X-API-Key: A"],
    [GET, b"X-API-Key:", b" A"],
    [GET, b"X-A: b", b" X-API-Key: A"],
    [GET, b"X-API-Key: ADMIN", b"X-Namespace: al", b" pha"],
    [GET, b"X-API-Key: ADMIN", b"X-Namespace: alpha,"],
    [GET, b"X-API-Key: ADMIN", b"X-Namespace: Alpha"],
    [GET, b"X-API-Key: ADMIN", b"X-Namespace: alpha\0"],
    [GET, b"X-API-Key: ADMIN", b"X-Namespace: alpha\rX-A: b"],
    [GET, b"X-API-Key: ADMIN", b"X-Namespace: alpha\nX-A: b"],
    [GET, b"X-API-Key: ADMIN", b"X-Namespace: \xe4lpha"],
    [GET, b"X-API-Key: ADMIN", b"X-Namespace: ../alpha"],
    [b"GET /v1/stats?namespace=beta HTTP/1.1", b"X-API-Key: ADMIN", b"X-Namespace: alpha"],
    [b"GET /v1/stats?namespace=beta HTTP/1.1", b"X-API-Key: A"],
    *([GET, b"Authorization: " + value] for value in (b"bearer A", b"BEARER A", b"Bearer  A", b"Bearer\tA", b" Bearer A ")),
    *([GET, b"Authorization: " + value] for value in (b"BearerA", b"Bearer", b"A", b"Basic QTpC", b"Bearer A, Bearer B", b"Bearer A B")),
    # Long ones, many
    [GET, b"X-API-Key: A", b"X-A: " + b"a" * 3000],
    [GET, b"X-API-Key: A", b"X-A: " + b"a" * 70000],
    [GET, b"X-API-Key: " + b"a" * 5000],
    [GET, b"X-API-Key: A", *[b"X-%d: b" % n for n in range(80)]],
    [GET, b"X-API-Key: A", *[b"X-%d: b" % n for n in range(3000)]],
    # Request lines
    [b"GET http://localhost/v1/stats HTTP/1.1", b"X-API-Key: A"],
    [b"GET http://localhost/v1/records/a%2Fb HTTP/1.1", b"X-API-Key: A"],
    [b"GET HTTP://LOCALHOST/v1/stats HTTP/1.1", b"X-API-Key: A"],
    [b"GET http://other.example/v1/stats HTTP/1.1", b"X-API-Key: A"],
    [b"GET ftp://localhost/v1/stats HTTP/1.1", b"X-API-Key: A"],
    [b"GET //localhost/v1/stats HTTP/1.1", b"X-API-Key: A"],
    [b"GET v1/stats HTTP/1.1", b"X-API-Key: A"],
    [b"GET * HTTP/1.1", b"X-API-Key: A"],
    [b"OPTIONS * HTTP/1.1", b"X-API-Key: A"],
    [b"CONNECT localhost:80 HTTP/1.1", b"X-API-Key: A"],
    [b"TRACE /v1/stats HTTP/1.1", b"X-API-Key: A"],
    [b"get /v1/stats HTTP/1.1", b"X-API-Key: A"],
    [b"FROB /v1/stats HTTP/1.1", b"X-API-Key: A"],
    [b"GET  /v1/stats HTTP/1.1", b"X-API-Key: A"],
    [b"GET /v1/stats\t HTTP/1.1", b"X-API-Key: A"],
    [b"GET /v1/stats HTTP/1.0", b"X-API-Key: A"],
    [b"GET /v1/stats HTTP/3.7", b"X-API-Key: A"],
    [b"GET /v1/stats", b"X-API-Key: A"],
    [b"GET /v1/stats#x HTTP/1.1", b"X-API-Key: A"],
    [GET, b"X-API-Key: A", b"X-HTTP-Method-Override: DELETE"],
    [GET, b"X-API-Key: A", b"Host: localhost"],
    [GET, b"X-API-Key: A", b"Host: other"],
]
# lighttpd, and whoever writes straight, take these for X-API-Key and X-Namespace, Apache drops them: (head, as if it were
# that or that).
SPELLINGS = [
    ([GET, b"X_API_Key: A"], [GET, b"X-API-Key: A"], [GET]),
    ([GET, b"X-API_Key: A"], [GET, b"X-API-Key: A"], [GET]),
    *(
        ([GET, b"X-API-Key: ADMIN", name + b": beta"], [GET, b"X-API-Key: ADMIN", b"X-Namespace: beta"], [GET, b"X-API-Key: ADMIN"])
        for name in (b"X_Namespace", b"X.Namespace", b"X!Namespace")
    ),
]
# With a body, which is sent as it stands, after these headers
BODIES = [
    ([LENGTH], BODY),
    ([LENGTH, LENGTH], BODY),
    ([LENGTH, b"Content-Length: 3"], BODY),
    ([b"Content-Length: 3", LENGTH], BODY),
    ([LENGTH + b", %d" % len(BODY)], BODY),
    ([b"Content-Length: +%d" % len(BODY)], BODY),
    ([b"Content-Length: 0x%x" % len(BODY)], BODY),
    ([b"Content-Length: -1"], BODY),
    ([b"Content-Length: %d" % (1 << 70)], BODY),
    ([b"Content_Length: 3", LENGTH], BODY),
    ([b"Transfer-Encoding: chunked"], CHUNKED),
    ([b"Transfer-Encoding: chunked", LENGTH], CHUNKED),
    ([LENGTH, b"Transfer-Encoding: chunked"], CHUNKED),
    ([b"Content-Length: 3", b"Transfer-Encoding: chunked"], CHUNKED),
    ([LENGTH, b"Transfer-Encoding: identity"], BODY),
    ([LENGTH, b"Transfer-Encoding: xchunked"], BODY),
    ([LENGTH, b"Transfer_Encoding: chunked"], BODY),
    ([b"Transfer-Encoding: chunked, chunked"], CHUNKED),
    ([b"Transfer-Encoding : chunked", LENGTH], BODY),
    ([b"Transfer-Encoding: chunked"], b"-1\r\n" + CHUNKED),
    ([b"Transfer-Encoding: chunked"], b"ffffffffffffffffff\r\n" + CHUNKED),
    ([LENGTH, b"Expect: 100-continue"], BODY),
    ([LENGTH, b"Expect: wonders"], BODY),
    ([LENGTH, b"Content-Encoding: gzip"], BODY),
    ([], b""),
]


def send(port, request):
    """(status, the worker's answer or None); a connection that is closed without one is a refusal."""
    try:
        reply = raw_exchange(port, request)
    except (http.client.HTTPException, ConnectionError, ValueError):
        return 400, None
    return reply.status, plain(reply.json()) if "x-request-id" in reply.headers else None


@pytest.fixture(scope="module")
def ways():
    """{web server: its port}, and keys by what stands for them."""
    server = harness.Server(workers=2, args=["--cache", "0"])
    webs = []
    try:
        client = server.start().client
        for name, count in (("alpha", 1), ("beta", 2), ("default", 3)):
            if name != "default":
                client.ok("POST", "/admin/namespaces", {"name": name})
            records = [{"id": f"{name}-{i}", "vector": [1, i]} for i in range(count)]
            client.ok("POST", f"/v1/batch-upsert?namespace={name}", {"records": records})
        keys = {"ADMIN": client.ok("POST", "/admin/keys", {"role": "admin"})["key"]}
        client.headers = {"X-API-Key": keys["ADMIN"]}
        for key, name in (("A", "alpha"), ("B", "beta")):
            keys[key] = client.ok("POST", "/admin/keys", {"role": "reader", "namespace": name})["key"]
        for start in (webservers.apache, webservers.lighttpd):
            webs.append(start(server.folder, harness.free_port(), server.socket()))
            webs[-1].wait()
        ports = {"private lighttpd": server.port, "apache": webs[0].port, "lighttpd": webs[1].port}
        yield ports, keys
        for web in webs:
            web.stop()
        server.stop()
    finally:
        for web in webs:
            web.stop()
        server.destroy()


def head(lines, keys):
    lines = [lines[0], b"Host: localhost", *lines[1:], b"Connection: close"]
    lines = [re.sub(rb"(?<=[: \t])(A|B|ADMIN)(?=[ \t,]|$)", lambda found: keys[found[1].decode()].encode(), line) for line in lines]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def check_same(answers):
    """All that were answered were answered alike."""
    for name, (status, answer) in answers.items():
        assert status in REFUSED or (status == 200 and answer is not None), (name, status, answer)
    given = [answer for status, answer in answers.values() if status == 200]
    assert all(answer == given[0] for answer in given), answers


def test_headers_mean_something(ways):
    """What the rest relies on: who asks, and for which namespace, is seen in the answer."""
    ports, keys = ways
    for port in ports.values():
        for lines, vectors in (
            ([GET, b"X-API-Key: A"], 1),
            ([GET, b"Authorization: Bearer B"], 2),
            ([GET, b"X-API-Key: ADMIN"], 3),
            ([GET, b"X-API-Key: ADMIN", b"X-Namespace: beta"], 2),
        ):
            status, answer = send(port, head(lines, keys))
            assert status == 200 and answer["total_vectors"] == vectors, (lines, answer)


@pytest.mark.parametrize("lines", HEADS, ids=lambda lines: b"; ".join(lines[:4]).decode("latin-1")[:70])
def test_same_headers_everywhere(ways, lines):
    ports, keys = ways
    if lines[0].startswith(b"OPTIONS *"):  # asks the web server itself
        lines = [b"OPTIONS /v1/stats HTTP/1.1", *lines[1:]]
    check_same({name: send(port, head(lines, keys)) for name, port in ports.items()})


@pytest.mark.parametrize("lines, proper, absent", SPELLINGS, ids=[str(n) for n in range(len(SPELLINGS))])
def test_spellings(ways, lines, proper, absent):
    ports, keys = ways
    for name, port in ports.items():
        wanted = send(port, head(absent if name == "apache" else proper, keys))
        got = send(port, head(lines, keys))
        assert got == wanted, name


@pytest.mark.parametrize("lines, sent", BODIES, ids=[str(n) for n in range(len(BODIES))])
def test_same_bodies_everywhere(ways, lines, sent):
    """Nobody takes another length than the others do; what is left of a refused body is no request."""
    ports, keys = ways
    check_same({name: send(port, head([*QUERY, *lines], keys) + sent) for name, port in ports.items()})


def test_twice_in_any_spelling(ways):
    """lighttpd makes one variable of X-API-Key and X_API_Key, and sends it twice: refused, for nobody knows which is meant."""
    ports, keys = ways
    for first, second in ((b"X-API-Key", b"X_API_Key"), (b"X.API-Key", b"X-API-Key")):
        for name, port in ports.items():
            status, answer = send(port, head([GET, first + b": A", second + b": B"], keys))
            assert name == "apache" or (status, answer["code"]) == (400, "invalid_argument"), (name, answer)
    for name, port in ports.items():
        lines = [GET, b"X-API-Key: ADMIN", b"X-Namespace: alpha", b"X!Namespace: beta"]
        assert send(port, head(lines, keys))[0] == (200 if name == "apache" else 400), name
