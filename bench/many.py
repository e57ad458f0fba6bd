#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What thousands of namespaces cost a server that serves them: vecstore serve with its lighttpd, 5,000 namespaces of ten records.

Makes them over REST, in a folder of $TMPDIR, and prints a markdown table beside a server with one namespace: starts, memory, the
processor time of a server that nobody asks anything, the first query of each namespace after a restart, descriptors, the
administrator's requests and commands; at last some are deleted.

Clients run on the same machine, so they take their share of the cores. Needs lighttpd and an installed vecstore ($VECSTORE_PREFIX;
default: build/root).
"""

import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1]
sys.path[0] = str(SOURCE / "tests/blackbox")  # for harness; and not this folder, whose http.py would hide Python's own

import argparse
import concurrent.futures
import os
import random
import re
import statistics
import time

import harness
from client import exchange

DIMENSION = 16
RECORDS = 10
MAKERS = 4  # connections at once
TICK = os.sysconf("SC_CLK_TCK")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--namespaces", type=int, default=5000, help="how many (%(default)s)")
    parser.add_argument("--workers", type=int, default=4, help="workers of the server (%(default)s)")
    parser.add_argument("--starts", type=int, default=5, help="starts of each server (%(default)s)")
    parser.add_argument("--idle", type=float, default=60, help="seconds for which nobody asks anything (%(default)s)")
    parser.add_argument("--delete", type=int, default=1000, help="namespaces that are deleted at last (%(default)s)")
    return parser.parse_args()


class Measured:
    """A server with `count` namespaces, and what it cost."""

    def __init__(self, count, options):
        self.names = [f"tenant-{number:05d}" for number in range(count)]
        self.server = harness.Server(workers=options.workers, args=["--cache", "0"])
        self.options = options
        self.rows = {}

    def note(self, what, value):
        """A line of the table; at once for whoever watches."""
        self.rows[what] = value
        print(f"{len(self.names):,}: {what}: {value:.2f}", file=sys.stderr, flush=True)

    # ---- making ----

    def fill(self):
        self.server.start()
        self.headers = {"X-API-Key": self.server.client.ok("POST", "/admin/keys", {"role": "admin"})["key"]}
        begin, before = time.perf_counter(), self.processor_time()
        with concurrent.futures.ThreadPoolExecutor(MAKERS) as pool:
            for _ in pool.map(self.make, range(MAKERS)):
                pass
        spent, after = time.perf_counter() - begin, self.processor_time()
        self.note("make one, with its records, ms", spent * 1000 / len(self.names))
        for program in ("vecstore.fcgi", "vecstore-indexer"):
            self.note(f"make one: ms of processor time, {program}", (after[program] - before[program]) * 1000 / len(self.names))
        self.wait_idle()
        self.server.stop()

    def make(self, maker):
        chance = random.Random(maker)
        connection = self.server.client.connect()
        for name in self.names[maker::MAKERS]:
            records = [
                {
                    "id": str(i),
                    "vector": [round(chance.gauss(0, 1), 4) for _ in range(DIMENSION)],
                    "metadata": {"n": i},
                    "text": f"word{i} and others",
                }
                for i in range(RECORDS)
            ]
            for target, body in (
                ("/admin/namespaces", {"name": name}),
                (f"/v1/batch-upsert?namespace={name}", {"records": records}),
            ):
                reply = exchange(connection, "POST", target, body, headers=self.headers)
                if reply.status != 200:
                    sys.exit(f"{target}: {reply}")
        connection.close()

    # ---- what processes take ----

    def processor_time(self):
        """Seconds: {program: of all its processes}."""
        sums = {}
        for process in self.server.tree():
            fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
            sums[process.program()] = sums.get(process.program(), 0) + (int(fields[11]) + int(fields[12])) / TICK
        return sums

    def memory(self, when):
        """MiB of Pss by program."""
        sums = {}
        for process in self.server.tree():
            text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
            pss = int(re.search(r"^Pss:\s+(\d+) kB", text, re.M)[1]) / 1024
            sums[process.program()] = sums.get(process.program(), 0) + pss
        for program, pss in sorted(sums.items()):
            self.note(f"MiB, {when}: {program}", pss)

    def descriptors(self):
        return max(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.server.worker_pids())

    def wait_idle(self):
        """Until the indexer has used nothing for two seconds: seconds of its processor time since it began."""
        pid = self.server.wait_whole()[1]
        while True:
            before = self.processor_time()["vecstore-indexer"]
            time.sleep(2)
            after = self.processor_time()["vecstore-indexer"]
            if after - before <= 1 / TICK and pid == self.server.wait_whole()[1]:
                return after

    # ---- measures ----

    def starts(self):
        """From the start of the process to readiness, and to the first answer from a namespace."""
        ready, answered, settled = [], [], []
        for _ in range(self.options.starts):
            begin = time.perf_counter()
            self.server.launch()
            harness.wait_for(self.server.ready, "server ready")
            ready.append((time.perf_counter() - begin) * 1000)
            self.query(self.server.client.connect(), self.names[-1])
            answered.append((time.perf_counter() - begin) * 1000)
            settled.append(self.wait_idle() * 1000)
            self.server.stop()
        self.note("start until ready, ms", statistics.median(ready))
        self.note("start until the first answer from a namespace, ms", statistics.median(answered))
        self.note("processor time of the indexer until it rests, ms", statistics.median(settled))

    def idle(self):
        before = self.processor_time()
        time.sleep(self.options.idle)
        after = self.processor_time()
        for program, used in sorted(after.items()):
            self.note(f"processor time while idle, ms a second: {program}", (used - before[program]) * 1000 / self.options.idle)

    def query(self, connection, name):
        """Milliseconds until it is answered."""
        begin = time.perf_counter()
        body = {"vector": [1.0] + [0.5] * (DIMENSION - 1), "limit": 3}
        reply = exchange(connection, "POST", f"/v1/query?namespace={name}", body, headers=self.headers)
        spent = (time.perf_counter() - begin) * 1000
        if reply.status != 200 or len(reply.json()["results"]) != 3:
            sys.exit(f"{name}: {reply}")
        return spent

    def cold(self):
        """Each namespace asked once, in any order; then again, while others are open."""
        connection = self.server.client.connect()
        names = random.Random(1).sample(self.names, len(self.names))
        for what in ("after a restart", "where others are open"):
            times = sorted(self.query(connection, name) for name in names)
            self.note(f"first query of a namespace {what}, ms: median", statistics.median(times))
            self.note(f"first query of a namespace {what}, ms: 99 %", times[len(times) * 99 // 100])
        connection.close()
        self.get("/admin/stats, which moves the counts of all into the catalogue", "/admin/stats", 1)
        self.note("descriptors of a worker, at most", self.descriptors())

    def get(self, what, target, count=3):
        """The answer; notes the median time of `count` requests."""
        times = []
        for _ in range(count):
            begin = time.perf_counter()
            reply = self.server.client.get(target, headers=self.headers)
            times.append((time.perf_counter() - begin) * 1000)
            if reply.status != 200:
                sys.exit(f"{target}: {reply}")
        self.note(f"{what}, ms", statistics.median(times))
        return reply

    def administer(self):
        self.get("a page of 100 namespaces", "/admin/namespaces?limit=100")
        self.get("a page of 1,000 namespaces", "/admin/namespaces?limit=1000")
        self.get("/admin/stats", "/admin/stats")
        self.get("the counts of one namespace", f"/admin/namespaces/{self.names[0]}/stats")
        self.note("/metrics, KiB", len(self.get("/metrics", "/metrics").body) / 1024)
        for command in (["ns", "list"], ["usage"], ["check"]):
            begin = time.perf_counter()
            harness.run(*command, "--data", self.server.data, check=0)
            self.note(f"vecstore {' '.join(command)}, s", time.perf_counter() - begin)

    def delete(self):
        """Many at once, by one connection, until their folders are gone."""
        connection = self.server.client.connect()
        folders = self.server.data / "ns"
        names = self.names[: self.options.delete]
        before = len(os.listdir(folders))
        begin, used = time.perf_counter(), self.processor_time()
        for name in names:
            reply = exchange(connection, "DELETE", f"/admin/namespaces/{name}?now=true", headers=self.headers)
            if reply.status != 200:
                sys.exit(f"{name}: {reply}")
        harness.wait_for(lambda: len(os.listdir(folders)) <= before - len(names), "deleted", 600)
        self.note("delete one at once, ms", (time.perf_counter() - begin) * 1000 / len(names))
        after = self.processor_time()
        for program in ("vecstore.fcgi", "vecstore-indexer"):
            self.note(f"delete one: ms of processor time, {program}", (after[program] - used[program]) * 1000 / len(names))
        connection.close()

    def measure(self):
        try:
            self.fill()
            self.starts()
            self.server.start()
            self.wait_idle()
            self.memory("nothing asked")
            self.idle()
            self.cold()
            self.memory("all asked")
            self.administer()
            if len(self.names) > self.options.delete:
                self.delete()
            self.server.stop()
        finally:
            self.server.destroy()
        return self.rows


def main():
    options = arguments()
    measured = [Measured(count, options).measure() for count in (1, options.namespaces)]
    print(f"| what | one namespace | {options.namespaces:,} namespaces |\n| --- | ---: | ---: |")
    for what in measured[1]:
        print(f"| {what} | " + " | ".join(f"{rows[what]:,.2f}" if what in rows else "–" for rows in measured) + " |")


if __name__ == "__main__":
    main()
