# SPDX-License-Identifier: Apache-2.0
"""Jobs: their life over REST and on the command line, cancelled in each state, beside kills of who does them and who waits."""

import contextlib
import fcntl
import json
import os
import signal
import sqlite3
import threading
import time

import pytest

import fastcgi
import harness
from crashload import body, static_id
from harness import run, wait_for

FINISHED = ("succeeded", "failed", "cancelled")
FIELDS = {"id", "kind", "namespace", "state", "progress", "message", "arguments", "attempts", "cancel_requested", "created_at"}
LIST = "/v1/jobs"


def fill(client, count, n=0):
    for start in range(0, count, 1000):
        client.batch([body(static_id(i), n) for i in range(start, min(start + 1000, count))])


def begin(client, namespace="default"):
    """A compaction as a job that nobody waits for: its address."""
    reply = client.post(f"/v1/compact?wait=0&namespace={namespace}")
    assert reply.status == 202, reply
    job = reply.json()
    assert job["state"] in ("queued", "running") and job["kind"] == "compact" and job["namespace"] == namespace
    assert reply.headers["location"] == f"/v1/jobs/{job['id']}?namespace={namespace}"
    return reply.headers["location"]


def cancel(client, address):
    return client.post(address.replace("?", "/cancel?"))


def wait_until(client, address, *states):
    """Progress never goes back on the way."""
    last = 0

    def there():
        nonlocal last
        job = client.ok("GET", address)
        assert set(job) >= FIELDS and 0 <= last <= job["progress"] <= 1, (last, job)
        last = job["progress"]
        return job if job["state"] in states else None

    return wait_for(there, f"{address} to be one of {states}")


def catalogue(data):
    return contextlib.closing(sqlite3.connect(data / "catalog.db", isolation_level=None))


def folder_of(data, namespace="default"):
    with catalogue(data) as db:
        return data / "ns" / db.execute("SELECT folder FROM namespace WHERE name = ?", [namespace]).fetchone()[0]


@contextlib.contextmanager
def hold(folder):
    """As if another process compacted the namespace: a job on it runs, and waits."""
    with open(folder / "compact.lock", "a") as lock:
        wait_for(lambda: try_lock(lock), "the namespace to be free")
        yield


def held(data, namespace="default"):
    return hold(folder_of(data, namespace))


def try_lock(lock):
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True


@pytest.fixture(scope="module")
def quiet():
    """A server that compacts only when it is told to, with a namespace besides `default`."""
    server = harness.Server(workers=3, args=["--compact-at", 0])
    try:
        server.start()
        fill(server.client, 100)
        run("import", "-", "--namespace", "other", "--data", server.data, stdin=json.dumps(body("x", 0)).encode(), check=0)
        yield server
        harness.check_store(server.data)
        server.stop()
    finally:
        server.destroy()


def test_life(quiet):
    client = quiet.client
    fill(client, 50, n=1)
    done = wait_until(client, begin(client), *FINISHED)
    assert done["state"] == "succeeded" and done["progress"] == 1 and done["attempts"] == 1
    assert done["result"]["removed_count"] == 50 and set(done["result"]) == {"removed_count", "freed_bytes"}
    assert done["created_at"] <= done["started_at"] <= done["finished_at"]
    assert client.ok("POST", "/v1/compact?wait=60", {"namespace": "default"}) == {"removed_count": 0, "freed_bytes": 0}
    jobs = client.ok("GET", LIST)
    assert jobs["next_cursor"] is None
    assert [job["id"] for job in jobs["jobs"]] == [done["id"] + 1, done["id"]]
    assert jobs["jobs"][1] == done
    one = client.ok("GET", LIST + "?limit=1&state=succeeded")
    assert one["jobs"] == jobs["jobs"][:1]
    two = client.ok("GET", LIST + f"?limit=1&cursor={one['next_cursor']}")
    assert two == {"jobs": jobs["jobs"][1:], "next_cursor": None}
    assert client.ok("GET", LIST + "?state=failed") == {"jobs": [], "next_cursor": None}
    # Another namespace's is as good as none.
    assert client.ok("GET", LIST + "?namespace=other")["jobs"] == []
    for address in (f"{LIST}/{done['id']}?namespace=other", f"{LIST}/9999"):
        assert client.get(address).status == 404
        assert cancel(client, address if "?" in address else address + "?").status == 404


