# SPDX-License-Identifier: Apache-2.0
"""A write load whose truth is kept outside of the server: what must be there, and what may be there.

An acknowledgement counts once its reply was read. A request without one may have happened or not, but whole: its ids
are then left alone until a verification at a quiet moment has seen which.
"""

import http.client
import random
import threading
import time
import zlib

import numpy

import harness
import oracle
from client import Client, quote

DIMENSION = 16
STATIC = 3000  # records that are only read: enough that there is a graph
WRITERS = 4
IDS = 80  # of each writer


def vector(record_id, n):
    """The vector of the n-th content of an id."""
    return (
        numpy.random.default_rng(zlib.crc32(f"{record_id}#{n}".encode())).normal(size=DIMENSION).astype(numpy.float32)
    )


def text(record_id, n):
    """Of every other content; None: it has none."""
    return f"{record_id} content{n}" if n % 2 == 0 else None


def body(record_id, n):
    return {
        "id": record_id,
        "vector": oracle.encode_vector(vector(record_id, n)),
        "metadata": {"n": n, "of": record_id},
        "text": text(record_id, n),
    }


def static_id(i):
    return f"static-{i:05}"


class Writer(threading.Thread):
    """Changes records of its own. States: None, or (n, writes since it was made, soft-deleted, n when it was made)."""

    def __init__(self, load, number):
        super().__init__()
        self.load = load
        self.random = random.Random(f"{load.seed}-{number}")
        self.states = {f"w{number}-{i}": {None} for i in range(IDS)}
        self.bases = {}  # (id, n when it was made): its first version less 1, once that is known
        self.newest = {}  # id: the greatest version that was seen
        self.groups = []  # of unanswered atomic batches: {id: (state before, state after)}
        self.n = 0
        self.faults = []

    def certain(self):
        return [record_id for record_id, states in self.states.items() if len(states) == 1]

    def run(self):
        while not self.load.pausing.is_set():
            free = self.certain()
            if len(free) < 8:
                return
            self.step(free)

    def step(self, free):
        """One operation: note what may be, ask, and note what is if there was an answer."""
        self.n += 1
        if self.random.random() < 0.35:
            chosen = self.random.sample(free, self.random.randint(2, 8))
            request, after, wanted = self.batch(chosen)
        else:
            chosen = [self.random.choice(free)]
            request, after, wanted = self.single(chosen[0])
        before = {record_id: next(iter(self.states[record_id])) for record_id in chosen}
        try:
            reply = self.load.client.request(*request)
        except (OSError, http.client.HTTPException):
            reply = None
            time.sleep(0.005)  # not to spin while nothing listens
        if reply is None or reply.status >= 500:
            for record_id in chosen:
                self.states[record_id] = {before[record_id], after[record_id]}
            self.groups.append({i: (before[i], after[i]) for i in chosen if before[i] != after[i]})
            self.load.unanswered += 1
            return
        if reply.status != 200 or any(reply.json().get(name) != value for name, value in wanted.items()):
            self.faults.append((request, before, wanted, reply))
            return
        for record_id in chosen:
            self.states[record_id] = {after[record_id]}
        if "version" in reply.json() and not self.fits(chosen[0], after[chosen[0]], reply.json()["version"]):
            self.faults.append((request, before, "a version that fits", reply))
        self.load.answered += 1

    def fits(self, record_id, state, version):
        """Versions count the writes, from one that is greater than all that were seen of earlier records of the id."""
        _, writes, _, made = state
        if (record_id, made) not in self.bases:
            if version - writes < self.newest.get(record_id, 0):
                return False
            self.bases[record_id, made] = version - writes
        self.newest[record_id] = max(version, self.newest.get(record_id, 0))
        return version == self.bases[record_id, made] + writes

    def recognise(self, record_id, seen):
        """The possible state that was seen, as (n, version, soft-deleted) or None: else an AssertionError."""
        states = self.states[record_id]
        for state in states:
            if state is None or seen is None:
                if state is seen:
                    return None
            elif (state[0], state[2]) == (seen[0], seen[2]) and self.fits(record_id, state, seen[1]):
                return state
        raise AssertionError(f"seed {self.load.seed}: {record_id} is {seen} but should be one of {states}")

    def next(self, record_id):
        """The state after an upsert."""
        state = next(iter(self.states[record_id]))
        return (self.n, state[1] + 1, False, state[3]) if state else (self.n, 1, False, self.n)

    def batch(self, chosen):
        after = {record_id: self.next(record_id) for record_id in chosen}
        known = sum(self.states[record_id] != {None} for record_id in chosen)
        return (
            ("POST", "/v1/batch-upsert", {"records": [body(record_id, self.n) for record_id in chosen]}),
            after,
            {"inserted": len(chosen) - known, "updated": known, "errors": []},
        )

    def single(self, record_id):
        state = next(iter(self.states[record_id]))
        choice = self.random.random()
        if state is None or choice < 0.6:
            after = self.next(record_id)
            return (
                ("POST", "/v1/upsert", body(record_id, self.n)),
                {record_id: after},
                {"success": True},
            )
        if choice < 0.75:
            return ("DELETE", "/v1/delete/" + quote(record_id)), {record_id: None}, {"found": True, "deleted": True}
        if choice < 0.9:
            return (
                ("POST", "/v1/soft-delete/" + quote(record_id)),
                {record_id: (*state[:2], True, state[3])},
                {"found": True, "marked_deleted": not state[2]},
            )
        return (
            ("POST", "/v1/restore", {"id": record_id}),
            {record_id: (*state[:2], False, state[3])},
            {"found": True, "restored": state[2]},
        )


