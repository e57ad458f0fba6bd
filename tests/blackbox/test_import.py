# SPDX-License-Identifier: Apache-2.0
"""vecstore import: formats made by numpy and csv, hostile files, bad records, kills and interruptions."""

import csv
import gzip
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import time

import numpy
import pytest

import harness
from harness import run

HALVES = numpy.array([[0.5, -2.0, 65504.0], [5.9604645e-08, -0.0, 1.0]], dtype="<f2")


def load(data, *flags):
    """The records of a data folder by id, as exported."""
    text = run("export", "--data", data, *flags, check=0).stdout
    records = [json.loads(line) for line in text.splitlines()]
    assert len({record["id"] for record in records}) == len(records)
    return {record["id"]: record for record in records}


def vectors(records, ids):
    return numpy.array([records[id]["vector"] for id in ids], dtype="<f4")


def write_csv(path, rows, **options):
    with open(path, "w", newline="", encoding="utf-8") as out:
        csv.writer(out, **options).writerows(rows)


# ---- npy and fvecs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["<f2", "<f4", "<f8"])
def test_npy(kind, folder):
    """Each float type, with row numbers as ids; float32 bit for bit."""
    array = numpy.random.default_rng(1).standard_normal((50, 7)).astype(kind)
    array[0, :4] = [-0.0, 1e-7, 6e-8, -6e-5]
    numpy.save(folder / "a.npy", array)
    run("import", folder / "a.npy", "--data", folder / "data", check=0)
    records = load(folder / "data")
    assert list(records) == sorted(map(str, range(50)))
    stored = vectors(records, map(str, range(50)))
    assert stored.tobytes() == array.astype("<f4").tobytes()


def test_npy_halves(folder):
    numpy.save(folder / "a.npy", HALVES)
    run("import", folder / "a.npy", "--data", folder / "data", check=0)
    assert vectors(load(folder / "data"), ["0", "1"]).tobytes() == HALVES.astype("<f4").tobytes()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_npy_versions_packed(version, folder):
    array = numpy.eye(4, dtype="<f4")
    with gzip.open(folder / "a.npy.gz", "wb") as out:
        numpy.lib.format.write_array(out, array, version=version)
    run("import", folder / "a.npy.gz", "--data", folder / "data", check=0)
    assert (vectors(load(folder / "data"), "0123") == array).all()


def test_npy_ids_and_metadata(folder):
    array = numpy.arange(1, 13, dtype="<f4").reshape(4, 3)
    numpy.save(folder / "a.npy", array[:3])
    numpy.save(folder / "b.npy", array[3:])
    (folder / "ids").write_text("a\nÄ b\nc,d\ne")
    (folder / "meta").write_text('{"n": 12345678901234567890123}\n{}\r\n{"t": "a  b"}\n{ "x" : [1, 2] }\n')
    run(
        *("import", folder / "a.npy", folder / "b.npy", "--ids", folder / "ids"),
        *("--metadata", folder / "meta", "--data", folder / "data"),
        check=0,
    )
    records = load(folder / "data")
    assert (vectors(records, ["a", "Ä b", "c,d", "e"]) == array).all()
    assert [records[id]["metadata"] for id in ["a", "Ä b", "c,d", "e"]] == [
        {"n": 12345678901234567890123},
        {},
        {"t": "a  b"},
        {"x": [1, 2]},
    ]


@pytest.mark.parametrize(
    "name, lines, place",
    [
        ("--ids", "a\nb\n", "side has no id for it"),
        ("--ids", "a\nb\nc\nd\n", "side:4"),
        ("--metadata", "{}\n{}\n", "side has no metadata for it"),
        ("--metadata", "{}\n{\n{}\n", "side:2"),
        ("--metadata", "{}\n[1]\n{}\n", "side:2"),
        ("--metadata", "{}\n{}\n{}\n{}\n", "side:4"),
    ],
)
def test_sides_that_do_not_fit(name, lines, place, folder):
    numpy.save(folder / "a.npy", numpy.ones((3, 2), dtype="<f4"))
    (folder / "side").write_text(lines)
    done = run("import", folder / "a.npy", name, folder / "side", "--data", folder / "data")
    assert done.returncode == 1 and place in done.stderr, done.stderr