def test_running_queued_and_others(quiet):
    client = quiet.client
    with held(quiet.data):
        first = begin(client)
        running = wait_until(client, first, "running")
        second = begin(client)
        # A request that waits gets 202 in the end.
        reply = client.post("/v1/compact?wait=1")
        assert reply.status == 202 and reply.json()["state"] == "queued"
        third = reply.headers["location"]
        # Those of other namespaces go on.
        assert client.ok("POST", "/v1/compact?namespace=other&wait=60")["removed_count"] == 0
        assert [client.ok("GET", job)["state"] for job in (first, second, third)] == ["running", "queued", "queued"]
        assert {job["id"] for job in client.ok("GET", LIST + "?state=queued")["jobs"]} == {running["id"] + 1, running["id"] + 2}
        wait_for(lambda: "in use" in client.ok("GET", first)["message"], "it to say what it waits for")
        # The waiting one goes at once, the running one soon.
        reply = cancel(client, second)
        assert reply.status == 200 and reply.json()["state"] == "cancelled" and "started_at" not in reply.json()
        reply = cancel(client, first)
        assert reply.status == 200 and reply.json()["cancel_requested"]
        wait_until(client, first, "cancelled")
        assert cancel(client, first).status == 200
    assert wait_until(client, third, *FINISHED)["state"] == "succeeded"
    reply = cancel(client, third)
    assert reply.status == 409 and "has succeeded already" in reply.error()


def test_cancelled_under_a_request(quiet):
    client = quiet.client
    assert client.ok("GET", LIST + "?state=running")["jobs"] == []
    replies = []
    with held(quiet.data):
        asking = threading.Thread(target=lambda: replies.append(client.post("/v1/compact?wait=60")))
        asking.start()
        job = wait_for(lambda: client.ok("GET", LIST + "?state=running")["jobs"], "a job")[0]
        cancel(client, f"{LIST}/{job['id']}?namespace=default")
        asking.join()
    assert replies[0].status == 409 and "was cancelled" in replies[0].error()


def test_of_a_namespace_that_vanished(quiet):
    client = quiet.client
    run("import", "-", "--namespace", "gone", "--data", quiet.data, stdin=json.dumps(body("x", 0)).encode(), check=0)
    with catalogue(quiet.data) as db, held(quiet.data, "gone"):
        job = begin(client, "gone")
        wait_until(client, job, "running")
        row = db.execute("SELECT * FROM namespace WHERE name = 'gone'").fetchone()
        db.execute("DELETE FROM namespace WHERE name = 'gone'")
        wait_for(lambda: db.execute("SELECT state FROM job WHERE namespace = 'gone'").fetchone()[0] > 1, "the job to end")
        # Whoever makes a namespace of that name later does not see it.
        assert client.get(job).status == 404 and client.ok("GET", "/v1/jobs?namespace=gone")["jobs"] == []
        db.execute("INSERT INTO namespace VALUES (" + ",".join("?" * len(row)) + ")", row)
        done = client.ok("GET", job)
    assert (done["state"], done["code"], done["error"]) == ("failed", "not_found", "namespace gone is gone")
    assert "result" not in done


def test_killed_indexers(quiet):
    """The next one does it; a job that kills whoever does it is given up."""
    client = quiet.client
    fill(client, 50, n=2)
    with held(quiet.data):
        job = begin(client)
        for attempt in (1, 2):
            wait_for(lambda: client.ok("GET", job)["attempts"] == attempt, f"attempt {attempt}")
            os.kill(quiet.wait_whole()[1], signal.SIGKILL)
        wait_for(lambda: client.ok("GET", job)["attempts"] == 3, "the last attempt")
    done = wait_until(client, job, *FINISHED)
    assert done["state"] == "succeeded" and done["result"]["removed_count"] >= 50
    with held(quiet.data):
        job = begin(client)
        for attempt in (1, 2, 3):
            wait_for(lambda: client.ok("GET", job)["attempts"] == attempt, f"attempt {attempt}")
            os.kill(quiet.wait_whole()[1], signal.SIGKILL)
        done = wait_until(client, job, *FINISHED)
    assert done["state"] == "failed" and "has died" in done["error"]


def test_killed_workers(quiet):
    """Who waits for a job has no part in it."""
    client = quiet.client
    replies = []
    with held(quiet.data):
        asking = threading.Thread(target=lambda: replies.append(client.post("/v1/compact?wait=60")))
        asking.start()
        job = wait_for(lambda: client.ok("GET", LIST + "?state=running")["jobs"], "a job")[0]
        for pid in quiet.wait_whole()[0]:
            os.kill(pid, signal.SIGKILL)
        asking.join()
    assert replies[0].status >= 500
    quiet.wait_ready()
    assert wait_until(client, f"{LIST}/{job['id']}?namespace=default", *FINISHED)["state"] == "succeeded"


