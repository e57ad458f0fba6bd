# SPDX-License-Identifier: Apache-2.0
"""The command line: import, query, check, bench, version, and help for each."""

import gzip
import json
import re
import struct

import numpy
import pytest

import harness
import oracle
from harness import run

COMMANDS = (
    "serve", "import", "export", "query", "changes", "check", "compact", "jobs", "bench", "version", "ns", "key", "token", "audit", "usage",
    "snapshot", "clone",
)  # fmt: skip


@pytest.fixture(scope="module")
def words():
    return oracle.words(harness.WORDS, 3000)


def lines(records):
    return "".join(json.dumps({**record, "vector": [float(x) for x in record["vector"]]}) + "\n" for record in records)


def ids(output):
    """The ids in the output of `query --json`, or its lines' first words."""
    return [result["id"] for result in json.loads(output)["results"]]


def total(data):
    """How many records a data folder holds, by asking for all of them."""
    return len(
        ids(
            run(
                "query", "--data", data, "--vector", json.dumps([1.0] * 100), "--limit", 10000, "--json", check=0
            ).stdout
        )
    )


def test_version():
    assert re.search(r"\b0\.\d+\.\d+\b", run("version", check=0).stdout)
    assert run("--version", check=0).stdout == run("version", check=0).stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command):
    done = run(command, "--help", check=0)
    assert "sage" in done.stdout and f"vecstore {command}" in done.stdout
    assert done.stderr == ""


def test_help_names_every_command():
    done = run("--help", check=0)
    for command in COMMANDS:
        assert re.search(rf"\b{command}\b", done.stdout)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["--nothing"],
        ["import", "--nothing"],
        ["query", "--limit", "x", "--id", "a"],
        ["query", "--limit", "0", "--id", "a"],
        ["query"],
        ["query", "--id", "a", "--vector", "[1]"],
        ["check", "extra"],
        ["serve", "--workers", "0"],
        ["serve", "--workers", "x"],
        ["serve", "--http", "nonsense"],
        ["serve", "--http", "127.0.0.1:99999"],
        ["serve", "--metric", "nearest"],
        ["serve", "--tls-cert", "x"],
        ["import"],
    ],
)
def test_wrong_usage(arguments, folder):
    done = run(*arguments, cwd=folder)
    assert done.returncode not in (0, -6, -11)
    assert done.stderr.strip() and done.stdout == ""
    assert list(folder.iterdir()) == [], "something was made"


def test_import_jsonl(words, folder):
    source = folder / "words.jsonl"
    source.write_text(lines(words))
    run("import", source, "--data", folder / "data", check=0)
    assert total(folder / "data") == 3000
    harness.check_store(folder / "data")


def test_import_again_updates(words, folder):
    source = folder / "words.jsonl"
    source.write_text(lines(words[:100]))
    for _ in range(2):
        run("import", source, "--data", folder / "data", check=0)
    assert total(folder / "data") == 100


def test_import_gzip(folder):
    """The example data, as they are."""
    run("import", harness.WORDS, "--data", folder / "data", check=0)
    found = ids(run("query", "--data", folder / "data", "--id", "king", "--limit", 10, "--json", check=0).stdout)
    assert len(found) == 10 and "king" not in found
    assert "queen" in found or "prince" in found
    harness.check_store(folder / "data")


def test_import_gzip_of_many_members(words, folder):
    source = folder / "words.jsonl.gz"
    with open(source, "wb") as out:
        for start in range(0, 300, 100):
            out.write(gzip.compress(lines(words[start : start + 100]).encode()))
    run("import", source, "--data", folder / "data", check=0)
    assert total(folder / "data") == 300


def test_import_cut_gzip(words, folder):
    source = folder / "words.jsonl.gz"
    source.write_bytes(gzip.compress(lines(words).encode())[:-1000])
    done = run("import", source, "--data", folder / "data")
    assert done.returncode != 0 and "words.jsonl.gz" in done.stderr


def test_import_stdin(words, folder):
    run("import", "-", "--data", folder / "data", stdin=lines(words[:50]).encode(), check=0)
    assert total(folder / "data") == 50


