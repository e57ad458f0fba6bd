# SPDX-License-Identifier: Apache-2.0
"""`vecstore serve`: starts, drains, reloads, restarts what dies, and says in one line why it cannot."""

import http.client
import os
import signal
import sqlite3
import ssl
import subprocess
import threading

import pytest

import harness
from client import Client, exchange, raw_exchange
from harness import wait_for

RESTARTS = "vecstore_worker_restarts_total"
AS_ROOT = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
# Without the capabilities by which root ignores permissions.
PLAIN_USER = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner"] if os.geteuid() == 0 else []


def in_mounts(script, *arguments):
    """A command prefix: runs script in a mount namespace of its own, then the rest of the command line there."""
    return [*AS_ROOT, "sh", "-ec", f'{script}; shift {len(arguments)}; exec "$@"', "sh", *map(str, arguments)]


def fails_to_start(server, *words):
    """It ends by itself with a non-zero status and one line on standard error, which holds the words."""
    done = subprocess.run(
        server.command(),
        capture_output=True,
        timeout=harness.DEADLINE,
        env={**os.environ, **server.env},
        stdin=subprocess.DEVNULL,
    )
    message = done.stderr.decode()
    assert done.returncode > 0, (done.returncode, message)
    assert len(message.splitlines()) == 1, message
    assert message.startswith("vecstore: "), message
    for word in words:
        assert str(word) in message, f"{word!r} is not in: {message}"
    assert not server.tree()


class Load:
    """Threads that write and read over new connections; keeps what was acknowledged and what failed."""

    def __init__(self, port, threads=4, refused_is_fine=False):
        self.client = Client(port)
        self.refused_is_fine = refused_is_fine
        self.done = threading.Event()
        self.written = [[] for _ in range(threads)]
        self.failures = []
        self.threads = [threading.Thread(target=self.work, args=(number,)) for number in range(threads)]

    def work(self, number):
        n = 0
        while not self.done.is_set():
            name = f"load-{number}-{n}"
            n += 1
            connection = self.client.connect()
            try:
                connection.connect()
            except OSError as fault:
                if self.refused_is_fine:
                    return
                self.failures.append(fault)
                continue
            try:
                reply = exchange(connection, "POST", "/v1/upsert", {"id": name, "vector": [number + 1, n, 1, 1]})
                if reply.status == 200:
                    self.written[number].append(name)
                else:
                    self.failures.append(reply)
                if n % 5 == 0 and not self.refused_is_fine and self.client.found([1, 1, 1, 1], limit=3) == []:
                    self.failures.append("nothing found")
            except (ConnectionResetError, http.client.RemoteDisconnected) as fault:
                if self.refused_is_fine:  # the listening socket closed with this connection still in its queue
                    return
                self.failures.append(fault)
            except (OSError, http.client.HTTPException, AssertionError) as fault:
                self.failures.append(fault)
            finally:
                connection.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.wait_more(20)
        return self

    def __exit__(self, *exception):
        self.done.set()
        for thread in self.threads:
            thread.join()

    def count(self):
        return sum(map(len, self.written))

    def wait_more(self, number):
        """Until so many more writes were acknowledged."""
        target = self.count() + number
        wait_for(lambda: self.count() >= target or self.failures, "the load makes progress")

    def verify(self, client):
        stored = {record["id"] for record in client.pages(limit=1000)}
        assert {name for names in self.written for name in names} <= stored


def test_says_that_it_is_ready(fresh):
    ready = f"vecstore: ready, http://127.0.0.1:{fresh.port}, data {fresh.data}, 2 workers"
    wait_for(lambda: ready in fresh.text(), "the ready line")
    assert int((fresh.run_dir / "vecstore.pid").read_text()) == fresh.process.pid
    workers, indexer = fresh.wait_whole()
    assert all(harness.Process(pid).parent == fresh.process.pid for pid in [*workers, indexer])
    assert os.stat(fresh.socket()).st_mode & 0o777 == 0o660


def test_starts_with_its_data(fresh):
    fresh.client.batch([{"id": f"r{i}", "vector": [i, 1]} for i in range(100)])
    before = fresh.client.pages(include_vector="true")
    for _ in range(3):
        fresh.stop()
        fresh.start()
        assert fresh.client.found([50, 1], limit=1) == ["r50"]
        assert fresh.client.pages(include_vector="true") == before
    harness.check_store(fresh.data)