def test_killed_in_the_middle(make_server):
    """The indexer dies while it copies and links; what clients see of it goes forward alone."""
    server = make_server(args=["--compact-at", 0]).start()
    fill(server.client, 6000)
    fill(server.client, 1000, n=1)
    server.wait_indexed()
    job = begin(server.client)
    for _ in range(2):
        wait_for(lambda: len(list(server.data.glob("ns/*/g??????"))) > 1 or
                 server.client.ok("GET", job)["state"] in FINISHED, "a second folder")
        os.kill(server.wait_whole()[1], signal.SIGKILL)
    done = wait_until(server.client, job, *FINISHED)
    assert done["state"] == "succeeded", done
    assert server.client.stats()["active_vectors"] == 6000
    assert server.client.ok("POST", "/v1/compact") == {"removed_count": 0, "freed_bytes": 0}
    harness.check_store(server.data)


def test_stopped_server(make_server):
    """A worker that is to end answers what it knows; a stop puts the job back, which counts for nothing."""
    server = make_server(args=["--compact-at", 0]).start()
    client = server.client
    fill(client, 50)
    replies = []
    with held(server.data):
        ask = lambda: replies.append(fastcgi.request(server.socket(), "POST", "/v1/compact?wait=60"))
        asking = threading.Thread(target=ask)
        asking.start()
        wait_for(lambda: client.ok("GET", LIST + "?state=running")["jobs"], "a job")
        for pid in server.wait_whole()[0]:
            os.kill(pid, signal.SIGTERM)
        asking.join()
        assert replies[0].status == 202 and replies[0].json()["state"] == "running"
        server.stop()
        assert " queued " in run("jobs", "--data", server.data, check=0).stdout
    server.start()
    done = wait_until(client, replies[0].headers["location"], *FINISHED)
    assert done["state"] == "succeeded" and done["attempts"] == 1


def test_without_an_indexer(folder):
    """A worker that waits does it all itself; one that does not leaves it to others."""
    data = folder / "data"
    upsert = json.dumps({"id": "a", "vector": [1, 2]}).encode()
    for _ in range(2):
        assert fastcgi.cgi(data, "POST", "/v1/upsert", upsert, "application/json").status == 200
    reply = fastcgi.cgi(data, "POST", "/v1/compact?wait=0")
    assert reply.status == 202 and reply.json()["state"] == "queued" and reply.headers["location"].startswith("/v1/jobs/1")
    assert fastcgi.cgi(data, "GET", "/v1/jobs/1").json()["state"] == "queued"
    assert fastcgi.cgi(data, "POST", "/v1/compact").json()["removed_count"] == 0
    first = fastcgi.cgi(data, "GET", "/v1/jobs/1").json()
    assert first["state"] == "succeeded" and first["result"]["removed_count"] == 1
    harness.check_store(data)


@pytest.mark.parametrize(
    ("method", "target", "status", "named"),
    [
        ("GET", "/v1/jobs?limit=0", 400, "limit"),
        ("GET", "/v1/jobs?limit=1001", 400, "limit"),
        ("GET", "/v1/jobs?state=done", 400, "state"),
        ("GET", "/v1/jobs?state=", 400, "state"),
        ("GET", "/v1/jobs?cursor=x", 400, "cursor"),
        ("GET", "/v1/jobs?cursor=-1", 400, "cursor"),
        ("GET", "/v1/jobs?cursor=0", 400, "cursor"),
        ("GET", "/v1/jobs?filter=x", 400, "filter"),
        ("GET", "/v1/jobs/x", 400, "id"),
        ("GET", "/v1/jobs/0", 400, "id"),
        ("GET", "/v1/jobs/1e3", 400, "id"),
        ("GET", "/v1/jobs/99999999999999999999", 400, "id"),
        ("GET", "/v1/jobs/-1", 400, "id"),
        ("GET", "/v1/jobs/1?x=1", 400, "x"),
        ("GET", "/v1/jobs/123456789", 404, "123456789"),
        ("POST", "/v1/jobs/123456789/cancel", 404, "123456789"),
        ("POST", "/v1/jobs/x/cancel", 400, "id"),
        ("POST", "/v1/jobs/1/cancel?wait=1", 400, "wait"),
        ("POST", "/v1/jobs/1", 405, "GET"),
        ("POST", "/v1/jobs", 405, "GET"),
        ("GET", "/v1/jobs/1/cancel", 405, "POST"),
        ("GET", "/v1/jobs/1/stop", 404, "path"),
        ("POST", "/v1/compact?wait=61", 400, "wait"),
        ("POST", "/v1/compact?wait=-1", 400, "wait"),
        ("POST", "/v1/compact?wait=soon", 400, "wait"),
    ],
)
def test_wrong_requests(quiet, method, target, status, named):
    reply = quiet.client.request(method, target)
    assert reply.status == status and named in reply.error(), reply


