#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the whole service over HTTP: vecstore serve with its lighttpd, asked by wrk.

Imports FILE into a new data folder but for the held-out queries, waits until everything is indexed, finds the ef that
gives the recall wanted (recall@10 against exact answers), and prints a markdown table:

  queries/s with p50 and p99 through lighttpd, for JSON, base64 and raw float32 bodies, beside the engine alone
      (vecstore bench on the same folder, one thread) and the empty request /health;
  a durable batch upsert of 1,000 vectors, median of 30: alone, and while the indexer works on those before;
  from the start of the server with these data to its first correct answer, median of 10;
  resident memory of the whole service, shared pages counted once (Pss of every process).

Every rate is the median of the rounds; wrk runs on the same machine, so it takes its share of the cores. Needs wrk,
lighttpd, python3-numpy and an installed vecstore (--prefix or $VECSTORE_PREFIX; default: build/root).

  bench/http.py                                   the 30,000 words of examples/
  bench/http.py --held-out 10000 words.fvecs      the full set, as examples/make-words-full makes it
"""

import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1]
sys.path[0] = str(SOURCE / "tests/blackbox")  # for harness; and not this folder, whose http.py would hide Python's own

import argparse
import base64
import gzip
import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time

import numpy


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "file", nargs="?", default=SOURCE / "examples/words-30k.jsonl.gz", type=Path, help=".jsonl, .jsonl.gz or .fvecs"
    )
    parser.add_argument("--prefix", help="where vecstore is installed")
    parser.add_argument("--metric", default="cosine", choices=("cosine", "euclidean", "dot"))
    parser.add_argument(
        "--held-out", type=int, default=1000, help="vectors that are kept back as queries (%(default)s)"
    )
    parser.add_argument(
        "--recall", type=float, default=0.95, help="recall@10 at which rates are measured (%(default)s)"
    )
    parser.add_argument("--workers", type=int, default=4, help="workers of the server (%(default)s)")
    parser.add_argument("--connections", type=int, default=8, help="connections of wrk (%(default)s)")
    parser.add_argument("--seconds", type=int, default=5, help="length of one round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each variant (%(default)s)")
    parser.add_argument(
        "--cache", type=int, default=0, help="MiB of query cache (%(default)s: off, for wrk asks the same again)"
    )
    parser.add_argument("--output", type=Path, help="write the table there, too")
    return parser.parse_args()


def read_vectors(path):
    """All vectors of a file, in its order."""
    if path.suffix == ".fvecs":
        raw = numpy.fromfile(path, dtype="<i4")
        return raw.reshape(-1, raw[0] + 1)[:, 1:].view("<f4")
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else open(path)
    with opened as lines:
        vectors = [json.loads(line)["vector"] for line in lines]
    if isinstance(vectors[0], str):
        return numpy.array([numpy.frombuffer(base64.b64decode(vector), dtype="<f4") for vector in vectors])
    return numpy.array(vectors, dtype="<f4")


def write_stored(path, keep, folder):
    """The file without its held-out records, for the import. Returns its path and the ids."""
    if path.suffix == ".fvecs":
        raw = numpy.fromfile(path, dtype="<i4")
        rows = raw.reshape(-1, raw[0] + 1)[keep]
        rows.tofile(folder / "stored.fvecs")
        return folder / "stored.fvecs", [str(row) for row in range(len(rows))]
    ids = []
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else open(path)
    with opened as lines, open(folder / "stored.jsonl", "w") as out:
        for line, kept in zip(lines, keep):
            if kept:
                ids.append(json.loads(line)["id"])
                out.write(line)
    return folder / "stored.jsonl", ids


def nearest(metric, rows, queries, k):
    """Row numbers of the k nearest, by brute force."""
    if metric == "cosine":
        rows = rows / numpy.linalg.norm(rows, axis=1, keepdims=True)
    sizes = (rows**2).sum(axis=1) if metric == "euclidean" else 0
    found = []
    for start in range(0, len(queries), 100):
        products = queries[start : start + 100] @ rows.T
        near = 2 * products - sizes
        found.append(numpy.argpartition(-near, k, axis=1)[:, :k])
    return numpy.concatenate(found)


def ask_raw(connection, query, ef, k=10):
    connection.request(
        "POST",
        f"/v1/query?limit={k}&ef={ef}&include_metadata=false",
        query.tobytes(),
        {"Content-Type": "application/octet-stream"},
    )
    answer = json.loads(connection.getresponse().read())
    return [result["id"] for result in answer["results"]]


def find_ef(client, queries, truth, wanted):
    """The smallest pool of the sweep with the recall wanted, and its recall."""
    connection = client.connect()
    for ef in (
        10,
        12,
        16,
        20,
        24,
        32,
        40,
        48,
        56,
        64,
        80,
        96,
        112,
        128,
        160,
        192,
        224,
        256,
        320,
        384,
        512,
        768,
        1024,
        1536,
        2048,
    ):
        hits = sum(len(set(ask_raw(connection, query, ef)) & ids) for query, ids in zip(queries, truth))
        recall = hits / (10 * len(queries))
        if recall >= wanted:
            break
    connection.close()
    return ef, recall


def write_bodies(folder, queries, ef):
    """What wrk sends, per variant: {name: (file, content type, target)}."""
    vectors = {
        "JSON": lambda q: [round(float(x), 6) for x in q],
        "base64": lambda q: base64.b64encode(q.tobytes()).decode(),
    }
    variants = {}
    for name, encode in vectors.items():
        bodies = [json.dumps({"vector": encode(q), "limit": 10, "ef": ef}).encode() for q in queries]
        variants[f"{name} body"] = bodies, "application/json", "/v1/query"
    variants["raw float32 body"] = (
        [q.tobytes() for q in queries],
        "application/octet-stream",
        f"/v1/query?limit=10&ef={ef}",
    )
    for name, (bodies, kind, target) in variants.items():
        path = folder / f"bodies-{name.split()[0]}"
        path.write_bytes(b"".join(b"%08x" % len(body) + body for body in bodies))
        variants[name] = path, kind, target
    return variants


def wrk(port, options, script=()):
    """Figures of one round; without a script, of GET /health."""
    url = f"http://127.0.0.1:{port}/health"
    command = (
        [
            "wrk",
            "-t1",
            f"-c{options.connections}",
            f"-d{options.seconds}s",
            "--timeout",
            "10s",
            "-s",
            SOURCE / "bench/query.lua",
            url,
            "--",
            *script,
        ]
        if script
        else ["wrk", "-t1", f"-c{options.connections}", f"-d{options.seconds}s", "--latency", url]
    )
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if script:
        figures = json.loads(re.search(r"^FIGURES (.*)$", output, re.M)[1])
        if figures["errors"]:
            sys.exit(f"wrk saw errors:\n{output}")
        return figures["requests"] / figures["seconds"], figures["p50_ms"], figures["p99_ms"]
    unit = {"us": 1e-3, "ms": 1, "s": 1e3}

    def percentile(p):
        value = re.search(rf"^\s*{p}%\s+([\d.]+)(us|ms|s)$", output, re.M)
        return float(value[1]) * unit[value[2]]

    return float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1]), percentile(50), percentile(99)


def median_rounds(measure, rounds):
    return [statistics.median(column) for column in zip(*(measure() for _ in range(rounds)))]


def time_batches(server, dimension, waiting):
    """Milliseconds of durable batch upserts of 1,000 new vectors, as JSON with base64 vectors."""
    rng = numpy.random.default_rng(1)
    times = []
    connection = server.client.connect()
    for n in range(30):
        vectors = rng.normal(size=(1000, dimension)).astype("<f4")
        records = [
            {"id": f"batch-{waiting}-{n}-{i}", "vector": base64.b64encode(v.tobytes()).decode()}
            for i, v in enumerate(vectors)
        ]
        body = json.dumps({"records": records}).encode()
        if waiting:
            server.wait_indexed()
        begin = time.perf_counter()
        connection.request("POST", "/v1/batch-upsert", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read()
        times.append((time.perf_counter() - begin) * 1000)
        if response.status != 200:
            sys.exit(f"batch upsert: {answer}")
    connection.close()
    return times


def time_starts(server, query, ef, right):
    """Milliseconds from the start of the process to the first correct answer, with existing data."""
    times = []
    for _ in range(10):
        server.stop()
        begin = time.perf_counter()
        with open(server.log, "ab") as log:
            server.process = subprocess.Popen(
                server.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **dict([server.tag.split("=")])},
            )
        while True:
            connection = server.client.connect()
            try:
                if ask_raw(connection, query, ef, 1) == [right]:
                    break
            except (OSError, ValueError, KeyError):
                time.sleep(0.002)
            finally:
                connection.close()
        times.append((time.perf_counter() - begin) * 1000)
        server.wait_whole()
    return times


def memory(server):
    """MiB of Pss: {program: (processes, all, of it private)}."""
    sums = {}
    for process in server.tree():
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        pss, anonymous = (int(re.search(rf"^{name}:\s+(\d+) kB", text, re.M)[1]) / 1024 for name in ("Pss", "Pss_Anon"))
        count, total, private = sums.get(process.program(), (0, 0, 0))
        sums[process.program()] = count + 1, total + pss, private + anonymous
    return sums


def engine_alone(harness, data, ef):
    """Queries per second of `vecstore bench` on one thread with this pool: its row's third column."""
    output = harness.run("bench", "--data", data, "--ef", ef, check=0).stdout
    rows = [line.split() for line in output.splitlines()]
    return next(float(row[2]) for row in rows if row and row[0] == str(ef))


