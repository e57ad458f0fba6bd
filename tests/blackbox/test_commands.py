# SPDX-License-Identifier: Apache-2.0
"""An administrator's commands (ns, key, token, audit, usage): heeded at once by a running server; refused without a trace where they
have no rights, no room to write, or no folder; and their help."""

import json
import os
import re
import subprocess

import pytest

import harness
from harness import run
from test_cli import COMMANDS
from test_keys import cli_key, everywhere, with_key
from test_serve import PLAIN_USER, in_mounts

WORKERS = 3
READ = (["ns", "list"], ["ns", "show", "acme"], ["key", "list"], ["audit"], ["usage"])
WRITE = (["ns", "create", "new"], ["ns", "set-quota", "acme", "max_vectors=5"], ["ns", "set-status", "acme", "suspended"],
         ["ns", "delete", "acme"], ["ns", "delete", "acme", "--now"], ["ns", "undelete", "acme"], ["key", "create", "--role", "admin"],
         ["key", "revoke", "KEY"], ["key", "rotate", "KEY"])  # fmt: skip


def test_heeded_at_once(make_server):
    """By every worker, whatever each of them knew before."""
    server = make_server(workers=WORKERS).start()
    admin = with_key(server, cli_key(server, "--role", "admin"))
    secret = json.loads(cli_key(server, "--role", "writer", "--namespace", "acme", "--json"))
    writer = with_key(server, secret["key"])
    assert everywhere(writer, 404)

    def ns(*words):
        run("ns", *words, "--data", server.data, check=0)

    ns("create", "acme", "--dimension", "2", "--quota", "max_vectors=1")
    assert everywhere(writer, 200)
    assert writer.upsert("a", [1, 2])["success"]
    assert writer.post("/v1/upsert", {"id": "b", "vector": [1, 2]}).json()["code"] == "quota_exceeded"
    ns("set-quota", "acme", "max_vectors=2")
    assert writer.upsert("b", [1, 2])["success"]
    ns("set-status", "acme", "read_only")
    assert everywhere(writer, 200)
    assert all(writer.post("/v1/upsert", {"id": "a", "vector": [1, 2]}).status == 403 for _ in range(4 * WORKERS))
    ns("set-status", "acme", "suspended")
    assert everywhere(writer, 403) and everywhere(admin, 200, "/v1/count?namespace=acme")
    ns("set-status", "acme", "active")
    assert everywhere(writer, 200)
    ns("delete", "acme")
    assert everywhere(writer, 404)
    ns("undelete", "acme")
    assert everywhere(writer, 200)
    run("key", "revoke", secret["id"], "--data", server.data, check=0)
    assert everywhere(writer, 401)
    ns("delete", "acme", "--now")
    assert everywhere(admin, 404, "/v1/count?namespace=acme")
    ns("create", "acme")
    assert everywhere(admin, 200, "/v1/count?namespace=acme")


def state(data):
    """What the commands tell of a folder, and the files in it but for SQLite's own."""
    told = [run(*words, "--json", "--data", data, check=0).stdout for words in (["ns", "list"], ["key", "list"], ["audit"])]
    return told, sorted(path for path in data.rglob("*") if not path.name.endswith(("-wal", "-shm")))


@pytest.mark.parametrize("why", ["another's", "read-only"])
def test_no_rights(folder, why):
    """Who may not write there is told so in a line that names a file, and changes nothing."""
    data = folder / "data"
    run("ns", "create", "acme", "--data", data, check=0)
    run("key", "create", "--role", "reader", "--namespace", "acme", "--data", data, check=0)
    key = json.loads(run("key", "list", "--json", "--data", data, check=0).stdout)["id"]
    before = state(data)
    prefix = PLAIN_USER
    if why == "read-only":
        prefix = in_mounts('mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"', data)
    elif os.geteuid() == 0:
        for path in (data, *data.rglob("*")):
            os.chown(path, 65534, 65534)
    else:
        data.chmod(0)
    for words in (*READ, *WRITE):
        command = [*prefix, harness.VECSTORE, *(key if word == "KEY" else word for word in words), "--data", data]
        done = subprocess.run(command, capture_output=True, text=True, timeout=harness.DEADLINE)
        assert (done.returncode, done.stdout) == (1, ""), (words, done)
        assert re.fullmatch(rf"vecstore: {data}\S*( cannot be written: check the permissions|: .*Permission denied).*\n", done.stderr), done.stderr
    if os.geteuid() != 0:
        data.chmod(0o750)
    assert state(data) == before


