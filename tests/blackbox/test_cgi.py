# SPDX-License-Identifier: Apache-2.0
"""One worker binary, many ways to it: the same answers as FastCGI, as plain CGI, and behind Apache and lighttpd."""

import json
import os
import signal
import socket
import subprocess
import time

import pytest

import fastcgi
import harness
import webservers
from client import raw_request
from oracle import encode_vector

JSON = "application/json"
NDJSON = "application/x-ndjson"
VOLATILE = {"request_id", "duration_ms", "created_at", "updated_at", "deleted_at", "storage_bytes", "timestamp", "cache_stats"}


def body(**fields):
    return json.dumps(fields).encode()


# A life of a few records, in order: every operation, faults among them.
LIFE = [
    ("GET", "/health", b"", None),
    ("GET", "/ready", b"", None),
    ("GET", "/v1/stats", b"", None),
    ("POST", "/v1/upsert", body(id="a/b", vector=[1, 2, 3], metadata={"n": 1, "ä": "ü"}), JSON),
    ("POST", "/v1/upsert", body(id="a/b", vector=[1, 2, 4], metadata={"n": 2}), JSON),
    ("POST", "/v1/upsert", body(id="..", vector=[3, 2, 1]), JSON),
    ("POST", "/v1/upsert", body(id="x", vector=[3, 2]), JSON),
    ("POST", "/v1/upsert", b'{"id": ', JSON),
    ("POST", "/v1/upsert", body(id="x", vector=[1, 1, 1]), "text/xml"),
    (
        "POST",
        "/v1/batch-upsert",
        body(records=[{"id": f"r{i}", "vector": [i, 1, 0], "metadata": {"n": i}} for i in range(40)]),
        JSON,
    ),
    (
        "POST",
        "/v1/batch-upsert",
        b'{"id":"n1","vector":[0,1,0]}\n{"id":"n2","vector":"' + encode_vector([0, 0, 1]).encode() + b'"}\n',
        NDJSON,
    ),
    (
        "POST",
        "/v1/batch-upsert",
        body(records=[{"id": "", "vector": [1, 1, 1]}, {"id": "c", "vector": [1, 1, 1]}], atomic=False),
        JSON,
    ),
    ("POST", "/v1/query", body(vector=[1, 1, 1], limit=5), JSON),
    ("POST", "/v1/query", body(id="a/b", limit=5, filter="n > 3", include_vector=True), JSON),
    ("POST", "/v1/query", body(vector=[1, 1, 1], filter="n >"), JSON),
    ("POST", "/v1/query?limit=3&filter=n%20%3C%2030", b"\0\0\x80\x3f" * 3, "application/octet-stream"),
    ("GET", "/v1/records/a%2Fb?include_vector=true", b"", None),
    ("GET", "/v1/records/..", b"", None),
    ("GET", "/v1/records/none", b"", None),
    ("GET", "/v1/records?limit=10&filter=n%20IN%20%5B1%2C2%2C3%5D", b"", None),
    ("PATCH", "/v1/records/a%2Fb?include_vector=true", body(n=None, new={"x": [1.5]}), JSON),
    ("PATCH", "/v1/records/a%2Fb", body(metadata={"more": 1}, if_version=1), "application/merge-patch+json"),
    ("POST", "/v1/upsert", body(id="a/b", vector=[1, 2, 3], if_version=7), JSON),
    ("GET", "/v1/records?limit=3&fields=new.x,n&cursor=cg", b"", None),
    ("POST", "/v1/count", body(filter="n < 30"), JSON),
    ("POST", "/v1/facet", body(field="n", limit=3), JSON),
    (
        "POST",
        "/v1/batch-execute",
        body(operations=[{"op": "delete", "id": "r9"}, {"op": "explode"}], atomic=False),
        JSON,
    ),
    ("POST", "/v1/soft-delete/a%2Fb", b"", None),
    ("POST", "/v1/query", body(vector=[1, 2, 4], limit=2), JSON),
    ("POST", "/v1/restore", body(id="a/b"), JSON),
    ("DELETE", "/v1/delete/%2E%2E", b"", None),
    ("POST", "/v1/delete", body(ids=["r1", "r2", "none"]), JSON),
    ("POST", "/v1/delete", body(filter="n >= 20"), JSON),
    ("GET", "/v1/records?limit=1000&include_vector=true", b"", None),
    ("GET", "/v1/stats", b"", None),
    ("PUT", "/v1/stats", b"{}", JSON),
    ("GET", "/nothing", b"", None),
    ("GET", "/openapi.json", b"", None),
]