def header(descr="<f4", order=False, shape=(3, 2), version=1, text=None):
    text = (text or str({"descr": descr, "fortran_order": order, "shape": shape})).encode() + b"\n"
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text


ROWS = numpy.ones((3, 2), dtype="<f4").tobytes()


BAD_NPY = [
    (b"", "npy file"),
    (b"\x93NUMPX\1\0", "npy file"),
    (b"\x93NUMPY\1\0", "ends within its header"),
    (b"\x93NUMPY\4\0\0\0\0\0", "version is 4.0"),
    (header(version=2)[:8] + b"\xff\xff\xff\xff", "claims to be 4294967295 bytes"),
    (header()[:40], "ends"),
    (header(text="{'descr': '<f4'}") + ROWS, "cannot be read"),
    (header(text="{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2") + ROWS, "cannot be read"),
    (header(text="{'descr': '<f4', 'fortran_order': Maybe, 'shape': (3, 2)}") + ROWS, "cannot be read"),
    (header(text="{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3, 2)}") + ROWS, "cannot be read"),
    (header(shape=(3, -2)) + ROWS, "cannot be read"),
    (header(shape=(10**30, 2)) + ROWS, "cannot be read"),
    (header(descr=">f4") + ROWS, "big-endian"),
    (header(descr="<i4") + ROWS, "<i4"),
    (header(order=True) + ROWS, "Fortran"),
    (header(shape=(6,)) + ROWS, "1 dimensions"),
    (header(shape=(3, 1, 2)) + ROWS, "3 dimensions"),
    (header(shape=(3, 0)), "0 dimensions"),
    (header(shape=(1, 8193)) + bytes(4 * 8193), "8193 dimensions"),
    (header(shape=(2**62, 2)) + ROWS, "claims 4611686018427387904 rows"),
    (header(shape=(4, 2)) + ROWS, "claims 4 rows"),
    (header(shape=(2, 2)) + ROWS, "claims 2 rows"),
    (header() + ROWS[:-1], "2 rows and 7 bytes"),
    (header() + ROWS + b"x", "3 rows and 1 bytes"),
]


@pytest.mark.parametrize("content, words", BAD_NPY, ids=range(len(BAD_NPY)))
def test_bad_npy(content, words, folder):
    """By a file, and by a pipe whose size nobody knows: named, and nothing or only what came before is stored."""
    (folder / "bad.npy").write_bytes(content)
    done = run("import", folder / "bad.npy", "--data", folder / "data")
    assert done.returncode == 1 and "bad.npy" in done.stderr and words in done.stderr, done.stderr
    done = run("import", "-", "--format", "npy", "--data", folder / "piped", stdin=content)
    assert done.returncode == 1 and "standard input" in done.stderr, done.stderr


@pytest.mark.parametrize("value", [numpy.nan, numpy.inf, 1e300])
def test_npy_not_finite(value, folder):
    array = numpy.ones((4, 3))
    array[2, 1] = value
    numpy.save(folder / "a.npy", array)
    done = run("import", folder / "a.npy", "--data", folder / "data")
    assert done.returncode == 1 and re.search(r"a\.npy: vector 2: vector, position 1", done.stderr), done.stderr
    assert len(load(folder / "data")) == 2
    done = run("import", folder / "a.npy", "--data", folder / "data", "--on-error", "skip")
    assert done.returncode == 3 and sorted(load(folder / "data")) == ["0", "1", "3"]


def test_vecs(folder):
    """ivecs and bvecs; an integer that float32 would round is refused."""
    ints = numpy.array([[1, -2, 16777216], [7, 8, 9]], dtype="<i4")
    (folder / "a.ivecs").write_bytes(b"".join(struct.pack("<i", 3) + row.tobytes() for row in ints))
    run("import", folder / "a.ivecs", "--data", folder / "i", check=0)
    assert (vectors(load(folder / "i"), "01") == ints).all()
    octets = numpy.array([[0, 255, 7], [128, 1, 2]], dtype="u1")
    (folder / "a.bvecs").write_bytes(b"".join(struct.pack("<i", 3) + row.tobytes() for row in octets))
    run("import", folder / "a.bvecs", "--data", folder / "b", check=0)
    assert (vectors(load(folder / "b"), "01") == octets).all()
    (folder / "bad.ivecs").write_bytes(struct.pack("<iii", 2, 1, 16777217))
    done = run("import", folder / "bad.ivecs", "--data", folder / "i")
    assert done.returncode == 1 and "exactly" in done.stderr