def main():
    options = arguments()
    if options.prefix:
        os.environ["VECSTORE_PREFIX"] = options.prefix
    import harness  # reads the variable

    vectors = read_vectors(options.file)
    keep = numpy.ones(len(vectors), dtype=bool)
    keep[numpy.linspace(0, len(vectors) - 1, options.held_out).astype(int)] = False
    queries, rows = numpy.ascontiguousarray(vectors[~keep]), vectors[keep]
    folder = Path(tempfile.mkdtemp(prefix="vecstore-bench-"))
    server = harness.Server(data=folder / "data", workers=options.workers, args=["--metric", options.metric, "--cache", str(options.cache)])
    try:
        lines = measure(options, harness, server, folder, rows, queries, keep)
        server.stop()
    finally:
        server.destroy()
        shutil.rmtree(folder)
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.output:
        options.output.write_text(text)


def measure(options, harness, server, folder, rows, queries, keep):
    stored, ids = write_stored(options.file, keep, folder)
    begin = time.perf_counter()
    harness.run("import", stored, "--data", server.data, "--metric", options.metric, check=0)
    imported = time.perf_counter() - begin
    server.start()
    server.wait_indexed(3600)
    indexed = time.perf_counter() - begin - imported

    sample = queries[:: max(1, len(queries) // 500)]
    truth = [{ids[row] for row in found} for found in nearest(options.metric, rows, sample, 10)]
    ef, recall = find_ef(server.client, sample, truth, options.recall)
    dimension = rows.shape[1]
    lines = [
        f"{len(rows):,} × {dimension} from {options.file.name}, {options.metric}; {options.workers} workers, "
        f"{os.cpu_count()} cores; ef {ef}: "
        f"recall@10 {recall:.3f}; import {imported:.1f} s, then indexed in {indexed:.1f} s.",
        "",
        f"| lighttpd, {options.connections} connections | requests/s | p50 ms | p99 ms | of the engine |",
        "| --- | --- | --- | --- | --- |",
    ]
    alone = engine_alone(harness, server.data, ef)
    variants = write_bodies(folder, queries, ef)
    for name, script in variants.items():
        wrk(server.port, options, script)  # warm
    for name, script in [*variants.items(), ("GET /health", ())]:
        rate, p50, p99 = median_rounds(lambda: wrk(server.port, options, script), options.rounds)
        share = f"{rate / alone:.2f}" if script else "–"
        lines.append(f"| {name} | {rate:,.0f} | {p50:.2f} | {p99:.2f} | {share} |")
    lines += [f"| engine alone, one thread | {alone:,.0f} | – | – | 1 |", ""]

    resident = memory(server)
    lines += ["| memory after these queries (Pss) | processes | MiB | of it private |", "| --- | --- | --- | --- |"]
    for program, (count, total, private) in sorted(resident.items()):
        lines.append(f"| {program} | {count} | {total:.1f} | {private:.1f} |")
    total, private = (sum(row[column] for row in resident.values()) for column in (1, 2))
    lines += [
        f"| **the whole service** | {sum(row[0] for row in resident.values())} | **{total:.1f}** | {private:.1f} |",
        "",
    ]

    starts = time_starts(server, rows[len(rows) // 2], max(ef, 100), ids[len(rows) // 2])
    alone_times = time_batches(server, dimension, True)
    busy_times = time_batches(server, dimension, False)
    lines += ["| time | median ms | least | most |", "| --- | --- | --- | --- |"]
    for name, times in (
        ("server start to the first correct answer", starts),
        (f"durable batch upsert of 1,000 × {dimension}, nothing else running", alone_times),
        (f"durable batch upsert of 1,000 × {dimension}, the indexer at work", busy_times),
    ):
        lines.append(
            f"| {name} ({len(times)} times) | {statistics.median(times):.1f} | {min(times):.1f} | {max(times):.1f} |"
        )
    return lines


if __name__ == "__main__":
    main()
