#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Measures vecstore beside the libraries that Python can install: hnswlib, FAISS, usearch, SymphonyQG, ScaNN, NGT, SVS.

All get the same vectors, the same 10,000 held-out queries (split as in bench/hnsw_compare) and the same exact answers,
which numpy works out here. Each system is a process of its own, so that one that fails does not take the others along, and
the resident memory of each is its own. They are built one after the other with two threads; then each round asks them in
turn, with one thread, all 10,000 queries in one batch call of theirs, so that Python costs none of them anything: vecstore,
which is C, loops over its queries itself. A sweep ends with the first point past the highest recall of the table.

Prints two markdown tables: build, memory and rates at 0.90, 0.95 and 0.99 (interpolated between the points of the sweep;
median of the rounds) as figures and as ratios to hnswlib; and the sweeps. MB is what the process grew by from having the
vectors to having built and answered everything, files that it maps included.

Packages are installed, at the versions below, into a virtual environment of its own (--venv) at the first run; a system that
cannot be installed or run is left out, and named. Needs python3-venv and `make bench/peer`.

  bench/peers.py words.fvecs
  bench/peers.py words.fvecs --rows 20000 --rounds 1 --only hnswlib,vecstore
"""

import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1]
sys.path = [path for path in sys.path if Path(path or ".").resolve() != SOURCE / "bench"]  # http.py is no module of Python's

import argparse
import importlib.metadata
import math
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
import time

TOP = 10
RECALLS = (0.90, 0.95, 0.99)
EFS = (10, 20, 30, 40, 60, 80, 100, 150, 200, 300, 400, 600, 800, 1200)
PACKAGES = {
    "numpy": "numpy==2.4.6",
    "hnswlib": "hnswlib==0.8.0",
    "faiss": "faiss-cpu==1.15.1",
    "usearch": "usearch==2.26.6",
    "rabitqlib": "rabitqlib==0.7.1",
    "scann": "scann==1.4.2",
    "ngtpy": "ngt==2.8.0.post1",
    "svs": "scalable-vs==0.5.0",
}
PATIENCE = 3600  # seconds, for one build or one batch of queries
VARIABLES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # set for the sake of old OpenBLAS; they slow a current one


# ---- the systems ----------------------------------------------------------------------------------------------
# Each is a function of (vectors, threads) that builds and returns a function of (queries, knob), which gives ids. Vectors
# have length 1, so inner product, cosine and L2 order alike.


def hnswlib_index(base, threads, m=16, efc=200):
    import hnswlib

    index = hnswlib.Index(space="ip", dim=base.shape[1])
    index.init_index(max_elements=len(base), M=m, ef_construction=efc, random_seed=100)
    index.add_items(base, num_threads=threads)

    def ask(queries, ef):
        index.set_ef(max(ef, TOP))
        return index.knn_query(queries, k=TOP, num_threads=1)[0]

    return ask


def hnswlib_m32(base, threads):
    return hnswlib_index(base, threads, 32, 400)


def faiss_flat(base, threads, m=16):
    import faiss

    index = faiss.IndexHNSWFlat(base.shape[1], m, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 200
    faiss.omp_set_num_threads(threads)
    index.add(base)
    faiss.omp_set_num_threads(1)

    def ask(queries, ef):
        index.hnsw.efSearch = ef
        return index.search(queries, TOP)[1]

    return ask


def faiss_m32(base, threads):
    return faiss_flat(base, threads, 32)


def faiss_sq8(base, threads):
    """8-bit codes, 40 of them re-scored with the float32 rows."""
    import faiss

    codes = faiss.IndexHNSWSQ(base.shape[1], faiss.ScalarQuantizer.QT_8bit, 16, faiss.METRIC_INNER_PRODUCT)
    codes.hnsw.efConstruction = 200
    index = faiss.IndexRefineFlat(codes)
    index.k_factor = 4
    faiss.omp_set_num_threads(threads)
    index.train(base)
    index.add(base)
    faiss.omp_set_num_threads(1)

    def ask(queries, ef):
        codes.hnsw.efSearch = ef
        return index.search(queries, TOP)[1]

    return ask


def usearch_of(dtype):
    def build(base, threads):
        import numpy
        from usearch.index import Index

        index = Index(ndim=base.shape[1], metric="ip", dtype=dtype, connectivity=16, expansion_add=200)
        index.add(numpy.arange(len(base)), base, threads=threads)

        def ask(queries, ef):
            index.expansion_search = ef
            return index.search(queries, TOP, threads=1).keys

        return ask

    return build


def symphonyqg_of(bits):
    """bits 0: float32 rows beside the 1-bit codes of the neighbours."""

    def build(base, threads):
        from rabitqlib import SymqgIndex

        index = SymqgIndex(base.shape[1], 32, "ip", bits)
        index.build(base, 200, num_threads=threads)
        return lambda queries, ef: index.search_batch(queries, TOP, max(ef, TOP), num_threads=1)[0]

    return build


def scann_ah(base, threads):
    """Partitions, product codes, 100 candidates re-scored. Not a graph: the knob is how many leaves are looked at."""
    from scann import scann_ops_pybind

    leaves = max(int(math.sqrt(len(base))), 10)
    builder = scann_ops_pybind.builder(base, TOP, "dot_product")
    builder.tree(leaves, max(leaves // 20, 1), training_sample_size=min(len(base), 250000))
    builder.score_ah(2, anisotropic_quantization_threshold=0.2).reorder(100)
    builder.set_n_training_threads(threads)
    index = builder.build()

    def ask(queries, knob):
        looked_at = min(max(round(leaves * knob / 1000), 1), leaves)
        return index.search_batched(queries, TOP, 100, looked_at)[0]

    return ask


def ngt_anng(base, threads):
    """The knob is a thousand times epsilon."""
    import ngtpy

    folder = tempfile.mkdtemp(prefix="ngt-", dir=os.getcwd())
    ngtpy.create(folder, base.shape[1], edge_size_for_creation=40, distance_type="Normalized Cosine")
    index = ngtpy.Index(folder, log_disabled=True)
    index.batch_insert(base, num_threads=threads)

    def ask(queries, knob):
        index.set(epsilon=knob / 1000, edge_size=0)
        results = ngtpy.BatchResults()
        index.batch_search(queries, results, TOP, False)
        return results.get_ids()

    return ask


def svs_vamana(base, threads):
    """float32: its compressed vectors are for one maker's processors alone."""
    import svs

    parameters = svs.VamanaBuildParameters(graph_max_degree=32, window_size=200)
    index = svs.Vamana.build(parameters, base, svs.DistanceType.MIP, num_threads=threads)
    index.num_threads = 1

    def ask(queries, ef):
        index.search_window_size = max(ef, TOP)
        return index.search(queries, TOP)[0]

    return ask