# ---- CSV ------------------------------------------------------------------------------------------------------


def test_csv_types(folder):
    """What a column holds by itself: numbers, true, false and null as such, what is quoted as text."""
    (folder / "a.csv").write_bytes(
        b'\xef\xbb\xbfid,vector,n,flag,t,big\r\na,"[1, 2.5e0]",5,true,word,123456789012345678901234567890\r\n'
        b'"b","[-0.0,1e-45]",-0.5e3,false,"5",\n\r\n"c ""d""\n",[3],,null,"","true"\r\n'.replace(b"[3]", b'"[3,4]"')
    )
    run("import", folder / "a.csv", "--data", folder / "data", check=0)
    records = load(folder / "data")
    assert {id: record["metadata"] for id, record in records.items()} == {
        "a": {"n": 5, "flag": True, "t": "word", "big": 123456789012345678901234567890},
        "b": {"n": -500.0, "flag": False, "t": "5"},
        'c "d"\n': {"flag": None, "t": "", "big": "true"},
    }
    assert vectors(records, "b").tobytes() == numpy.array([-0.0, 1e-45], dtype="<f4").tobytes()


def test_csv_columns(folder):
    """Named columns and types, numbered vector columns in any order, another delimiter."""
    rows = [["x2", "x0", "x1", "key", "year", "ok", "tags", "note", ""]]
    rows += [[3, 1, 2, "k1", "1999", "yes", '["a", 1]', "12", "junk"], [6, 4, 5, "k2", "", "0", "", "", ""]]
    write_csv(folder / "a.tsv", rows, delimiter="\t", quoting=csv.QUOTE_ALL)
    columns = "x*:vector,key:id,year:number,ok:boolean,tags:json,note:text,:skip"
    run("import", folder / "a.tsv", "--columns", columns, "--data", folder / "data", check=0)
    records = load(folder / "data")
    assert vectors(records, ["k1", "k2"]).tolist() == [[1, 2, 3], [4, 5, 6]]
    assert records["k1"]["metadata"] == {"year": 1999, "ok": True, "tags": ["a", 1], "note": "12"}
    assert records["k2"]["metadata"] == {"ok": False, "note": ""}


def test_csv_of_numpy(folder):
    """v0, v1, … and ids from a file."""
    array = numpy.random.default_rng(2).standard_normal((20, 30)).astype("<f4")
    names = ",".join(f"v{i}" for i in range(30))
    numpy.savetxt(folder / "a.csv", array, delimiter=",", header=names, comments="", fmt="%.9g")
    (folder / "ids").write_text("".join(f"id {i}\n" for i in range(20)))
    run("import", folder / "a.csv", "--ids", folder / "ids", "--data", folder / "data", check=0)
    assert vectors(load(folder / "data"), [f"id {i}" for i in range(20)]).tobytes() == array.tobytes()


GOOD = 'id,vector,n\na,"[1,2]",1\n'