def test_data_are_found_after_a_kill(fresh):
    """The supervisor is killed: its whole tree follows, and the next start finds everything and takes the port."""
    for n in range(3):
        fresh.client.upsert(f"r{n}", [n, 1])
        fresh.kill()
        fresh.start()
        assert len(fresh.client.pages()) == n + 1


def test_sigterm_drains(fresh):
    """A request that a worker has in hand is answered; nothing that was acknowledged is lost; nobody sees a 5xx."""
    records = [{"id": f"b{i}", "vector": [(i * j) % 97 + 1 for j in range(100)]} for i in range(10000)]
    answers = []
    big = threading.Thread(target=lambda: answers.append(fresh.client.post("/v1/batch-upsert", {"records": records})))
    big.start()
    wait_for(
        lambda: fresh.client.metrics()["vecstore_active_connections"] >= 2 or answers,
        "the batch is in a worker's hands",
    )
    fresh.stop()
    big.join()
    assert answers[0].status == 200 and answers[0].json()["inserted"] == 10000
    fresh.start()
    assert fresh.client.stats()["active_vectors"] == 10000


def test_sigterm_under_load(fresh):
    with Load(fresh.port, refused_is_fine=True) as load:
        fresh.stop()
    assert not load.failures, load.failures
    fresh.start()
    load.verify(fresh.client)


def test_sighup_loses_nothing(fresh):
    """A rolling restart under load: all workers are new, and no request has failed."""
    with Load(fresh.port) as load:
        for _ in range(3):
            fresh.reload()
            load.wait_more(20)
    assert not load.failures, load.failures
    load.verify(fresh.client)
    assert fresh.client.metrics()[RESTARTS] == 0, "a reload is no death"


def test_killed_children_come_back(fresh):
    client = fresh.client
    client.upsert("a", [1, 2])
    for deaths, choose in enumerate(
        (lambda workers, _: workers[0], lambda workers, _: workers[1], lambda _, indexer: indexer), 1
    ):
        victim = choose(*fresh.wait_whole())
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: victim not in [process.pid for process in fresh.tree()], "the victim is gone")
        fresh.wait_whole()
        wait_for(lambda: client.metrics()[RESTARTS] == deaths, "the restart is counted")
        assert client.found([1, 2]) == ["a"]


def test_killed_web_server_comes_back(fresh):
    fresh.client.upsert("a", [1, 2])
    victim = fresh.children("lighttpd")[0].pid
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: [p.pid for p in fresh.children("lighttpd")] not in ([], [victim]), "a new lighttpd")
    fresh.wait_ready()
    assert fresh.client.found([1, 2]) == ["a"]


def test_all_workers_killed_at_once(fresh):
    fresh.client.upsert("a", [1, 2])
    for _ in range(3):
        for pid in fresh.wait_whole()[0]:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: fresh.client.get("/v1/records/a").status == 200, "an answer")


def test_sigint_ends_it_well(make_server):
    server = make_server().start()
    server.signal(signal.SIGINT)
    assert server.process.wait(harness.DEADLINE) == 0
    assert not server.tree()


def test_without_http(make_server):
    """Only the Unix socket, for a web server of the administrator's own."""
    server = make_server(http=False).start()
    assert not server.children("lighttpd")
    assert server.socket().is_socket()
    server.stop()
    assert not server.socket().exists()


def test_settings_from_a_file_and_the_environment(make_server, folder):
    config = folder / "vecstore.conf"
    config.write_text("# comment\nworkers = 3\nmetric = euclidean\n")
    server = make_server(workers=1, args=["--config", config], env={"VECSTORE_METRIC": "manhattan"}).start()
    server.client.upsert("a", [1, 2])
    assert server.client.stats()["metric"] == "manhattan", "the environment beats the file"
    assert len(server.wait_whole()[0]) == 1, "a flag beats both"


def test_bad_settings(make_server, folder):
    config = folder / "vecstore.conf"
    config.write_text("workers = 3\nwrokers = 4\n")
    fails_to_start(make_server(args=["--config", config]), config, "2", "wrokers")
    fails_to_start(make_server(args=["--config", folder / "none"]), "none")