# What browsers never send. Ids that are there: "a/b", "..", ".", "%2F", "a b", "a+b", "ä", "a//b", "x/../y", "a\\b".
IDS = ["a/b", "..", ".", "%2F", "a b", "a+b", "ä", "a//b", "x/../y", "a\\b", "a;b", "~"]
URLS = [
    "/v1/records/a%2Fb",
    "/v1/records/a%2fb",
    "/v1/records/%61%2Fb",
    "/v1/records/a/b",
    "/v1/records/a%252Fb",
    "/v1/records/%252F",
    "/v1/records/%2F",
    "/v1/records/%2E%2E",
    "/v1/records/%2e%2e",
    "/v1/records/.%2e",
    "/v1/records/..",
    "/v1/records/%2E",
    "/v1/records/.",
    "/v1/records/a%20b",
    "/v1/records/a+b",
    "/v1/records/a%2Bb",
    "/v1/records/%C3%A4",
    "/v1/records/%c3%a4",
    "/v1/records/a%2F%2Fb",
    "/v1/records/a//b",
    "/v1/records/x%2F..%2Fy",
    "/v1/records/x%2F%2E%2E%2Fy",
    "/v1/records/x/../y",
    "/v1/records/a%5Cb",
    "/v1/records/a;b",
    "/v1/records/a%3Bb",
    "/v1/records/~",
    "/v1/records/%7E",
    "/v1/records/a%00b",
    "/v1/records/a%2",
    "/v1/records/%zz",
    "/v1/records/%",
    "/v1/records/%ff",
    "/v1/records/%c0%af",
    "/v1/records/%0d%0aX-A:b",
    "/v1/records/" + "y" * 513,
    "/v1/records/",
    "/v1/stats/",
    "/v1//stats",
    "//v1/stats",
    "/v1/%73tats",
    "/v1%2Fstats",
    "/v1/./stats",
    "/v1/../v1/stats",
    "/v1/%2e/stats",
    "/v1/x/%2e%2e/stats",
    "/V1/stats",
    "/v1/stats?",
    "/v1/stats?x=1",
    "/v1/stats;x",
    "/v1/records?filter=%40id%20%3D%20'a%2Fb'",
    "/v1/records?filter=@id='a+b'",
    "/v1/records?filter=%40id%3D%27a%2Bb%27",
    "/v1/records?filter=%zz",
    "/v1/records?filter=%00",
    "/v1/records?limit=2&limit=3",
    "/v1/records?limit=1%30",
    "/v1/records?&limit=3",
    "/v1/records?limit",
    "/v1/records?limit=3?",
    "/health?a=%2F",
    "/%68ealth",
    "/v1/records/a%2Fb?",
]


def plain(value):
    """An answer without what differs from one time to the next."""
    if isinstance(value, dict):
        return {name: plain(field) for name, field in value.items() if name not in VOLATILE}
    return [plain(item) for item in value] if isinstance(value, list) else value


def comparable(reply):
    kind = reply.headers.get("content-type", "").split(";")[0]
    assert kind == JSON, reply
    return reply.status, reply.headers.get("etag"), reply.headers.get("allow"), plain(reply.json())


@pytest.fixture(scope="module")
def through_serve():
    """The answers of LIFE from `vecstore serve`."""
    server = harness.Server(workers=2)
    try:
        server.start()
        answers = [comparable(raw_request(server.port, *request)) for request in LIFE]
        server.stop()
        yield answers
    finally:
        server.destroy()


def test_life_goes_well(through_serve):
    """The corpus is not all errors."""
    statuses = [answer[0] for answer in through_serve]
    assert statuses.count(200) >= 20 and {400, 404, 405, 415} <= set(statuses), statuses


def test_plain_cgi(through_serve, folder):
    data = folder / "data"
    for request, wanted in zip(LIFE, through_serve):
        assert comparable(fastcgi.cgi(data, *request)) == wanted, request
    harness.check_store(data)


def test_lighttpd_mod_cgi(through_serve, folder):
    port = harness.free_port()
    web = webservers.lighttpd_cgi(folder, port, folder / "data")
    try:
        web.wait()
        for request, wanted in zip(LIFE, through_serve):
            assert comparable(raw_request(port, *request)) == wanted, request
    finally:
        web.stop()


@pytest.mark.parametrize("queue", [None, "0,0,7", "x"])
def test_spawned_fastcgi(through_serve, folder, queue):
    """The worker as spawn-fcgi or lighttpd's bin-path starts it: a listening socket as descriptor 0, nothing else. It does without a
    second queue, also when its environment tells of one that is not there."""
    path = folder / "sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with open(folder / "log", "wb") as log:
            worker = subprocess.Popen(
                [harness.WORKER],
                stdin=listener,
                stdout=log,
                stderr=log,
                env={**os.environ, "VECSTORE_DATA": str(folder / "data"), **({"VECSTORE_QUEUE": queue} if queue else {})},
            )
    try:
        for request, wanted in zip(LIFE, through_serve):
            assert comparable(fastcgi.request(path, *request)) == wanted, request
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(harness.DEADLINE) == 0
        log = (folder / "log").read_text()
        assert not harness.SANITIZER.search(log)
        assert ("VECSTORE_QUEUE" in log) == (queue is not None), log
    finally:
        if worker.poll() is None:
            worker.kill()
            worker.wait()