@pytest.mark.parametrize(
    "text, flags, words",
    [
        ("", [], "header"),
        ("\ufeffid,vector\n".encode("utf-16"), [], "UTF-16"),
        ("id,text\na,b\n", [], "no column 'vector'"),
        ("vector\n[1]\n", [], "no column 'id'"),
        ("id,vector,id\n", [], "two columns are called 'id'"),
        ("id,vector,\n", [], "column 3 has no name"),
        ("id,v0,v2\n", [], "v2"),
        ("id,vector\n", ["--columns", "no:id"], "no column 'no'"),
        ("id,vector\n", ["--columns", "id:key"], "'id:key'"),
        ("id,vector\n", ["--columns", "id:vector,vector:vector"], "no column 'id'"),
        ('id,"vector\na,b\n', [], "never closed"),
        (GOOD + 'b,"[1,2]"\n', [], "bad.csv:3: it has 2 fields, but the header has 3"),
        (GOOD + 'b,"[1,2]",3,4\n', [], "bad.csv:3: it has 4 fields"),
        (GOOD + 'b,"[1,2]",3\nc,"[1,2]\n', [], "bad.csv:4: a double quote is never closed"),
        (GOOD + 'b,"[1,2]",x"y"\n', [], "bad.csv:3: row, position 11"),
        (GOOD + 'b,"[1,2]"x,3\n', [], "bad.csv:3: row, position 9"),
        (GOOD + 'b,"[1,\n\n2]","x"\nc,1,2\n', [], "bad.csv:6: vector: must be a JSON array"),
        (GOOD + 'b,"[1,x]",3\n', [], "bad.csv:3: vector, position 1: is not a number"),
        (GOOD + 'b,"[1,2",3\n', [], "bad.csv:3: vector, position 1: a comma or ] is missing"),
        (GOOD + 'b,"[1,nan]",3\n', [], "bad.csv:3: vector, position 1"),
        (GOOD + 'b,"[1,1e39]",3\n', [], "bad.csv:3: vector, position 1: is beyond"),
        (GOOD + 'b,"[1,2,3]",3\n', [], "bad.csv:3: vector: 3 numbers; this namespace has dimension 2"),
        (GOOD + ',"[1,2]",3\n', [], "bad.csv:3: id: "),
        (GOOD + 'b,"[1,2]",x\n', ["--columns", "n:number"], "bad.csv:3: n: 'x' is not a number"),
        (GOOD + 'b,"[1,2]",x\n', ["--columns", "n:boolean"], "bad.csv:3: n: 'x' is neither true nor false"),
        (GOOD + 'b,"[1,2]","1,""x"":2"\n', ["--columns", "n:json"], "bad.csv:3: n: is not one JSON value"),
        (GOOD + 'b,"[1,2]",[\n', ["--columns", "n:json"], "bad.csv:3: n: is not JSON"),
        (GOOD + 'b,"[1,2]",99\n', ["--columns", "n:expires_at"], "bad.csv:2: n: '1' is neither a time"),
        (GOOD.replace(",1\n", ",\n") + 'b,"[1,2]",2026-02-30\n', ["--columns", "n:expires_at"], "bad.csv:3: n: '2026-02-30'"),
        (GOOD.replace(",1\n", ",{}\n") + 'b,"[1,2]",5\n', ["--columns", "n:metadata"], "bad.csv:3: n: must be a JSON"),
        (GOOD.encode() + b'b,"[1,2]",\xff\n', [], "bad.csv:3: n, position 0: is not valid UTF-8"),
        (GOOD.encode() + b'b,"[1,2]",\0\n', [], "bad.csv:3: a NUL byte"),
        (GOOD, ["--delimiter", '"'], "--delimiter"),
    ],
)
def test_bad_csv(text, flags, words, folder):
    (folder / "bad.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    done = run("import", folder / "bad.csv", *flags, "--data", folder / "data")
    assert done.returncode == 1 and words in done.stderr, done.stderr


# ---- bad records ----------------------------------------------------------------------------------------------

MIXED = [
    '{"id": "a", "vector": [1, 2], "metadata": {"n": 1}}',
    '{"id": "b", "vector": [1, 2',
    '{"id": "c", "vector": [0, 0]}',
    "",
    '{"id": "d", "vector": [1, 2, 3]}',
    '{"id": "", "vector": [1, 2]}',
    '{"id": "e", "vector": [3, 4], "what": 1}',
    '{"id": "f", "vector": [5, 6]}',
]


@pytest.mark.parametrize("suffix", ["parquet", "npz"])
def test_formats_that_are_not_read(suffix, folder):
    (folder / f"a.{suffix}").write_bytes(b"PAR1")
    done = run("import", folder / f"a.{suffix}", "--data", folder / "data")
    assert done.returncode == 1 and f".{suffix} files are not read" in done.stderr


def test_long_paths(folder):
    """The end of a path and the line are told, whatever its length."""
    deep = folder / ("d" * 200)
    deep.mkdir()
    (deep / "bad.jsonl").write_text(MIXED[0] + "\n{\n")
    done = run("import", deep / "bad.jsonl", "--data", folder / "data")
    assert done.returncode == 1 and "d/bad.jsonl:2: record, position 1: the JSON text ends" in done.stderr, done.stderr


def test_progress_on_a_terminal(folder):
    """A bar with rate and time left, taken away at the end."""
    write_many(folder / "a.jsonl.gz", 20000)
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [harness.VECSTORE, "import", str(folder / "a.jsonl.gz"), "--batch", "100", "--data", str(folder / "data")],
        stdout=subprocess.PIPE,
        stderr=child,
    )
    os.close(child)
    shown = b""
    try:
        while piece := os.read(parent, 4096):
            shown += piece
    except OSError:  # the other end is closed
        pass
    os.close(parent)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert re.search(rb"\d+% \[#*\.+\] \d+ records, \d+/s", shown) and shown.endswith(b"\r\x1b[K"), shown[-200:]