def test_too_many(quiet):
    """A queue has an end; the namespace of another is not concerned."""
    client = quiet.client
    with held(quiet.data):
        jobs = [begin(client)]
        wait_until(client, jobs[0], "running")
        while (reply := client.post("/v1/compact?wait=0")).status == 202:
            jobs.append(reply.headers["location"])
            assert len(jobs) <= 101
        assert reply.status == 503 and reply.headers["retry-after"] and "wait already" in reply.error()
        assert len(jobs) in (11, 101)  # in a build with faults, and without
        assert client.post("/v1/compact?namespace=other").status == 200
        for job in jobs:
            cancel(client, job)
    wait_until(client, jobs[0], *FINISHED)


def test_command(quiet):
    client, data = quiet.client, quiet.data
    with held(data):
        job = begin(client)
        wait_until(client, job, "running")
        number = int(job.split("/")[3].split("?")[0])
        listed = run("jobs", "list", "--state", "running", "--data", data, check=0).stdout
        assert listed.split()[:4] == [str(number), "compact", "default", "running"] and listed.count("\n") == 1
        assert run("jobs", "--namespace", "nothing", "--data", data, check=0).stdout == ""
        shown = dict(line.split(None, 1) for line in run("jobs", "show", number, "--data", data, check=0).stdout.splitlines())
        assert shown["state"] == "running" and shown["attempts"] == "1" and shown["namespace"] == "default"
        told = run("jobs", "cancel", number, "--data", data, check=0).stdout
        assert told == f"job {number}: will stop soon\n"
        done = run("jobs", "watch", number, "--data", data, check=1)
        assert (done.stdout, done.stderr) == (f"job {number}: cancelled\n", "")
    job = begin(client)
    done = run("jobs", "watch", number + 1, "--data", data, check=0)
    assert done.stdout.startswith(f'job {number + 1}: succeeded: {{"removed_count":')
    assert "has succeeded already" in run("jobs", "cancel", number + 1, "--data", data, check=1).stderr
    assert "there is no job 99999" in run("jobs", "watch", 99999, "--data", data, check=1).stderr
    for wrong in (["jobs", "stop"], ["jobs", "show"], ["jobs", "list", 1], ["jobs", "show", "x"], ["jobs", "show", "1x"],
                  ["jobs", "show", 1, 2], ["jobs", "--state", "done"]):
        assert run(*wrong, "--data", data, check=2).stderr.startswith("vecstore: ")


def test_absurd_row(folder):
    data = folder / "data"
    run("import", "-", "--data", data, stdin=json.dumps(body("x", 0)).encode(), check=0)
    assert fastcgi.cgi(data, "POST", "/v1/compact").status == 200
    with catalogue(data) as db:
        db.execute("UPDATE job SET state = 77")
    found = run("check", "--data", data, check=1).stdout
    assert "catalog.db: the row of job 1 is absurd" in found and "1 problems" in found
    assert fastcgi.cgi(data, "GET", "/v1/jobs/1").status == 500


if os.environ.get("VECSTORE_FAULTS") == "1":

    @pytest.mark.parametrize("point", ["job-taken", "job-progress", "job-done", "compact-complete", "compact-switched"])
    def test_kill_who_does_it_at_point(folder, point):
        """Whatever has died on the way, the next one finishes the job; the records are what they were."""
        data = folder / "data"
        for n in range(2):
            lines = "".join(json.dumps(body(static_id(i), n)) + "\n" for i in range(300))
            run("import", "-", "--data", data, stdin=lines.encode(), check=0)
        before = run("export", "--data", data, check=0).stdout
        with pytest.raises(AssertionError, match="-9"):
            fastcgi.cgi(data, "POST", "/v1/compact", env={"VECSTORE_POINT": point})
        assert fastcgi.cgi(data, "GET", "/v1/jobs/1").json()["state"] == "running"
        assert fastcgi.cgi(data, "POST", "/v1/compact").status == 200
        job = fastcgi.cgi(data, "GET", "/v1/jobs/1").json()
        assert (job["state"], job["attempts"], job["progress"]) == ("succeeded", 2, 1), job
        assert run("export", "--data", data, check=0).stdout == before
        assert len(list(data.glob("ns/*/g??????"))) == 1
        harness.check_store(data)