def test_second_server_is_refused(make_server):
    """On the same data, whose run folder it is by default, and on the same run folder: the first one goes on."""
    first, second, third = make_server(), make_server(), make_server()
    first.run_dir = first.data / "run"
    first.start()
    second.data, second.run_dir = first.data, first.run_dir
    fails_to_start(second, first.run_dir, first.process.pid)
    third.run_dir = first.run_dir
    fails_to_start(third, first.run_dir, first.process.pid)
    first.client.upsert("a", [1])
    assert first.client.found([1]) == ["a"]


def test_two_servers_share_data(fresh, make_server):
    """With run folders of their own, two may serve the same data: what one writes the other finds at once, and when the
    first ends the second one's indexer takes over."""
    second = make_server(data=fresh.data).start()
    for n, (writer, reader) in enumerate([(fresh.client, second.client), (second.client, fresh.client)] * 10):
        writer.upsert(f"r{n}", [n + 1, 1])
        assert reader.found([n + 1, 1], limit=1) == [f"r{n}"]
    second.client.batch([{"id": f"b{n}", "vector": [n % 71 + 1, n % 67 + 1]} for n in range(3000)])
    fresh.wait_indexed()
    fresh.stop()
    second.client.batch([{"id": f"c{n}", "vector": [n % 73 + 1, n % 61 + 1]} for n in range(3000)])
    second.wait_indexed()
    assert second.client.stats()["active_vectors"] == 6020
    harness.check_store(fresh.data)


def test_port_in_use(fresh, make_server):
    second = make_server()
    second.port = fresh.port
    fails_to_start(second, fresh.port)


def test_web_server_missing(make_server):
    fails_to_start(
        make_server(prefix=in_mounts("mount --bind /dev/null /usr/sbin/lighttpd"), env={"PATH": "/usr/bin:/bin"}),
        "lighttpd",
    )


def test_helpers_missing(make_server, folder):
    fails_to_start(make_server(env={"VECSTORE_LIBEXEC": str(folder)}), "vecstore.fcgi")


def test_beyond_loopback_needs_insecure(make_server):
    for address in ("0.0.0.0", "[::]"):
        server = make_server()
        command = server.command()
        server.command = lambda: [
            f"{address}:{server.port}" if part.startswith("127.0.0.1:") else part for part in command
        ]
        fails_to_start(server, "--insecure")
    server = make_server(args=["--insecure"])
    command = server.command()
    server.command = lambda: [f"0.0.0.0:{server.port}" if part.startswith("127.0.0.1:") else part for part in command]
    server.start()
    assert server.client.upsert("a", [1])["success"]


def test_data_of_a_newer_format(make_server):
    server = make_server().start()
    server.client.upsert("a", [1, 2])
    server.stop()
    for database in (server.data / "catalog.db", harness.generation(server.data) / "meta.db"):
        connection = sqlite3.connect(database)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.execute("PRAGMA user_version = 99")
        connection.close()
        fails_to_start(server, server.data, "newer")
        done = harness.run("check", "--data", server.data)
        assert done.returncode != 0 and "newer" in done.stderr + done.stdout
        connection = sqlite3.connect(database)
        connection.execute(f"PRAGMA user_version = {version}")
        connection.close()
    server.start()
    assert server.client.found([1, 2]) == ["a"]


def test_data_are_no_data(make_server, folder):
    (folder / "file").write_text("x")
    fails_to_start(make_server(data=folder / "file"), folder / "file")
    (folder / "data").mkdir()
    (folder / "data/catalog.db").write_bytes(b"not a database" * 1000)
    fails_to_start(make_server(data=folder / "data"), "catalog.db")
    fails_to_start(make_server(data=folder / "none/none"), folder / "none")


def test_read_only_folder(make_server, folder):
    """By its permissions, and by its mount."""
    data = folder / "data"
    data.mkdir(mode=0o555)
    fails_to_start(make_server(data=data, prefix=PLAIN_USER), data)
    data.chmod(0o755)
    server = make_server(data=data).start()
    server.client.upsert("a", [1, 2])
    server.stop()
    fails_to_start(
        make_server(data=data, prefix=in_mounts('mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"', data)), data
    )