@pytest.mark.parametrize("dry", [False, True])
def test_skip_bad_records(dry, folder):
    """The good ones are stored, the others counted and written down with their places and their text."""
    (folder / "a.jsonl").write_text("\n".join(MIXED) + "\n")
    flags = ["--on-error", "skip", "--rejects", folder / "rejects", "--data", folder / "data"]
    done = run("import", folder / "a.jsonl", *flags, *(["--dry-run"] if dry else []), check=3)
    assert "5 are refused" in done.stdout if dry else "5 refused" in done.stdout
    rejects = [json.loads(line) for line in (folder / "rejects").read_text().splitlines()]
    assert {int(reject["place"].rsplit(":", 1)[1]) for reject in rejects} == {2, 3, 5, 6, 7}
    for reject in rejects:
        assert reject["input"] == MIXED[int(reject["place"].rsplit(":", 1)[1]) - 1] and reject["error"]
    assert done.stderr.count("refused: ") == 5
    if dry:
        assert not (folder / "data").exists()
    else:
        assert list(load(folder / "data")) == ["a", "f"]


def test_dry_run(folder):
    """Nothing is made; a namespace that is there decides the dimension."""
    (folder / "a.jsonl").write_text('{"id": "a", "vector": [1, 2]}\n')
    done = run("import", folder / "a.jsonl", "--dry-run", "--data", folder / "data", check=0)
    assert "1 can be imported" in done.stdout and not (folder / "data").exists()
    run("import", "-", "--data", folder / "data", stdin=b'{"id": "x", "vector": [1, 2, 3]}', check=0)
    done = run("import", folder / "a.jsonl", "--dry-run", "--data", folder / "data")
    assert done.returncode == 1 and "a.jsonl:1: vector: 2 numbers" in done.stderr
    assert list(load(folder / "data")) == ["x"]


# ---- cut off and resumed --------------------------------------------------------------------------------------


def write_many(path, count):
    array = numpy.random.default_rng(3).standard_normal((count, 8)).astype("<f4")
    with gzip.open(path, "wt", compresslevel=1) as out:
        for i, row in enumerate(array):
            record = {"id": f"r{i}", "vector": [float(x) for x in row], "metadata": {"n": i, "t": "é"}}
            out.write(json.dumps(record) + "\n")
    return array


def versions(data):
    """Versions by id, by the server's own word."""
    environment = {**os.environ, "VECSTORE_DATA": str(data), "REQUEST_METHOD": "GET", "REMOTE_ADDR": "127.0.0.1"}
    cursor, found = "", {}
    while cursor is not None:
        environment["REQUEST_URI"] = f"/v1/records?limit=1000{cursor and '&cursor=' + cursor}"
        answer = subprocess.run([harness.WORKER], env=environment, capture_output=True, stdin=subprocess.DEVNULL)
        page = json.loads(answer.stdout.split(b"\r\n\r\n", 1)[1])
        found.update((record["id"], record["version"]) for record in page["records"])
        cursor = page["next_cursor"]
    return found


