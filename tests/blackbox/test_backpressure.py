# SPDX-License-Identifier: Apache-2.0
"""Writers that are faster than the indexer are told to wait; nothing is lost, and answers stay right."""

import json
import os
import signal
import subprocess

import numpy
import pytest

import conftest
import harness
from harness import wait_for

BOUND = 3000
BATCH = 500


def records(start, count):
    chance = lambda i: numpy.random.default_rng(i).standard_normal(8).tolist()
    return [{"id": f"r{i}", "vector": chance(i), "metadata": {"n": i}} for i in range(start, start + count)]


@pytest.fixture
def bounded():
    yield from conftest.serving(args=["--max-unindexed", BOUND])


def halt(server, pid):
    """Stops the indexer; not while it copies the WAL back, which no writer may do beside it."""
    os.kill(pid, signal.SIGSTOP)
    reply = server.client.post("/v1/upsert", {"id": "first", "vector": [1.0] * 8})
    if reply.status == 200:
        return True
    os.kill(pid, signal.SIGCONT)
    return False


@pytest.fixture
def stopped(bounded):
    """A server whose indexer stands still: server, the indexer's pid."""
    _, pid = bounded.wait_whole()
    bounded.client.upsert("first", [1.0] * 8)
    live = harness.generation(bounded.data) / "live.bits"
    wait_for(live.exists, "the indexer to have found the namespace")
    wait_for(lambda: halt(bounded, pid), "the indexer to stand still without the writers' lock")
    yield bounded, pid
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        pass


def fill(client):
    """Batches until one is refused: the refusal, and how many records were acknowledged."""
    stored = 0
    while stored < 4 * BOUND:
        answer = client.request("POST", "/v1/batch-upsert", {"records": records(stored, BATCH)})
        if answer.status != 200:
            return answer, stored
        stored += BATCH
    raise AssertionError("nothing was refused")


def assert_refused(answer, words):
    assert answer.status == 503, answer
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["code"] == "tail_too_long"
    assert words in answer.json()["error"], answer.json()


def test_writes_wait_for_the_indexer(stopped):
    server, pid = stopped
    client = server.client
    answer, stored = fill(client)
    assert_refused(answer, "try again")
    assert BOUND <= stored <= BOUND + BATCH
    lines = "\n".join(json.dumps(record) for record in records(stored, 10))
    assert_refused(client.request("POST", "/v1/batch-upsert", lines.encode(), "application/x-ndjson"), "try again")
    assert_refused(client.request("POST", "/v1/upsert", records(stored, 1)[0]), "try again")
    # All else goes on, and finds the unlinked.
    assert client.found(records(stored - 1, 1)[0]["vector"], limit=1) == [f"r{stored - 1}"]
    assert client.ok("POST", "/v1/delete", {"id": "first"})
    assert client.stats()["total_vectors"] == stored
    assert client.metrics()['vecstore_unindexed_vectors{namespace="default"}'] > BOUND
    os.kill(pid, signal.SIGCONT)

    def accepted():
        answer = client.request("POST", "/v1/batch-upsert", {"records": records(stored, BATCH)})
        assert answer.status in (200, 503), answer
        return answer.status == 200

    wait_for(accepted, "writes to be accepted again")
    server.wait_indexed()
    assert client.stats()["total_vectors"] == stored + BATCH
    for i in range(0, stored + BATCH, 250):
        assert client.record(f"r{i}").status == 200
    harness.check_store(server.data)


def test_a_missing_indexer_is_named(stopped):
    server, pid = stopped
    server.signal(signal.SIGSTOP)  # so that it is not started again
    try:
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not harness.Process(pid).alive(), "the indexer to be gone")
        assert_refused(fill(server.client)[0], "no indexer is at work")
    finally:
        server.signal(signal.SIGCONT)
    server.wait_whole()
    server.wait_indexed()
    server.client.upsert("last", [1.0] * 8)


def test_import_waits_and_goes_on(stopped, tmp_path):
    server, pid = stopped
    path = tmp_path / "records.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records(0, 3 * BOUND)))
    command = [harness.VECSTORE, "import", path, "--data", server.data, "--max-unindexed", BOUND, "--batch", BATCH]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    total = lambda: server.client.stats()["total_vectors"]
    wait_for(lambda: total() > BOUND, "the import to fill the tail")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    assert total() <= BOUND + BATCH + 1
    os.kill(pid, signal.SIGCONT)
    said = process.communicate(timeout=harness.DEADLINE)[0].decode()
    assert process.returncode == 0 and f"imported {3 * BOUND} records" in said, said
    assert total() == 3 * BOUND + 1


def test_import_without_a_server_waits_for_nobody(tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records(0, 2 * BOUND)))
    said = harness.run("import", path, "--data", tmp_path / "data", "--max-unindexed", BOUND, "--batch", BATCH, check=0)
    assert f"imported {2 * BOUND} records" in said.stdout


def test_no_bound(tmp_path):
    for server in conftest.serving(args=["--max-unindexed", "0"]):
        _, pid = server.wait_whole()
        wait_for(lambda: halt(server, pid), "the indexer to stand still")
        try:
            for start in range(0, 3 * BOUND, BATCH):
                server.client.batch(records(start, BATCH))
        finally:
            os.kill(pid, signal.SIGCONT)
        server.wait_indexed()