# name: (package, build, knobs). Graphs have M 16 and ef_construction 200, or degree 32, unless the name says otherwise.
# vecstore's are run by bench/peer.
SYSTEMS = {
    "hnswlib": ("hnswlib", hnswlib_index, EFS),
    "hnswlib-m32": ("hnswlib", hnswlib_m32, EFS),
    "faiss-hnsw": ("faiss", faiss_flat, EFS),
    "faiss-hnsw-m32": ("faiss", faiss_m32, EFS),
    "faiss-hnsw-sq8": ("faiss", faiss_sq8, EFS),
    "usearch-f32": ("usearch", usearch_of("f32"), EFS),
    "usearch-i8": ("usearch", usearch_of("i8"), EFS),
    "symphonyqg": ("rabitqlib", symphonyqg_of(0), EFS),
    "symphonyqg-8": ("rabitqlib", symphonyqg_of(8), EFS),
    "scann": ("scann", scann_ah, (5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 700, 1000)),
    "ngt-anng": ("ngtpy", ngt_anng, (0, 25, 50, 75, 100, 125, 150, 200, 250, 300, 400)),
    "svs-vamana": ("svs", svs_vamana, EFS),
    "vecstore": (None, "graph", EFS),
    "vecstore-store": (None, "store", EFS),
}
DEFAULT = [name for name in SYSTEMS if not name.endswith(("-m32", "-sq8", "-i8"))]


# ---- a process that is one system: the protocol is in bench/peer.cc ----------------------------------------------


def read_fvecs(path):
    import numpy

    raw = numpy.fromfile(path, dtype="<i4")
    return numpy.ascontiguousarray(raw.reshape(-1, raw[0] + 1)[:, 1:]).view("<f4")


def resident():
    """Bytes of this process, after giving back what it has freed."""
    import ctypes
    import gc

    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def serve(name, folder, threads):
    """Answers on what was standard output; libraries that print there print to standard error."""
    import numpy

    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.chdir(folder)
    package, build, _ = SYSTEMS[name]
    base, queries = read_fvecs("base.fvecs"), read_fvecs("queries.fvecs")
    __import__(package)
    before = resident()
    start, start_cpu = time.perf_counter(), time.process_time()
    ask = build(base, threads)
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    print("built", seconds, cpu, resident() - before, file=out, flush=True)
    for line in sys.stdin:
        knob = int(line.split()[1])
        start, start_cpu = time.perf_counter(), time.process_time()
        found = ask(queries, knob)
        seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
        numpy.array(found).astype("<u4").tofile(f"{name}.found")
        print("asked", seconds, cpu, resident() - before, file=out, flush=True)


