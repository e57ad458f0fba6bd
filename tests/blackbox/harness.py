# SPDX-License-Identifier: Apache-2.0
"""Starts, watches and stops the installed programs."""

import glob
import itertools
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

from client import Client

SOURCE = Path(__file__).resolve().parents[2]
PREFIX = Path(os.environ.get("VECSTORE_PREFIX", SOURCE / "build/root")).resolve()
VECSTORE = str(PREFIX / "bin/vecstore")
WORKER = str(PREFIX / "libexec/vecstore/vecstore.fcgi")
WORDS = SOURCE / "examples/words-30k.jsonl.gz"
DEADLINE = 60  # seconds until a wait is called a hang; nothing is measured with it

SANITIZER = re.compile(r"(ERROR|WARNING): \w+Sanitizer|runtime error:|SUMMARY: \w+Sanitizer")

started = []  # servers that may be running, for reports of failed tests


def wait_for(condition, what, deadline=DEADLINE):
    """Polls until condition() is true and returns what it returned."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"still waiting after {deadline} s: {what}"
        time.sleep(0.005)


def own_ports():
    """In turn those that no other worker of pytest gives out, nor the system to clients (32,768 and up): either might take one before
    its server does, or while this is down."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = range(10000 + worker % 16 * 1400, 10000 + (worker % 16 + 1) * 1400)
    first = random.randrange(len(ports))
    return itertools.cycle([*ports[first:], *ports[:first]])


PORTS = own_ports()


def free_port():
    for port in PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def run(*arguments, stdin=None, env=None, check=None, cwd=None):
    """Runs the command line: a CompletedProcess with text streams. check: the exit status it must have."""
    done = subprocess.run(
        [VECSTORE, *map(str, arguments)],
        input=stdin,
        env={**os.environ, **(env or {})},
        cwd=cwd,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        timeout=300,
    )
    done.stdout = done.stdout.decode()
    done.stderr = done.stderr.decode()
    assert not SANITIZER.search(done.stderr), done.stderr
    if check is not None:
        assert done.returncode == check, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def check_store(data):
    """`vecstore check` finds nothing wrong with the truth: its output."""
    return run("check", "--data", data, check=0).stdout


class Process:
    """One process of a server, as /proc shows it."""

    def __init__(self, pid):
        self.pid = pid
        self.parent = -1
        self.state = "X"
        self.command = []
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
            fields = stat[stat.rindex(")") + 2 :].split()
            self.state, self.parent = fields[0], int(fields[1])
            self.command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
        except (OSError, ValueError):
            pass

    def alive(self):
        return self.state not in "XZ"

    def program(self):
        return os.path.basename(self.command[0]) if self.command else ""


