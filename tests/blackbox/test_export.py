# SPDX-License-Identifier: Apache-2.0
"""vecstore export: what goes out comes in again, bit for bit; files are whole or not there; writes go on meanwhile."""

import csv
import gzip
import io
import json
import os
import signal
import struct
import subprocess
import threading

import numpy
import pytest

import harness
from harness import run

ODD_FLOATS = [1e-45, -0.0, 1.1754944e-38, 3.4028235e38, 16777217, 0.1, 1 / 3, -1e-7, 123456.789, 9.9999999e7]
ODD_METADATA = [
    '{"n":123456789012345678901234567890,"m":-9223372036854775808,"u":18446744073709551615}',
    '{"d":1.10,"e":1E5,"f":1e-320,"g":-0,"h":-0.0,"i":0.1000000000000000055511151231257827}',
    '{"a":[1,[2,{"b":null}],true,"x"],"o":{"":{"k,":"v\\"w"}}}',
    '{"text":"\\u0001 é \\ud83d\\ude00 \\r\\n, \\"q\\" \\\\ /","empty":"","looks":"5","true":"true"}',
    "{}",
]


def odd_records():
    """Lines with what formats like to lose."""
    rng = numpy.random.default_rng(7)
    bits = rng.integers(0, 2**32, (60, 10), dtype="u4").view("<f4")
    bits = numpy.where(numpy.isfinite(bits), bits, numpy.float32(1))
    bits[0] = numpy.array(ODD_FLOATS, dtype="<f4")
    ids = [f"id {i}" for i in range(54)] + ["é\n", 'q"u', "a,b", " ", "🙂", "-"]
    lines = []
    for i, id in enumerate(ids):
        vector = ",".join(repr(float(x)) for x in bits[i])
        lines.append(f'{{"id":{json.dumps(id)},"vector":[{vector}],"metadata":{ODD_METADATA[i % 5]}}}')
    return ids, bits, "\n".join(lines).encode()


def export(data, *flags):
    return run("export", "--data", data, *flags, check=0).stdout


@pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz", "csv", "csv.gz"])
def test_there_and_back(kind, folder):
    """Byte for byte the same after a trip through each text format."""
    ids, bits, lines = odd_records()
    run("import", "-", "--data", folder / "a", stdin=lines, check=0)
    first = export(folder / "a")
    records = {record["id"]: record for record in map(json.loads, first.splitlines())}
    assert sorted(records) == sorted(ids)
    for i, id in enumerate(ids):
        assert numpy.array(records[id]["vector"], dtype="<f4").tobytes() == bits[i].tobytes()
        assert ODD_METADATA[i % 5] in first
    export(folder / "a", "--output", folder / f"x.{kind}")
    run("import", folder / f"x.{kind}", "--data", folder / "b", check=0)
    assert export(folder / "b") == first
    harness.check_store(folder / "b")


@pytest.mark.parametrize("kind", ["npy", "fvecs", "fvecs.gz"])
def test_vectors_alone(kind, folder):
    """numpy reads them; with ids and metadata beside them nothing is lost."""
    _, _, lines = odd_records()
    lines = lines.replace(b'"\\u00e9\\n"', b'"\\u00e9"')
    run("import", "-", "--data", folder / "a", stdin=lines, check=0)
    first = export(folder / "a")
    target = folder / f"x.{kind}"
    export(folder / "a", "--output", target, "--ids", folder / "ids", "--metadata", folder / "meta")
    expected = numpy.array([json.loads(line)["vector"] for line in first.splitlines()], dtype="<f4")
    if kind == "npy":
        array = numpy.load(target)
    else:
        content = target.read_bytes()
        content = gzip.decompress(content) if kind.endswith("gz") else content
        array = numpy.frombuffer(content, dtype="<f4").reshape(60, 11)[:, 1:]
    assert array.tobytes() == expected.tobytes()
    run("import", target, "--ids", folder / "ids", "--metadata", folder / "meta", "--data", folder / "b", check=0)
    assert export(folder / "b") == first


def test_ids_with_line_ends_are_refused_beside_vectors(folder):
    run("import", "-", "--data", folder / "a", stdin=b'{"id": "a\\nb", "vector": [1]}', check=0)
    done = run("export", "--data", folder / "a", "--output", folder / "x.npy", "--ids", folder / "ids")
    assert done.returncode == 1 and "line end" in done.stderr
    assert {path.name for path in folder.iterdir()} == {"a"}