def test_sigterm_at_any_moment_of_a_start(folder):
    """None is lost while the worker sets up its signals, each step of which takes long here."""
    slow = ["strace", "-D", "-qq", "-o", "/dev/null", "-e", "inject=rt_sigaction:delay_exit=20000"]
    if subprocess.run([*slow, "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody be traced")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "sock"))
        listener.listen()
        # No leaks are looked for: that cannot be done under trace.
        environment = {**os.environ, "VECSTORE_DATA": str(folder / "data"), "ASAN_OPTIONS": "detect_leaks=0"}
        workers = [subprocess.Popen([*slow, harness.WORKER], stdin=listener, env=environment) for _ in range(40)]
    try:
        for worker in workers:
            time.sleep(0.01)
            worker.send_signal(signal.SIGTERM)
        assert {worker.wait(harness.DEADLINE) for worker in workers} <= {0, -signal.SIGTERM}
    finally:
        for worker in workers:
            worker.kill()


@pytest.fixture(scope="module")
def all_ways():
    """A server with the ids above: {web server: its port}, and its socket."""
    server = harness.Server(workers=2)
    webs = {}
    try:
        server.start()
        server.client.batch([{"id": i, "vector": [n + 1, 1]} for n, i in enumerate(IDS)])
        for start in (webservers.apache, webservers.lighttpd):
            webs[start.__name__] = start(server.folder, harness.free_port(), server.socket())
            webs[start.__name__].wait()
        yield {"private lighttpd": server.port, **{name: web.port for name, web in webs.items()}}, server.socket()
        for web in webs.values():
            web.stop()
        server.stop()
    finally:
        for web in webs.values():
            web.stop()
        server.destroy()


@pytest.mark.parametrize("url", URLS)
def test_same_url_everywhere(all_ways, url):
    """The worker decodes the URL, once; no web server changes what it means. What the worker refuses, a web server may
    refuse before it, in its own words."""
    ports, path = all_ways
    straight = fastcgi.request(path, "GET", url)
    for name, port in ports.items():
        reply = raw_request(port, "GET", url)
        if "x-request-id" in reply.headers:
            assert reply.status == straight.status, f"{name}: {reply} but straight {straight}"
            assert plain(reply.json()) == plain(straight.json()), name
        else:
            assert (
                400 <= reply.status < 500 and 400 <= straight.status < 500
            ), f"{name}: {reply} but straight {straight}"


def test_what_urls_mean(all_ways):
    """Decoded once: %2F is a slash within an id, %252F is "%2F", + in a path is a plus."""
    _, path = all_ways
    for url, record_id in {
        "a%2Fb": "a/b",
        "%252F": "%2F",
        "a+b": "a+b",
        "a%2Bb": "a+b",
        "a%20b": "a b",
        "%2E%2E": "..",
        "..": "..",
        "x%2F..%2Fy": "x/../y",
        "%C3%A4": "ä",
        "a%5Cb": "a\\b",
    }.items():
        reply = fastcgi.request(path, "GET", "/v1/records/" + url)
        assert reply.status == 200 and reply.json()["id"] == record_id, (url, reply)


@pytest.mark.parametrize("start", [webservers.apache, webservers.lighttpd], ids=lambda start: start.__name__)
def test_life_behind(through_serve, start):
    """The administrator's own web server, configured by httpd-conf."""
    server = harness.Server(workers=2, http=False)
    web = None
    try:
        server.start()
        web = start(server.folder, harness.free_port(), server.socket())
        web.wait()
        for request, wanted in zip(LIFE, through_serve):
            assert comparable(raw_request(web.port, *request)) == wanted, request
        web.stop()
        server.stop()
    finally:
        if web:
            web.stop()
        server.destroy()


def test_quick_answers_arrive(all_ways):
    """A worker that answers early waits for the end of the request all the same; else Apache would now and then say 503."""
    ports, _ = all_ways
    for name, port in ports.items():
        for n in range(150):
            request = ("GET", "/health", b"", None) if n % 2 else ("POST", "/v1/query", b"{}", "text/xml")
            assert raw_request(port, *request).status == (200 if n % 2 else 415), name


def test_body_too_large_without_a_web_server(all_ways):
    """The limit is the worker's own, whatever stands before it."""
    _, path = all_ways
    reply = fastcgi.request(path, "POST", "/v1/batch-upsert", b" " * ((64 << 20) + 1), JSON)
    assert reply.status == 413 and reply.error()


def test_from_beyond_loopback(all_ways, folder):
    """Without --insecure only loopback may do anything; being alive may be asked from anywhere."""
    _, path = all_ways
    for remote in ("192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "", "127.0.0.1.example", "127.0.0.1, 192.0.2.1"):
        reply = fastcgi.request(path, "GET", "/v1/stats", remote=remote)
        assert reply.status in (401, 403) and reply.error(), (remote, reply)
        assert fastcgi.cgi(folder / "data", "GET", "/v1/stats", remote=remote).status in (401, 403)
    for remote in ("127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"):
        assert fastcgi.request(path, "GET", "/v1/stats", remote=remote).status == 200, remote
    assert (
        fastcgi.cgi(folder / "data", "GET", "/v1/stats", remote="192.0.2.1", env={"VECSTORE_INSECURE": "1"}).status
        == 200
    )