def test_import_fvecs(words, folder):
    source = folder / "words.fvecs"
    with open(source, "wb") as out:
        for word in words[:500]:
            out.write(struct.pack("<i", 100) + numpy.asarray(word["vector"], dtype="<f4").tobytes())
    run("import", source, "--data", folder / "data", check=0)
    assert total(folder / "data") == 500


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<i", 100) + b"\0" * 100,
        struct.pack("<i", -1),
        struct.pack("<i", 1 << 30) + b"\0" * 64,
        struct.pack("<i", 2) + struct.pack("<2f", 1, float("nan")),
        b"\1",
    ],
)
def test_import_bad_fvecs(content, folder):
    source = folder / "bad.fvecs"
    source.write_bytes(content)
    done = run("import", source, "--data", folder / "data")
    assert done.returncode != 0 and "bad.fvecs" in done.stderr


@pytest.mark.parametrize(
    "bad",
    [
        "{",
        "[]",
        '{"id": "x"}',
        '{"id": "x", "vector": [1]}',
        '{"id": "", "vector": [1, 2]}',
        '{"id": "x", "vector": [1e39, 2]}',
        '{"id": "x", "vector": [1, 2], "what": 1}',
    ],
)
def test_import_bad_line(bad, folder):
    """The line is named, and the status says that not all went well."""
    source = folder / "bad.jsonl"
    source.write_text(
        '{"id": "a", "vector": [1, 2]}\n{"id": "b", "vector": [2, 1]}\n' + bad + '\n{"id": "c", "vector": [1, 1]}\n'
    )
    done = run("import", source, "--data", folder / "data")
    assert done.returncode != 0
    assert re.search(r"\b3\b", done.stderr), done.stderr
    harness.check_store(folder / "data")


def test_import_missing_file(folder):
    done = run("import", folder / "none.jsonl", "--data", folder / "data")
    assert done.returncode != 0 and "none.jsonl" in done.stderr


def test_import_beside_a_server(words, fresh, folder):
    """The command line and the workers share the folder; what one writes the other sees at once."""
    source = folder / "words.jsonl"
    source.write_text(lines(words))
    run("import", source, "--data", fresh.data, check=0)
    assert fresh.client.stats()["active_vectors"] == 3000
    assert fresh.client.found(words[7]["vector"], limit=1) == [words[7]["id"]]
    fresh.client.upsert("by http", words[7]["vector"] * 2)
    assert "by http" in ids(
        run("query", "--data", fresh.data, "--id", words[7]["id"], "--limit", 1, "--json", check=0).stdout
    )


def test_query_forms(words, folder):
    run("import", "-", "--data", folder / "data", stdin=lines(words[:500]).encode(), check=0)
    records = oracle.Records()
    for word in words[:500]:
        records.put(word["id"], word["vector"], word["metadata"])
    vector = words[0]["vector"]
    answer = json.loads(
        run(
            "query",
            "--data",
            folder / "data",
            "--vector",
            json.dumps([float(x) for x in vector]),
            "--limit",
            7,
            "--json",
            check=0,
        ).stdout
    )
    records.verify(answer["results"], vector, 7)
    answer = json.loads(
        run(
            "query", "--data", folder / "data", "--id", words[3]["id"], "--filter", "length = 4", "--json", check=0
        ).stdout
    )
    records.verify(
        answer["results"], words[3]["vector"], 10, accept=lambda m: m.get("length") == 4, leave_out=[words[3]["id"]]
    )
    text = run("query", "--data", folder / "data", "--id", words[3]["id"], "--limit", 3, check=0).stdout
    assert len(text.strip().splitlines()) >= 3


