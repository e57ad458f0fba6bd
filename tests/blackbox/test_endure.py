# SPDX-License-Identifier: Apache-2.0
"""Under load for a while: killed workers cost their own requests alone (R5), and nothing grows that must not (R14).

What is measured is printed, and only compared with bounds that a slow machine keeps too."""

import http.client
import os
import random
import signal
import threading
import time
from pathlib import Path

import numpy
import pytest

import harness
import oracle

KILL_SECONDS = int(os.environ.get("VECSTORE_ENDURE_KILLS", "20"))
SOAK_SECONDS = int(os.environ.get("VECSTORE_ENDURE_SOAK", "60"))
SEED = int(os.environ.get("VECSTORE_ENDURE_SEED", "1"))
DIMENSION = 32
IDS = 3000
MIB = 1 << 20


class Client(threading.Thread):
    """Asks one thing after another until told to stop: [(begin, end, was it a write, what went wrong or None)]."""

    def __init__(self, server, number, stop, shares):
        super().__init__()
        self.server, self.stop = server, stop
        self.random = random.Random(f"{SEED}-{number}")
        self.vectors = numpy.random.default_rng(SEED * 1000 + number)
        self.shares = shares  # of writes and of deletions
        self.log = []

    def vector(self):
        return oracle.encode_vector(self.vectors.normal(size=DIMENSION))

    def request(self):
        chance = self.random.random()
        record_id = f"r{self.random.randrange(IDS)}"
        if chance < self.shares[0]:
            record = {"id": record_id, "vector": self.vector(), "metadata": {"n": self.random.randrange(100), "of": record_id}}
            return True, "/v1/upsert", record
        if chance < self.shares[0] + self.shares[1]:
            return True, "/v1/delete", {"id": record_id}
        question = {"vector": self.vector(), "limit": 10}
        if self.random.random() < 0.3:
            question["filter"] = f"n < {self.random.randrange(1, 100)}"
        return False, "/v1/query", question

    def run(self):
        while not self.stop.is_set():
            write, path, body = self.request()
            begin = time.monotonic()
            try:
                reply = self.server.client.post(path, body)
                wrong = None if reply.status == 200 else repr(reply)
            except (OSError, http.client.HTTPException) as error:
                wrong = repr(error)
            self.log.append((begin, time.monotonic(), write, wrong))


class Crowd:
    """Clients beside each other, for as long as the with-block runs."""

    def __init__(self, server, count, shares):
        self.stop = threading.Event()
        self.clients = [Client(server, number, self.stop, shares) for number in range(count)]

    def __enter__(self):
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for client in self.clients:
            client.join()

    def log(self):
        return sorted(entry for client in self.clients for entry in client.log)


def fill(server):
    vectors = numpy.random.default_rng(SEED).normal(size=(IDS, DIMENSION))
    for start in range(0, IDS, 1000):
        server.client.batch([{"id": f"r{i}", "vector": oracle.encode_vector(vectors[i]), "metadata": {"n": i % 100}}
                             for i in range(start, min(start + 1000, IDS))])
    server.wait_indexed()


def children(pid):
    """Much cheaper than to look through /proc."""
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def percentiles(seconds):
    return " ".join(f"p{part} {numpy.percentile(seconds, part) * 1000:.0f} ms" for part in (50, 99, 100))


def kill_one(server, chooser):
    """Kills a worker: when, and how long until another process was in its place."""
    before = children(server.process.pid)
    victim = chooser.choice(server.worker_pids())
    killed = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    harness.wait_for(lambda: children(server.process.pid) - before, "another worker", 30)
    return killed, time.monotonic() - killed


@pytest.mark.long
def test_killed_workers(make_server, capsys):
    """A kill a second: each failed request had a worker killed in it, and a kill fails one request at most."""
    server = make_server(workers=4).start()
    fill(server)
    chooser = random.Random(SEED)
    kills, respawns = [], []
    with Crowd(server, 6, (0.5, 0.1)) as crowd:
        while len(kills) < KILL_SECONDS:
            time.sleep(1)
            killed, respawn = kill_one(server, chooser)
            kills.append(killed)
            respawns.append(respawn)
        time.sleep(1)
    log = crowd.log()
    failed = [entry for entry in log if entry[3]]
    for begin, end, _, wrong in failed:
        assert any(begin <= killed <= end for killed in kills), f"failed without a kill: {wrong}"
    assert len(failed) <= len(kills), failed
    writes = [end for _, end, write, wrong in log if write and not wrong]
    takeovers = [min(end for end in writes if end > killed) - killed for killed in kills]
    assert max(takeovers) < 5, takeovers
    with capsys.disabled():
        print(f"\nkilled workers: {len(kills)} kills, {len(log)} requests, {len(failed)} failed; "
              f"next write after {percentiles(takeovers)}; respawn after {percentiles(respawns)}")
    server.wait_whole()
    harness.check_store(server.data)


class Sample:
    """Descriptors and memory of each process, bytes of the log of changes."""

    def __init__(self, server, pids):
        self.descriptors = {pid: len(os.listdir(f"/proc/{pid}/fd")) for pid in pids}
        self.memory = {pid: private_memory(pid) for pid in pids}
        self.wal = (harness.generation(server.data) / "meta.db-wal").stat().st_size


def private_memory(pid):
    """Bytes that are the process's own: pages of mapped files are the system's."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no RssAnon")


@pytest.mark.long
def test_nothing_grows(make_server, capsys):
    """Writes, queries, deletions and the indexer: flat descriptors, flat memory, a log of bounded size."""
    server = make_server(workers=2).start()
    fill(server)
    pids = [server.process.pid, *server.worker_pids(), *server.indexer_pids()]
    samples = []
    with Crowd(server, 4, (0.4, 0.1)) as crowd:
        end = time.monotonic() + SOAK_SECONDS
        while time.monotonic() < end:
            time.sleep(SOAK_SECONDS / 30)
            samples.append(Sample(server, pids))
    assert not [entry for entry in crowd.log() if entry[3]]
    third = len(samples) // 3
    early, late = samples[third : 2 * third], samples[2 * third :]
    figures = []
    for pid in pids:
        program = harness.Process(pid).program()
        # What is open for a while (a compaction has files of its own) is closed again, and what is closed for a moment (after a
        # compaction) is opened: neither the most counts, nor the least, nor the middle where compactions take half of the time.
        usual = [sorted(sample.descriptors[pid] for sample in part)[len(part) // 3] for part in (early, late)]
        assert usual[1] <= usual[0] + 1, f"{program}: descriptors {usual}"
        memory = [max(sample.memory[pid] for sample in part) for part in (early, late)]
        assert memory[1] <= memory[0] * 1.15 + 4 * MIB, f"{program}: memory {memory}"
        figures.append(f"{program} {usual[1]} descriptors, {memory[0] / MIB:.1f} then {memory[1] / MIB:.1f} MiB")
        # And at rest none is left over.
        harness.wait_for(lambda: len(os.listdir(f"/proc/{pid}/fd")) <= usual[0] + 1, f"{program} at rest")
    wal = max(sample.wal for sample in samples)
    assert wal < 64 * MIB, wal
    with capsys.disabled():
        print(f"\nnothing grows: {len(crowd.log())} requests in {SOAK_SECONDS} s; {'; '.join(figures)}; "
              f"log of changes at most {wal / MIB:.1f} MiB")
    harness.check_store(server.data)