def kill_imports(data, arguments, kills, number=signal.SIGKILL):
    """Starts the import again and again and kills it each time that its journal has moved, a little later; then lets it
    end: its output."""
    command = [harness.VECSTORE, "import", *map(str, arguments), "--batch", "50", "--resume", "--data", str(data)]
    killed = 0
    for i in range(kills):
        before = journal(data)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        harness.wait_for(lambda: journal(data) not in (before, b"") or process.poll() is not None, "a commit")
        time.sleep(0.003 * (i % 7))
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        killed += process.returncode != 0
        assert process.returncode in (0, -number, 128 + number), errors
    done = run(*command[1:], check=0)
    assert killed > 0 and "skipped" in done.stdout
    return done


def journal(data):
    """How far the journal says that the import is; empty at its beginning."""
    texts = [path.read_bytes().split(b"row")[0] for path in data.glob("imports/*")]
    return b"" if texts in ([], [b""]) or b"file 0\nrecord 0\n" in texts[0] else texts[0]


def test_kills_and_resumes(folder):
    """kill -9 in the middle, many times: every record is there, and was stored exactly once (its version is 1)."""
    array = write_many(folder / "a.jsonl.gz", 4000)
    kill_imports(folder / "data", [folder / "a.jsonl.gz"], 12)
    records = load(folder / "data")
    ids = [f"r{i}" for i in range(4000)]
    assert vectors(records, ids).tobytes() == array.tobytes()
    assert [records[id]["metadata"]["n"] for id in ids] == list(range(4000))
    assert len(records) == 4000 and set(versions(folder / "data").values()) == {1}
    assert list((folder / "data/imports").iterdir()) == []
    harness.check_store(folder / "data")


def test_interrupts_end_between_batches(folder):
    write_many(folder / "a.jsonl.gz", 3000)
    kill_imports(folder / "data", [folder / "a.jsonl.gz"], 5, signal.SIGINT)
    assert len(versions(folder / "data")) == 3000 and set(versions(folder / "data").values()) == {1}