class Server:
    """`vecstore serve` on a data folder of its own (or a given one), with a tag in its environment by which every
    process of its tree is found, orphans too."""

    def __init__(self, data=None, workers=2, args=(), env=None, http=True, tls=False, prefix=()):
        self.folder = Path(tempfile.mkdtemp(prefix="vecstore-test-"))
        self.data = Path(data) if data else self.folder / "data"
        self.run_dir = self.folder / "run"
        self.log = self.folder / "log"
        self.port = free_port() if http else None
        self.workers = workers
        self.tag = f"VECSTORE_TEST_TAG={uuid.uuid4()}"
        self.env = env or {}
        self.args = list(map(str, args))
        self.prefix = list(prefix)
        self.client = Client(self.port, tls) if http else None
        self.process = None
        self.log_start = 0  # where this start's lines begin

    def command(self):
        listen = ["--http", f"127.0.0.1:{self.port}"] if self.port else []
        return [
            *self.prefix,
            VECSTORE,
            "serve",
            *listen,
            "--data",
            str(self.data),
            "--run-dir",
            str(self.run_dir),
            "--workers",
            str(self.workers),
            *self.args,
        ]

    def start(self):
        """Starts and waits until it is ready."""
        self.launch()
        self.wait_ready()
        return self

    def launch(self):
        name, value = self.tag.split("=")
        with open(self.log, "ab") as log:
            self.log_start = log.tell()
            self.process = subprocess.Popen(
                self.command(),
                env={**os.environ, **self.env, name: value},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if self not in started:
            started.append(self)

    def wait_ready(self):
        def ready():
            assert not self.ended(), f"serve ended with {self.process.returncode}: {self.text()}"
            return self.ready()

        wait_for(ready, "server ready")

    def ended(self):
        return self.process.poll() is not None

    def ready(self):
        if b"vecstore: ready" not in self.log.read_bytes()[self.log_start :]:
            return False
        if not self.port:
            return True
        try:
            return self.client.get("/ready").status == 200
        except OSError:
            return False

    def socket(self):
        return self.run_dir / "vecstore.sock"

    def text(self):
        """Everything the server has logged."""
        logs = [str(self.log), *sorted(glob.glob(f"{self.run_dir}/*.log"))]
        return "".join(Path(log).read_text(errors="replace") for log in logs if os.path.exists(log))

    def tree(self):
        """All living processes that carry the tag."""
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                environment = Path(f"/proc/{entry}/environ").read_bytes()
            except OSError:
                continue
            if self.tag.encode() in environment:
                process = Process(int(entry))
                if process.alive():
                    found.append(process)
        return found

    def children(self, program):
        return [process for process in self.tree() if program in process.program()]

    def worker_pids(self):
        return sorted(process.pid for process in self.children("vecstore.fcgi"))

    def indexer_pids(self):
        return [process.pid for process in self.children("vecstore-indexer")]

    def whole(self):
        """All workers and one indexer are there: [worker pids], indexer pid."""
        workers, indexers = self.worker_pids(), self.indexer_pids()
        return (workers, indexers[0]) if len(workers) == self.workers and len(indexers) == 1 else None

    def wait_whole(self):
        return wait_for(self.whole, "all workers and the indexer")

    def wait_answered(self):
        """No request is with the workers, also none of a web server that was killed since: a connection is a request."""

        def answered():
            sockets = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()]
            return sum(fields[-1] == str(self.socket()) for fields in sockets) == 1  # that which listens

        wait_for(answered, "all requests answered")

    def wait_indexed(self, deadline=120):
        """Every slot is in the graph."""

        def indexed():
            return self.client.metrics()['vecstore_unindexed_vectors{namespace="default"}'] == 0

        wait_for(indexed, "everything indexed", deadline)

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self):
        """SIGHUP, until only workers answer that know the new settings."""
        old, _ = self.wait_whole()
        self.signal(signal.SIGHUP)
        wait_for(lambda: self.whole() and not set(old) & set(self.worker_pids()), "new workers")

    def stop(self):
        """SIGTERM: it must end well, take its whole tree along and have nothing to report."""
        if self.process and not self.ended():
            self.signal(signal.SIGTERM)
            try:
                status = self.process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                raise AssertionError(f"serve does not end: {self.text()}") from None
            assert status == 0, f"serve ended with {status}: {self.text()}"
            assert not self.tree(), [process.command for process in self.tree()]
        self.assert_clean()

    def assert_clean(self):
        assert not SANITIZER.search(self.text()), self.text()

    def kill(self):
        """SIGKILL to the supervisor; waits until the rest of the tree has noticed and is gone."""
        self.process.kill()
        self.process.wait()
        wait_for(lambda: not self.tree(), "the tree of a killed supervisor to end")

    def destroy(self):
        """Whatever still runs is killed, whatever was written is removed."""
        for process in self.tree():
            try:
                os.kill(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.process:
            self.process.wait(DEADLINE)
        if self in started:
            started.remove(self)
        shutil.rmtree(self.folder, ignore_errors=True)


def generation(data):
    """The folder of the live generation of the only namespace in a data folder."""
    folders = list(Path(data).glob("ns/*/CURRENT"))
    assert len(folders) == 1, folders
    return folders[0].parent / folders[0].read_text().strip()