class System:
    """The process of one system, seen from outside."""

    def __init__(self, name, options, folder):
        package, build, self.knobs = SYSTEMS[name]
        self.name, self.folder, self.points, self.failed = name, folder, {}, None
        if package is None:
            command = [options.peer, build, folder, str(options.threads)]
            self.found = folder / f"{build}.found"
        else:
            command = [sys.executable, __file__, "--serve", name, folder, "--threads", str(options.threads)]
            self.found = folder / f"{name}.found"
        self.log = open(folder / f"{name}.log", "w+")
        # Threads that a library starts by itself are one, unless it is told otherwise.
        environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
        self.process = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env=environment,
        )
        self.build, self.build_cpu, self.memory = self.hear("built") or (math.nan,) * 3

    def hear(self, word):
        """Three numbers; None, and self.failed set, when the process has given up."""
        watchdog = threading.Timer(PATIENCE, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline().split()
        watchdog.cancel()
        if line[:1] == [word]:
            return tuple(map(float, line[1:4]))
        self.process.wait()
        self.log.seek(0)
        said = self.log.read().strip().splitlines()
        self.failed = said[-1] if said else f"ended with status {self.process.returncode}"
        return None

    def ask(self, knob, truth, by_cpu):
        import numpy

        try:
            self.process.stdin.write(f"ask {knob}\n")
            self.process.stdin.flush()
        except OSError:
            pass  # hear says why
        heard = self.hear("asked")
        if heard is None:
            return
        seconds, cpu, self.memory = heard
        if cpu > 1.3 * seconds and seconds > 0.2:
            say(f"{self.name} used {cpu / seconds:.1f} threads to answer")
        found = numpy.fromfile(self.found, dtype="<u4").reshape(-1, TOP)
        recall = numpy.mean([len(set(a) & set(b)) for a, b in zip(found.tolist(), truth.tolist())]) / TOP
        point = self.points.setdefault(knob, {"recall": recall, "rates": []})
        point["rates"].append(len(truth) / (cpu if by_cpu else seconds))

    def sweep(self):
        """(recall, rate) with falling rates: a point that another beats in both is left out."""
        points = sorted(
            ((point["recall"], statistics.median(point["rates"])) for point in self.points.values()), reverse=True
        )
        best, front = 0.0, []
        for recall, rate in points:
            if rate > best:
                best = rate
                front.append((recall, rate))
        return front[::-1]

    def rate_at(self, recall):
        """Logarithmic between the points around it; 0 out of reach."""
        front = self.sweep()
        if front and front[0][0] >= recall:
            return front[0][1]
        for (low, faster), (high, slower) in zip(front, front[1:]):
            if low <= recall <= high:
                part = (recall - low) / (high - low)
                return math.exp(math.log(faster) * (1 - part) + math.log(slower) * part)
        return 0.0

    def close(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()


# ---- the run --------------------------------------------------------------------------------------------------


def say(text):
    print(f"peers.py: {text}", file=sys.stderr, flush=True)


def exact(base, queries):
    """Ids of the TOP nearest by inner product, by brute force."""
    import numpy

    found = []
    for start in range(0, len(queries), 64):
        near = queries[start : start + 64] @ base.T
        found.append(numpy.argpartition(-near, TOP, axis=1)[:, :TOP])
    return numpy.concatenate(found)


def build_all(names, options, folder):
    systems = []
    for name in names:
        say(f"building {name}")
        system = System(name, options, folder)
        if system.failed:
            say(f"{name} failed: {system.failed}")
        else:
            say(f"{name} built in {system.build:.1f} s")
        systems.append(system)
    return systems


def measure(systems, truth, options):
    for number in range(options.rounds):
        say(f"round {number + 1} of {options.rounds}")
        for place in range(max(len(system.knobs) for system in systems)):
            for system in systems:
                if system.failed or place >= len(system.knobs):
                    continue
                before = system.points.get(system.knobs[place - 1]) if place else None
                if before is None and place or before and before["recall"] > RECALLS[-1] + 0.001:
                    continue
                system.ask(system.knobs[place], truth, options.cpu_time)


def print_tables(systems, base, truth, options):
    first = systems[0]
    clock = "processor time" if options.cpu_time else "wall clock"
    print(
        f"{len(base)} vectors, {base.shape[1]}-d, cosine; {len(truth)} queries, top {TOP}, one thread, each system's batch "
        f"call; {options.threads} threads to build; {clock}; median of {options.rounds} interleaved rounds.\n"
    )
    head = " | ".join(f"q/s at {recall:.2f}" for recall in RECALLS)
    ratios = " | ".join(f"ratio at {recall:.2f}" for recall in RECALLS)
    print(f"| system | build, s | CPU s | MB | {head} | build ratio | MB ratio | {ratios} |")
    print("| --- |" + " ---: |" * (5 + 2 * len(RECALLS)))
    for system in systems:
        if system.failed:
            continue
        rates = [system.rate_at(recall) for recall in RECALLS]
        theirs = [first.rate_at(recall) for recall in RECALLS]
        cells = [f"{system.build:.1f}", f"{system.build_cpu:.1f}", f"{system.memory / 1e6:.0f}"]
        cells += [f"{rate:,.0f}" if rate else "not reached" for rate in rates]
        cells += [f"{system.build / first.build:.2f}", f"{system.memory / first.memory:.2f}"]
        cells += [f"{a / b:.2f}" if a and b else "–" for a, b in zip(rates, theirs)]
        print(f"| {system.name} | {' | '.join(cells)} |")
    print("\n| system | knob | recall | q/s |\n| --- | ---: | ---: | ---: |")
    for system in systems:
        for knob, point in system.points.items():
            print(f"| {system.name} | {knob} | {point['recall']:.4f} | {statistics.median(point['rates']):,.0f} |")
    for system in systems:
        if system.failed:
            print(f"\nLeft out: {system.name}: {system.failed}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="FILE.fvecs")
    parser.add_argument("--rows", type=int, default=0, help="store the first N only (%(default)s: all but the queries)")
    parser.add_argument("--rounds", type=int, default=3, help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="that build (%(default)s)")
    parser.add_argument("--only", help=f"of {','.join(SYSTEMS)}; ratios are to the first (default: {','.join(DEFAULT)})")
    parser.add_argument("--cpu-time", action="store_true", help="rates by processor time, for machines that are busy")
    parser.add_argument("--peer", type=Path, default=SOURCE / "build/bench/peer", help="(%(default)s)")
    parser.add_argument("--venv", type=Path, default=SOURCE / "build/peers", help="(%(default)s)")
    parser.add_argument("--keep", type=Path, help="folder for the split and the logs; removed when not given")
    options = parser.parse_args()
    options.names = options.only.split(",") if options.only else DEFAULT
    unknown = [name for name in options.names if name not in SYSTEMS]
    if unknown:
        parser.error(f"no such system: {', '.join(unknown)}")
    if not options.peer.exists():
        parser.error(f"{options.peer} is not built: make bench/peer")
    return options


def installed(requirement):
    name, version = requirement.split("==")
    try:
        return importlib.metadata.version(name) == version
    except importlib.metadata.PackageNotFoundError:
        return False


def enter_venv(options):
    """Makes the virtual environment, installs what the systems need, and goes on in it."""
    python = options.venv.resolve() / "bin/python"
    if Path(sys.prefix) != options.venv.resolve():
        if not python.exists():
            say(f"making {options.venv}")
            subprocess.run([sys.executable, "-m", "venv", options.venv], check=True)
        environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        os.execve(python, [str(python), __file__, *sys.argv[1:]], environment)
    for package in ["numpy"] + sorted({SYSTEMS[name][0] for name in options.names} - {None}):
        if not installed(PACKAGES[package]):
            say(f"installing {PACKAGES[package]}")
            subprocess.run([python, "-m", "pip", "install", "-q", PACKAGES[package]], stdout=2)


def main():
    if sys.argv[1:2] == ["--serve"]:
        return serve(sys.argv[2], sys.argv[3], int(sys.argv[5]))
    options = arguments()
    enter_venv(options)
    folder = options.keep or Path(tempfile.mkdtemp(prefix="vecstore-peers-"))
    folder.mkdir(parents=True, exist_ok=True)
    systems = []
    try:
        subprocess.run([options.peer, "split", options.file, folder, str(options.rows)], check=True)
        base, queries = read_fvecs(folder / "base.fvecs"), read_fvecs(folder / "queries.fvecs")
        say(f"exact answers of {len(queries)} queries among {len(base)} vectors")
        truth = exact(base, queries)
        systems = build_all(options.names, options, folder)
        if systems[0].failed:
            sys.exit(f"peers.py: nothing to compare with: {systems[0].name} failed")
        measure(systems, truth, options)
        print_tables(systems, base, truth, options)
    finally:
        for system in systems:
            system.close()
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