def test_csv_fields(folder):
    lines = [
        {"id": "a", "vector": [1, 2], "metadata": {"t": 'x "y"', "n": 1.5, "b": True, "z": None, "l": [1, "q"]}},
        {"id": "b", "vector": [3, 4], "metadata": {"t": "5", "other": 1}},
    ]
    run("import", "-", "--data", folder / "a", stdin="\n".join(map(json.dumps, lines)).encode(), check=0)
    text = export(folder / "a", "--format", "csv", "--fields", "t,n,b,z,l")
    rows = list(csv.reader(io.StringIO(text)))
    assert rows == [
        ["id", "vector", "t", "n", "b", "z", "l", "@expires_at"],
        ["a", "[1,2]", 'x "y"', "1.5", "true", "null", '[1,"q"]', ""],
        ["b", "[3,4]", "5", "", "", "", "", ""],
    ]
    run("import", "-", "--format", "csv", "--columns", "l:json", "--data", folder / "b", stdin=text.encode(), check=0)
    back = [json.loads(line)["metadata"] for line in export(folder / "b").splitlines()]
    assert back == [lines[0]["metadata"], {"t": "5"}]


def test_filter_and_deleted(fresh, folder):
    """Of what a server holds: live records, or soft-deleted ones marked, that come back soft-deleted."""
    for i in range(20):
        fresh.client.upsert(f"r{i:02}", [1.0, i], metadata={"n": i})
    for i in range(0, 20, 3):
        fresh.client.ok("POST", f"/v1/soft-delete/r{i:02}")
    live = [json.loads(line)["id"] for line in export(fresh.data).splitlines()]
    assert live == [f"r{i:02}" for i in range(20) if i % 3]
    some = [json.loads(line)["id"] for line in export(fresh.data, "--filter", "n >= 5 AND @id < 'r11'").splitlines()]
    assert some == [id for id in live if "r05" <= id < "r11"]
    everything = export(fresh.data, "--include-deleted")
    assert [json.loads(line).get("deleted", False) for line in everything.splitlines()] == [
        i % 3 == 0 for i in range(20)
    ]
    run("import", "-", "--data", folder / "b", stdin=everything.encode(), check=0)
    assert export(folder / "b", "--include-deleted") == everything
    assert len(export(folder / "b").splitlines()) == 13
    export(fresh.data, "--include-deleted", "--output", folder / "x.csv")
    run("import", folder / "x.csv", "--columns", "deleted:deleted", "--data", folder / "c", check=0)
    assert export(folder / "c", "--include-deleted") == everything


def test_expiry(fresh, folder):
    """Records expire where they are imported when they would have expired here."""
    times = ["2040-01-31T12:00:00.123Z", "2399-12-31T23:59:59.999Z", None, "2040-01-31T12:00:00.000Z"]
    for i, time in enumerate(times):
        fresh.client.ok("POST", "/v1/upsert", {"id": f"r{i}", "vector": [1.0, i], **({"expires_at": time} if time else {})})
    fresh.client.ok("POST", "/v1/soft-delete/r3")
    everything = export(fresh.data, "--include-deleted")
    assert [json.loads(line).get("expires_at") for line in everything.splitlines()] == times
    run("import", "-", "--data", folder / "b", stdin=everything.encode(), check=0)
    assert export(folder / "b", "--include-deleted") == everything
    export(fresh.data, "--include-deleted", "--output", folder / "x.csv")
    run("import", folder / "x.csv", "--columns", "deleted:deleted", "--data", folder / "c", check=0)
    assert export(folder / "c", "--include-deleted") == everything
    run("import", folder / "x.csv", "--columns", "deleted:deleted,@expires_at:skip", "--data", folder / "d", check=0)
    assert [json.loads(line).get("expires_at") for line in export(folder / "d").splitlines()] == [None] * 3


def test_while_writes_go_on(fresh):
    """Records that are there all the time come exactly once, whatever is done to others."""
    records = [{"id": f"r{i:05}", "vector": [1.0, i], "metadata": {"n": i}} for i in range(6000)]
    fresh.client.ok("POST", "/v1/batch-upsert", {"records": records})
    stop = threading.Event()

    def write():
        i = 0
        while not stop.is_set():
            i += 1
            fresh.client.upsert(f"r{i * 37 % 6000:05}", [2.0, i], metadata={"n": i * 37 % 6000})
            fresh.client.upsert(f"new{i}", [3.0, i])
            fresh.client.ok("POST", "/v1/delete", {"id": f"new{i}"})

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            found = [json.loads(line) for line in export(fresh.data).splitlines()]
            kept = [record for record in found if record["id"].startswith("r")]
            assert [record["id"] for record in kept] == [record["id"] for record in records]
            assert [record["metadata"]["n"] for record in kept] == list(range(6000))
    finally:
        stop.set()
        writer.join()