def test_interrupt_says_how_to_go_on(folder):
    """Even while it waits for input; the batches before that are stored."""
    process = subprocess.Popen(
        [harness.VECSTORE, "import", "-", "--data", str(folder / "data")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdin.write(b'{"id": "a", "vector": [1]}\n' * 30000)
    process.stdin.flush()
    harness.wait_for(lambda: run("export", "--data", folder / "data").stdout, "the first batch")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130 and b"--resume" in errors and b"interrupted" in errors, errors
    assert list(load(folder / "data")) == ["a"]


def test_resume_of_several_files(folder):
    """Files, ids and metadata stay in step."""
    arrays = [numpy.random.default_rng(i).standard_normal((700, 4)).astype("<f4") for i in range(3)]
    names = [folder / f"{i}.npy" for i in range(3)]
    for name, array in zip(names, arrays):
        numpy.save(name, array)
    (folder / "ids").write_text("".join(f"id{i}\n" for i in range(2100)))
    (folder / "meta").write_text("".join(f'{{"n":{i}}}\n' for i in range(2100)))
    kill_imports(folder / "data", [*names, "--ids", folder / "ids", "--metadata", folder / "meta"], 10)
    records = load(folder / "data")
    assert vectors(records, [f"id{i}" for i in range(2100)]).tobytes() == numpy.concatenate(arrays).tobytes()
    assert all(records[f"id{i}"]["metadata"] == {"n": i} for i in range(2100))
    assert set(versions(folder / "data").values()) == {1}


def test_resume_after_mending(folder):
    """The bad line is mended, so the file is another one: what is stored is compared and left alone."""
    lines = [json.dumps({"id": f"r{i}", "vector": [i + 1, 2]}) for i in range(100)]
    (folder / "a.jsonl").write_text("\n".join(lines[:60] + ["oops"] + lines[61:]))
    done = run("import", folder / "a.jsonl", "--batch", 10, "--data", folder / "data", check=1)
    assert "a.jsonl:61" in done.stderr and "--resume" in done.stderr
    (folder / "a.jsonl").write_text("\n".join(lines))
    done = run("import", folder / "a.jsonl", "--resume", "--data", folder / "data", check=0)
    assert "imported 40 records (40 new, 0 updated, 60 skipped)" in done.stdout
    assert set(versions(folder / "data").values()) == {1}


def test_resume_without_a_journal_or_with_a_strange_one(folder):
    """A journal that is missing, damaged, or of data that are gone costs time alone."""
    write_many(folder / "a.jsonl.gz", 8000)
    command = [harness.VECSTORE, "import", str(folder / "a.jsonl.gz"), "--batch", "20", "--data", str(folder / "data")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    harness.wait_for(lambda: list(folder.glob("data/imports/*")), "the journal")
    time.sleep(0.02)
    process.kill()
    process.wait()
    journal = next((folder / "data/imports").iterdir())
    text = journal.read_bytes()
    assert text.startswith(b"vecstore import 1\n") and len(text) == 256
    journal.write_bytes(re.sub(rb"record \d+", b"record 7999", text)[:256])
    run(*command[1:], "--resume", check=0)
    assert len(load(folder / "data")) == 8000 and set(versions(folder / "data").values()) == {1}
    # The namespace went back in time: the journal knows more than it holds.
    journal.write_bytes(text)
    harness.run("import", "-", "--data", folder / "other", stdin=b'{"id": "x", "vector": [1,2,3,4,5,6,7,8]}', check=0)
    target = next((folder / "other/ns").iterdir()).name
    (folder / "other/imports").mkdir(exist_ok=True)
    (folder / "other/imports" / (target + "-" + journal.name.split("-")[1])).write_bytes(text)
    run("import", folder / "a.jsonl.gz", "--resume", "--data", folder / "other", check=0)
    assert len(load(folder / "other")) == 8001


def test_resume_keeps_the_last_of_an_id(folder):
    """An id that stands twice ends with its last record, although the first one differs from what is stored."""
    lines = [json.dumps({"id": f"r{i % 30}", "vector": [i + 1, 2]}) for i in range(60)]
    (folder / "a.jsonl").write_text("\n".join(lines))
    for flags in ([], ["--resume"], ["--resume", "--batch", 7]):
        run("import", folder / "a.jsonl", *flags, "--data", folder / "data", check=0)
        records = load(folder / "data")
        assert [records[f"r{i}"]["vector"][0] for i in range(30)] == [i + 31 for i in range(30)]


if os.environ.get("VECSTORE_FAULTS") == "1":

    @pytest.mark.parametrize("fault", ["KILL", "EIO", "ENOSPC", "SHORT"])
    def test_kill_at_points_of_an_import(fault, folder):
        """Killed, or failed, at every second or seventh system call that reads or changes files (soak: at each). What --resume
        then makes of it is all records, each stored once; and an import that says it is done is done."""
        lines = [json.dumps({"id": f"r{i}", "vector": [i + 1, 2], "metadata": {"n": i}}) for i in range(40)]
        lines[20:20] = [json.dumps({"id": "gone", "vector": [1, 2], "deleted": True})]
        (folder / "a.jsonl").write_text("\n".join(lines))
        command = ["import", folder / "a.jsonl", "--batch", "15", "--data", folder / "data"]

        def attempt(n, kind):
            shutil.rmtree(folder / "data", ignore_errors=True)
            return run(*command, env={"VECSTORE_FAULT": f"{n}:{kind}"})

        last = 1
        while attempt(last + 16, "KILL").returncode:
            last += 16
        assert last > 50
        every = 1 if "VECSTORE_FAULT_SOAK" in os.environ else 2 if fault == "KILL" else 7
        for n in range(1, last + 16, every):
            done = attempt(n, fault)
            if done.returncode == 0:
                assert len(load(folder / "data", "--include-deleted")) == 41, n
            resumed = run(*command, "--resume", check=0)
            found = load(folder / "data", "--include-deleted")
            assert len(found) == 41 and found["gone"]["deleted"], (n, done.stderr, resumed.stdout)
            assert [found[f"r{i}"]["metadata"]["n"] for i in range(40)] == list(range(40)), n
            live = versions(folder / "data")
            assert len(live) == 40 and set(live.values()) == {1}, (n, done.stderr, resumed.stdout)