def test_query_file(words, folder, tmp_path):
    """Each line's answer is the one that the query alone gets; flags stand in for what a line leaves out."""
    data = folder / "data"
    run("import", "-", "--data", data, stdin=lines(words).encode(), check=0)
    path = tmp_path / "queries.jsonl"
    asked = [{"id": word["id"], "limit": 3} for word in words[:1500]] + [
        {"vector": [float(x) for x in words[5]["vector"]], "filter": "length = 4", "exact": True},
        {"id": words[7]["id"], "include_metadata": False, "include_vector": True},
    ]
    path.write_text("\n".join(json.dumps(query) for query in asked[:1000]) + "\n \n" + "\r\n".join(
        json.dumps(query) for query in asked[1000:]
    ))
    done = run("query", "--data", data, "--file", path, "--limit", 6, check=0)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(asked)
    for number in (0, 1, 999, 1000, 1499):
        alone = run("query", "--data", data, "--id", words[number]["id"], "--limit", 3, "--exact", "--json", check=0)
        assert answers[number]["results"][0]["id"] == ids(alone.stdout)[0]
        assert len(answers[number]["results"]) == 3
    assert len(answers[1500]["results"]) == 6
    assert all(result["metadata"]["length"] == 4 for result in answers[1500]["results"])
    assert set(answers[1501]["results"][0]) == {"id", "score", "vector"}
    fvecs = tmp_path / "queries.fvecs"
    fvecs.write_bytes(b"".join(struct.pack("<i100f", 100, *word["vector"]) for word in words[:7]))
    done = run("query", "--data", data, "--file", fvecs, "--limit", 1, "--exact", check=0)
    found = [json.loads(line)["results"][0]["id"] for line in done.stdout.splitlines()]
    assert found == [word["id"] for word in words[:7]]


def untimed(line):
    answer = json.loads(line)
    del answer["stats"]["duration_ms"]
    return answer


def test_query_flags(words, folder, tmp_path):
    """Each flag is a field of the request: alone, for a file whose lines do not say, and in a line, it means the same."""
    data = folder / "data"
    run("import", "-", "--data", data, stdin=lines(words[:500]).encode(), check=0)
    own = {"id": words[3]["id"]}
    plain = json.loads(run("query", "--data", data, "--id", own["id"], "--limit", 20, "--json", check=0).stdout)["results"]
    bound = plain[8]["score"]
    cases = [
        (["--offset", 4, "--limit", 5], {"offset": 4, "limit": 5}),
        (["--min-score", bound], {"min_score": bound}),
        (["--max-distance", 1 - bound], {"max_distance": 1 - bound}),
        (["--diversity", "0.5"], {"diversity": 0.5}),
        (["--fields", "rank,first"], {"fields": ["rank", "first"]}),
        (["--include-vector"], {"include_vector": True}),
        (["--include-vector", "--fields", "length", "--exact"], {"include_vector": True, "fields": ["length"], "exact": True}),
    ]
    path = tmp_path / "query.jsonl"
    answers = []
    for flags, fields in cases:
        path.write_text(json.dumps({**own, **fields}) + "\n")
        wanted = untimed(run("query", "--data", data, "--file", path, check=0).stdout)
        assert untimed(run("query", "--data", data, "--id", own["id"], *flags, "--json", check=0).stdout) == wanted, flags
        path.write_text(json.dumps(own) + "\n")
        assert untimed(run("query", "--data", data, "--file", path, *flags, check=0).stdout) == wanted, flags
        answers.append(wanted["results"])
    assert answers[0] == plain[4:9]
    assert answers[1] == plain[:9] and answers[2] == plain[:9]
    assert [result["id"] for result in answers[3]] != [result["id"] for result in plain[:10]]
    assert set(answers[4][0]["metadata"]) == {"rank", "first"}
    assert len(answers[5][0]["vector"]) == 100
    table = run("query", "--data", data, "--id", own["id"], "--limit", 1, "--offset", 2, "--include-vector", "--fields", "rank", check=0)
    row = table.stdout.splitlines()[1]
    assert row.split()[:3] == ["3", row.split()[1], plain[2]["id"]] and '{"rank":' in row and "[" in row and "length" not in row


def test_query_explain(words, folder):
    data = folder / "data"
    run("import", "-", "--data", data, stdin=lines(words[:50]).encode(), check=0)
    own = ["query", "--data", data, "--id", words[3]["id"], "--limit", 2, "--explain"]
    answer = json.loads(run(*own, "--json", check=0).stdout)
    assert set(answer) == {"results", "plan", "stats"} and answer["plan"]["path"] == "exact_rows"
    assert set(answer["results"][0]["explanation"]) == {"distance", "dot_product", "query_norm", "record_norm", "found_in"}
    out = run(*own, check=0).stdout.splitlines()
    told = dict(line.split(None, 1) for line in out[out.index("plan:") + 1 :])
    assert len(out) == 5 + len(told) and told["path"] == "exact_rows" and told["rows_hydrated"] == "2"
    phases = {f"phases_ms.{name}" for name in answer["plan"]["phases_ms"]}
    assert set(told) == set(answer["plan"]) - {"phases_ms"} | phases