def test_slow_reader_does_not_pin(folder):
    """An export whose reader has stopped reading holds no transaction: the WAL can be emptied meanwhile."""
    lines = "\n".join(json.dumps({"id": f"r{i}", "vector": [i + 0.5] * 200}) for i in range(20000)).encode()
    run("import", "-", "--data", folder / "a", stdin=lines, check=0)
    process = subprocess.Popen(
        [harness.VECSTORE, "export", "--data", str(folder / "a")], stdout=subprocess.PIPE, bufsize=0
    )
    first = process.stdout.read(1000)  # it runs, and is about to be stuck in a write
    indexer = subprocess.Popen([str(harness.PREFIX / "libexec/vecstore/vecstore-indexer"), "--data", str(folder / "a")])
    wal = harness.generation(folder / "a") / "meta.db-wal"
    try:
        harness.wait_for(lambda: not wal.exists() or wal.stat().st_size == 0, "an empty WAL")
    finally:
        indexer.terminate()
        indexer.wait(60)
    rest, _ = process.communicate(timeout=120)
    assert process.returncode == 0 and (first + rest).count(b"\n") == 20000


def test_output_is_whole_or_not_there(folder):
    """The old file stays until the new one is complete; an export that is cut off leaves nothing behind."""
    lines = "\n".join(json.dumps({"id": f"r{i}", "vector": [i + 0.5] * 50}) for i in range(20000)).encode()
    run("import", "-", "--data", folder / "a", stdin=lines, check=0)
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        (folder / "x.jsonl").write_text("old")
        process = subprocess.Popen(
            [harness.VECSTORE, "export", "--data", str(folder / "a"), "--output", str(folder / "x.jsonl")],
            stderr=subprocess.PIPE,
        )
        harness.wait_for(lambda: list(folder.glob("x.jsonl.*.tmp")) or process.poll() is not None, "a temporary file")
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        if process.returncode != 0:
            assert process.returncode == status and b"interrupted" in errors
            assert (folder / "x.jsonl").read_text() == "old"
        assert list(folder.glob("*.tmp")) == []
    os.symlink("x.jsonl", folder / "link.jsonl")
    export(folder / "a", "--output", folder / "link.jsonl")
    assert (folder / "link.jsonl").is_symlink() and (folder / "x.jsonl").read_bytes().count(b"\n") == 20000


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--namespace", "none"], "none"),
        (["--format", "npy"], "--output"),
        (["--output", "x.npy.gz"], ".gz"),
        (["--output", "/dev/null"], "no regular file"),
        (["--output", "none/x.jsonl"], "none/x.jsonl"),
        (["--ids", "ids"], "--ids"),
        (["--fields", "a"], "--fields"),
        (["--format", "fvecs", "--include-deleted"], "--include-deleted"),
        (["--filter", "a ="], "filter"),
    ],
)
def test_faults(flags, words, folder):
    run("import", "-", "--data", folder / "a", stdin=b'{"id": "a", "vector": [1]}', check=0)
    done = run("export", "--data", folder / "a", *flags, cwd=folder)
    assert done.returncode == 1 and words in done.stderr and done.stdout == "", done.stderr
    assert {path.name for path in folder.iterdir()} == {"a"}
    assert run("export", "--data", folder / "none").returncode == 1 and not (folder / "none").exists()


def test_full_disk_is_a_failure(folder):
    run("import", "-", "--data", folder / "a", stdin=b'{"id": "a", "vector": [1]}', check=0)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [harness.VECSTORE, "export", "--data", str(folder / "a")], stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == 1 and b"standard output" in done.stderr


def test_empty_namespace(folder):
    run("import", "-", "--data", folder / "a", stdin=b"", check=0)
    assert export(folder / "a") == ""
    assert export(folder / "a", "--format", "csv") == "id,vector,metadata,@expires_at\r\n"
    export(folder / "a", "--output", folder / "x.npy")
    assert numpy.load(folder / "x.npy").shape == (0, 0)
    assert struct.unpack("<H", (folder / "x.npy").read_bytes()[8:10]) == (118,)