class CrashLoad:
    """The writers, a server that others kill, and the comparison."""

    def __init__(self, server, seed):
        self.server = server
        self.client = Client(server.port)
        self.seed = seed
        self.pausing = threading.Event()
        self.answered = 0
        self.unanswered = 0
        self.writers = []
        self.ledger = [Writer(self, number) for number in range(WRITERS)]

    def fill(self):
        for start in range(0, STATIC, 1000):
            self.client.batch([body(static_id(i), 0) for i in range(start, start + 1000)])

    def resume(self):
        """Starts the writers: a thread starts once, so each pause makes new ones with the old ones' knowledge."""
        self.pausing.clear()
        fresh = []
        for number, old in enumerate(self.ledger):
            writer = Writer(self, number)
            writer.random, writer.states, writer.n, writer.faults = old.random, old.states, old.n, old.faults
            writer.bases, writer.newest = old.bases, old.newest
            fresh.append(writer)
        self.ledger = fresh
        for writer in fresh:
            writer.start()

    def pause(self):
        self.pausing.set()
        for writer in self.ledger:
            writer.join()
            assert not writer.faults, f"seed {self.seed}: {writer.faults[:3]}"

    def stuck(self):
        """No writer has enough certain records left to go on with."""
        return not any(writer.is_alive() for writer in self.ledger)

    def observe(self):
        """{id: state} of all that is stored, each record checked for being whole."""
        seen = {}
        for record in self.client.pages(limit=1000, include_vector="true", include_text="true"):
            assert record["id"] not in seen, f"{record['id']} is there twice"
            seen[record["id"]] = self.whole(record, False)
        return seen

    def whole(self, record, soft):
        n = record["metadata"]["n"]
        assert record["metadata"] == {"n": n, "of": record["id"]}, record
        assert record.get("text") == text(record["id"], n), record
        assert oracle.decode_vector(record["vector"]).tobytes() == vector(record["id"], n).tobytes(), record
        return n, record["version"], soft

    def verify(self):
        """With the writers paused: everything acknowledged is there, nothing else is, and the halves agree."""
        where = f"seed {self.seed}"
        seen = self.observe()
        statics = {static_id(i) for i in range(STATIC)}
        assert statics <= set(seen), f"{where}: lost {sorted(statics - set(seen))[:10]}"
        live, soft = len(statics), 0
        for writer in self.ledger:
            for record_id, states in writer.states.items():
                state = seen.get(record_id)
                if state is None and any(possible and possible[2] for possible in states):
                    reply = self.client.record(record_id, include_vector="true")
                    if reply.status == 200:
                        record = reply.json()
                        assert record.get("deleted_at"), f"{where}: {record} is on no page"
                        state = self.whole(record, True)
                state = writer.recognise(record_id, state)
                writer.states[record_id] = {state}
                live += state is not None and not state[2]
                soft += state is not None and state[2]
            for group in writer.groups:
                sides = {side for side in (0, 1) if all(writer.states[i] == {pair[side]} for i, pair in group.items())}
                assert sides, f"{where}: an atomic batch was torn: {group}"
            writer.groups = []
        known = statics.union(*(writer.states for writer in self.ledger))
        assert set(seen) <= known, f"{where}: phantoms {sorted(set(seen) - known)[:10]}"
        stats = self.client.stats()
        assert (stats["active_vectors"], stats["deleted_vectors"]) == (live, soft), f"{where}: {stats}"
        self.verify_queries(seen)
        harness.check_store(self.server.data)

    def verify_queries(self, seen):
        """Records are found by their own texts and vectors: always by words and exact search, nearly always over the graph."""
        sample = random.Random(self.seed).sample(sorted(seen), 30)
        hits = 0
        for record_id in sample:
            own = vector(record_id, seen[record_id][0])
            assert self.client.found(own, limit=1, exact=True) == [record_id]
            words = text(record_id, seen[record_id][0])
            if words:
                answer = self.client.ok("POST", "/v1/hybrid-query", {"text_query": f'"{words}"'})
                assert [result["id"] for result in answer["results"]] == [record_id]
            found = self.client.found(own, limit=10)
            assert len(found) == 10 and set(found) <= set(seen)
            hits += found[0] == record_id
        assert hits >= 27, f"only {hits} of 30 find themselves over the graph"