def test_disk_full_at_start(make_server, folder):
    data = folder / "data"
    data.mkdir()
    script = 'mount -t tmpfs -o size=64k none "$1"; head -c 65536 /dev/zero > "$1/filler" || true'
    fails_to_start(make_server(data=data, prefix=in_mounts(f"({script}) 2>/dev/null", data)), data)


def test_disk_fills_up(make_server, folder):
    """507 while there is no room, every acknowledged record still there; writable again as soon as there is room."""
    data = folder / "data"
    data.mkdir()
    script = 'mount -t tmpfs -o size=24m none "$1"; head -c 4194304 /dev/zero > "$1/filler"'
    server = make_server(data=data, prefix=in_mounts(script, data)).start()
    stored = []
    reply = None
    for n in range(400):
        names = [f"r{n}-{i}" for i in range(100)]
        reply = server.client.post(
            "/v1/batch-upsert", {"records": [{"id": name, "vector": [1.5] * 200} for name in names]}
        )
        if reply.status != 200:
            break
        stored += names
    assert reply.status == 507 and reply.json()["code"] == "no_space", reply
    assert len(server.client.found([1.5] * 200, limit=10)) == 10
    assert sorted(record["id"] for record in server.client.pages(limit=1000)) == sorted(stored)
    inside = [
        "nsenter",
        f"--target={server.process.pid}",
        "--mount",
        *([] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]),
    ]
    subprocess.run([*inside, "rm", str(data / "filler")], check=True)
    wait_for(
        lambda: server.client.post("/v1/upsert", {"id": "after", "vector": [1.5] * 200}).status == 200, "writable again"
    )
    assert len(server.client.pages(limit=1000)) == len(stored) + 1
    done = subprocess.run([*inside, harness.VECSTORE, "check", "--data", str(data)], capture_output=True)
    assert done.returncode == 0, done


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls(make_server, folder):
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=localhost",
            "-keyout",
            folder / "key.pem",
            "-out",
            folder / "cert.pem",
        ],
        check=True,
        capture_output=True,
    )
    server = make_server(tls=True, args=["--tls-cert", folder / "cert.pem", "--tls-key", folder / "key.pem"]).start()
    server.client.upsert("a", [1, 2])
    assert server.client.found([1, 2]) == ["a"]
    assert "https://" in server.text()
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=harness.DEADLINE, context=old)
    with pytest.raises(ssl.SSLError, match="(?i)protocol.version"):
        connection.request("GET", "/health")


def test_tls_files_that_are_none(make_server, folder):
    (folder / "cert.pem").write_text("nothing")
    fails_to_start(make_server(args=["--tls-cert", folder / "none.pem", "--tls-key", folder / "none.pem"]), "none.pem")
    fails_to_start(make_server(args=["--tls-cert", folder / "cert.pem", "--tls-key", folder / "cert.pem"]))
    fails_to_start(make_server(args=["--tls-cert", folder / "cert.pem"]), "--tls-key")


def test_post_without_a_body(fresh):
    """The web server wants to be told that there is none, and says how; curl -d '' does, which calls it a form."""
    reply = raw_exchange(fresh.port, b"POST /v1/compact HTTP/1.1\r\nHost: x\r\n\r\n")
    assert reply.status == 411 and "curl -d ''" in reply.json()["error"]
    form = "application/x-www-form-urlencoded"
    assert fresh.client.ok("POST", "/v1/compact", b"", content_type=form) == {"removed_count": 0, "freed_bytes": 0}


def test_foreign_page_may_not_write(fresh):
    """A browser that shows another site's page must not reach the records of this machine's user."""
    body = b'{"id": "a", "vector": [1]}'
    for origin in ("http://example.com", "null", "file://"):
        reply = fresh.client.post("/v1/upsert", body, content_type="application/json", headers={"Origin": origin})
        assert reply.status in (401, 403) and reply.error()
    assert fresh.client.stats()["total_vectors"] == 0
    origin = f"http://127.0.0.1:{fresh.port}"
    assert (
        fresh.client.post("/v1/upsert", body, content_type="application/json", headers={"Origin": origin}).status == 200
    )