@pytest.mark.parametrize(
    "flags,status,words_of_it",
    [
        (["--min-score", "x"], 1, "--min-score: 'x' is not a number"),
        (["--min-score", "nan"], 1, "min_score"),
        (["--min-score", "0.5", "--max-distance", "1"], 1, "max_distance"),
        (["--diversity", "1.5"], 1, "diversity"),
        (["--offset", "10001"], 2, "--offset"),
        (["--offset", "9999", "--limit", "2"], 1, "offset"),
        (["--fields", "a."], 1, "fields"),
        (["--vector", '[1], "exact": true'], 2, "one of --id"),
        (["--file", "-", "--explain"], 2, "one of --id"),
    ],
)
def test_query_flag_faults(flags, status, words_of_it, words, folder):
    run("import", "-", "--data", folder / "data", stdin=lines(words[:5]).encode(), check=0)
    done = run("query", "--data", folder / "data", "--id", words[0]["id"], *flags)
    assert done.returncode == status and words_of_it in done.stderr, done.stderr
    assert run("query", "--data", folder / "data", "--file", "-", "--explain").returncode == 2
    done = run("query", "--data", folder / "data", "--vector", '[1], "exact": true')
    assert done.returncode == 1 and "--vector takes" in done.stderr


@pytest.mark.parametrize(
    "line,parts",
    [
        ('{"id": "x", "limt": 3}', ["limt"]),
        ('{"id": 5}', ["id"]),
        ("{}", ["vector"]),
        ("[1]", []),
        ('{"id": "no such word"}', ["id"]),
        ('{"vector": [1, 2]}', ["vector", "dimension"]),
        ('{"vector": [1, 2], "filter": "a >"}', []),
        ('{"id": "x", "namespace": "default"}', ["namespace"]),
    ],
)
def test_query_file_faults(words, folder, tmp_path, line, parts):
    run("import", "-", "--data", folder / "data", stdin=lines(words[:5]).encode(), check=0)
    path = tmp_path / "q.jsonl"
    good = json.dumps({"id": words[0]["id"]})
    path.write_text(f"{good}\n\n{line}\n{good}\n")
    done = run("query", "--data", folder / "data", "--file", path)
    assert done.returncode == 1
    assert all(part in done.stderr for part in [f"{path}:3", *parts]), done.stderr
    assert done.stderr.count("\n") == 1


def test_query_faults(words, folder):
    assert run("query", "--data", folder / "none", "--id", "a").returncode != 0
    assert not (folder / "none").exists()
    run("import", "-", "--data", folder / "data", stdin=lines(words[:5]).encode(), check=0)
    for arguments in (
        ["--id", "none at all"],
        ["--vector", "[1, 2]"],
        ["--vector", "[1, "],
        ["--id", words[0]["id"], "--filter", "a ="],
    ):
        done = run("query", "--data", folder / "data", *arguments)
        assert done.returncode != 0 and len(done.stderr.strip().splitlines()) == 1, done


def test_check_finds_damage(words, folder):
    """A flipped bit under a committed slot is reported, and makes the status say so."""
    data = folder / "data"
    run("import", "-", "--data", data, stdin=lines(words).encode(), check=0)
    harness.check_store(data)
    vectors = harness.generation(data) / "vectors.f32"
    with open(vectors, "r+b") as file:
        file.seek(4096 + 448 * 10 + 8)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 0x40]))
    done = run("check", "--data", data)
    assert done.returncode != 0 and done.stdout + done.stderr
    assert run("check", "--data", folder / "none").returncode != 0


def test_bench(words, folder):
    """It runs on a folder's own data and tells rates with recall beside them."""
    data = folder / "data"
    run("import", "-", "--data", data, stdin=lines(words).encode(), check=0)
    done = run("bench", "--data", data, check=0)
    assert "recall" in done.stdout.lower()
    assert total(data) == 3000
