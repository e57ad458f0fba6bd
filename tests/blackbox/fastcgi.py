# SPDX-License-Identifier: Apache-2.0
"""The worker without a web server: a FastCGI client (the protocol's specification 1.0), and plain CGI."""

import os
import socket
import struct
import subprocess
from urllib.parse import unquote_to_bytes

import harness
from client import TIMEOUT, Reply

BEGIN, END, PARAMS, STDIN, STDOUT, STDERR = 1, 3, 4, 5, 6, 7
RESPONDER = 1


def environment(method, target, body=b"", content_type=None, remote="127.0.0.1"):
    """The CGI variables (RFC 3875) of a request, REQUEST_URI besides."""
    path, _, query = target.partition("?")
    variables = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "test",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": remote,
        "REQUEST_METHOD": method,
        "REQUEST_URI": target,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.replace("%00", "")).decode("latin-1"),
        "QUERY_STRING": query,
    }
    if body or method == "POST":
        variables["CONTENT_LENGTH"] = str(len(body))
    if content_type:
        variables["CONTENT_TYPE"] = content_type
    return variables


def parse(output):
    """A CGI response: headers, empty line, body."""
    head, separator, body = output.partition(b"\r\n\r\n")
    assert separator, output[:400]
    headers = [tuple(line.split(": ", 1)) for line in head.decode("latin-1").split("\r\n")]
    status = dict((name.lower(), value) for name, value in headers).get("status", "200")
    return Reply(int(status.split()[0]), headers, body)


def record(kind, data=b""):
    return struct.pack(">BBHHBx", 1, kind, 1, len(data), 0) + data


def stream(kind, data):
    """The records of a stream, its end included."""
    parts = [record(kind, data[i : i + 65535]) for i in range(0, len(data), 65535)]
    return b"".join(parts) + record(kind)


def length(n):
    return struct.pack(">B", n) if n < 128 else struct.pack(">I", n | 1 << 31)


def pairs(variables):
    parts = []
    for name, value in variables.items():
        name, value = name.encode(), value.encode("latin-1")
        parts.append(length(len(name)) + length(len(value)) + name + value)
    return b"".join(parts)


def read_record(peer):
    def read(n):
        data = b""
        while len(data) < n:
            chunk = peer.recv(n - len(data))
            if not chunk:
                raise ConnectionError("the worker closed the connection")
            data += chunk
        return data

    _, kind, _, size, padding = struct.unpack(">BBHHBx", read(8))
    data = read(size)
    read(padding)
    return kind, data


def send(path, method, target, body=b"", content_type=None, remote="127.0.0.1", more=None, pieces=1 << 20):
    """Sends one request to a worker that listens on the Unix socket at path: the connection. more: further variables; pieces:
    bytes that are sent at once."""
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(TIMEOUT)
    peer.connect(str(path))
    head = record(BEGIN, struct.pack(">HB5x", RESPONDER, 0))
    head += stream(PARAMS, pairs({**environment(method, target, body, content_type, remote), **(more or {})}))
    try:
        sent = head + stream(STDIN, body)
        for start in range(0, len(sent), pieces):
            peer.sendall(sent[start : start + pieces])
    except (BrokenPipeError, ConnectionResetError):
        pass
    return peer


def answer(peer):
    """Reads the answer, and closes the connection."""
    output = b""
    with peer:
        while True:
            kind, data = read_record(peer)
            if kind == STDOUT:
                output += data
            elif kind == END:
                return parse(output)


def request(*arguments, **options):
    """One request, as send, and its answer."""
    return answer(send(*arguments, **options))


def begin_lines(path, target="/v1/records", more=None):
    """A connection on which a worker answers all records as NDJSON, of which the beginning was read, and no more."""
    peer = send(path, "GET", target, more={**(more or {}), "HTTP_ACCEPT": "application/x-ndjson"})
    assert peer.recv(100)
    return peer


def cgi(data, method, target, body=b"", content_type=None, remote="127.0.0.1", env=None):
    """The same as plain CGI: a process of its own."""
    variables = environment(method, target, body, content_type, remote)
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PATH", "LD_", "ASAN_", "UBSAN_", "LSAN_"))
    }
    done = subprocess.run(
        [harness.WORKER],
        input=body,
        capture_output=True,
        timeout=TIMEOUT,
        env={**kept, "VECSTORE_DATA": str(data), **variables, **(env or {})},
    )
    assert done.returncode == 0, (done.returncode, done.stderr)
    assert not harness.SANITIZER.search(done.stderr.decode(errors="replace")), done.stderr
    return parse(done.stdout)