def test_wrong_folder(folder):
    """None there, a file, somebody else's: one clear line, and nothing is made. Wrong words make no folder either."""
    (folder / "file").write_text("x")
    (folder / "other").mkdir()
    for name in ("none", "file", "other"):
        for words in (*READ, *WRITE):
            if words[1:2] == ["create"]:
                continue
            done = run(*words, "--data", folder / name, check=1)
            assert done.stderr == f"vecstore: there is no vecstore data folder at {folder / name}\n" and not done.stdout
    for words in (["ns", "create", "a", "--quota", "max_x=1"], ["ns", "create", "a", "--quota", "max_vectors"], ["key", "create"],
                  ["key", "create", "--role", "reader"], ["key", "create", "--role", "reader", "--namespace", "A"],
                  ["key", "create", "--role", "reader", "--namespace", "a", "--filter", "a ="],
                  ["key", "create", "--role", "admin", "--expires", "soon"], ["key", "create", "--role", "admin", "--name", "n" * 300],
                  ["key", "create", "--role", "reader", "--namespace", "a", "--quota", "max_x=1"]):  # fmt: skip
        run(*words, "--data", folder / "none", check=1)
    assert "cannot be made" in run("ns", "create", "a", "--data", folder / "none/below", check=1).stderr
    assert "is no folder" in run("key", "create", "--role", "admin", "--data", folder / "file", check=1).stderr
    assert sorted(path.name for path in folder.iterdir()) == ["file", "other"] and not list((folder / "other").iterdir())


def test_lists_of_nothing(folder):
    """Tables have their heads, JSON its shape."""
    data = folder / "data"
    run("key", "create", "--role", "admin", "--data", data, check=0)
    assert run("ns", "list", "--data", data, check=0).stdout.split() == ["NAME", "STATUS", "VECTORS", "BYTES", "DIMENSION", "METRIC"]
    assert json.loads(run("ns", "list", "--json", "--data", data, check=0).stdout) == {"namespaces": []}
    assert run("key", "list", "--namespace", "none", "--data", data, check=0).stdout.count("\n") == 1
    assert run("usage", "--data", data, check=0).stdout.startswith("day,namespace,")


@pytest.mark.parametrize("words", [["key", "create", "--role", "admin"], ["token", "--key", "KEY", "--subject", "s", "--role", "admin"]])
def test_an_end_that_is_past(folder, words):
    (folder / "main.hs256").write_bytes(bytes(range(48)))
    words = [folder / "main.hs256" if word == "KEY" else word for word in words]
    place = ["--data", folder / "data"] if words[0] == "key" else []
    for when in ("0s", "2020-01-31T12:00:00Z"):
        done = run(*words, "--expires", when, *place, check=1)
        assert done.stderr == f"vecstore: --expires: '{when}' is past\n" and not done.stdout
    assert run(*words, "--expires", "2999-01-31T12:00:00Z", *place, check=0).stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_a_table(command):
    """Two columns, whatever characters the first one holds; the same by `help`."""
    out = run(command, "--help", check=0).stdout
    assert run("help", command, check=0).stdout == out
    for line in out.splitlines():
        if line.startswith("  --"):
            assert re.fullmatch(r"  --\S+( \S+)?", line) or (line[:22].rstrip() != line[:22] and line[22] != " "), line
        assert len(line) <= 79 or not line.startswith(" "), line


def test_help_of_nothing():
    assert "unknown command 'nothing'" in run("help", "nothing", check=2).stderr
    for command in ("ns", "key"):
        assert run(command, check=2).stderr.endswith(f"; see: vecstore {command} --help\n")
