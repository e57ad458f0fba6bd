# SPDX-License-Identifier: Apache-2.0
"""Texts of records: found by words (against BM25 in Python), by words and vectors, kept through everything that keeps records."""

import csv
import io
import json
import math
import random
import re
import time

import numpy
import pytest

import conftest
from harness import check_store, run

DIM = 8
WORDS = ("time year people way day man thing woman life child world school state family student group country problem "
         "hand part place case week company system program question work government number night point home water "
         "room mother area money story fact month lot right study book eye job word business issue side kind head").split()


def tokens(text):
    return re.findall(r"\w+", text.lower())


class Oracle:
    """What is stored, and BM25 over it as store/text.h writes it down."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.records = {}
        self.hidden = set()
        self.vectors = numpy.random.default_rng(seed)

    def text(self):
        # Zipf: some words are in most texts, some in few.
        count = self.random.randint(0, 30)
        return " ".join(WORDS[min(int(self.random.paretovariate(0.6)) - 1, len(WORDS) - 1)] for _ in range(count))

    def fresh(self, name):
        record = {"id": name, "vector": [float(x) for x in self.vectors.normal(size=DIM)], "metadata": {"n": self.random.randint(0, 9)}}
        if self.random.random() < 0.9:
            record["text"] = self.text()
        return record

    def scores(self, words, accept=lambda record: True):
        """Of the live ones, by words that may be there; idf is over all texts."""
        texts = {name: tokens(record["text"]) for name, record in self.records.items() if "text" in record}
        average = sum(map(len, texts.values())) / len(texts)
        found = {}
        for name, text in texts.items():
            if name in self.hidden or not accept(self.records[name]):
                continue
            score = 0.0
            for word in words:
                having = sum(word in other for other in texts.values())
                tf = text.count(word)
                idf = math.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
                score += idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * len(text) / average))
            if score > 0:
                found[name] = score
        return found


def ask(client, **fields):
    return client.ok("POST", "/v1/hybrid-query", fields)["results"]


def assert_same(results, scores, limit):
    best = sorted(scores.values(), reverse=True)[:limit]
    assert [result["score"] for result in results] == pytest.approx(best, rel=1e-4)
    for result in results:
        assert result["text_score"] == pytest.approx(scores[result["id"]], rel=1e-4)


@pytest.fixture(scope="module")
def filled():
    """300 records, many of them written over, hidden, brought back and deleted."""
    for server in conftest.serving(args=["--compact-at", "0"]):
        client, oracle = server.client, Oracle(7)
        for turn in range(6):
            batch = [oracle.fresh(f"r{oracle.random.randint(0, 299)}") for _ in range(120)]
            client.batch(batch)
            for record in batch:
                oracle.records[record["id"]] = record
                oracle.hidden.discard(record["id"])
            for name in oracle.random.sample(sorted(oracle.records), 12):
                kind = oracle.random.choice(["delete", "soft_delete", "update_metadata"])
                operation = {"op": kind, "id": name}
                if kind == "update_metadata":
                    if name in oracle.hidden:
                        continue
                    operation["metadata"] = {"turn": turn}
                    oracle.records[name]["metadata"]["turn"] = turn
                client.ok("POST", "/v1/batch-execute", {"operations": [operation]})
                if kind == "delete":
                    del oracle.records[name]
                    oracle.hidden.discard(name)
                elif kind == "soft_delete":
                    oracle.hidden.add(name)
        yield server, oracle


def check_all(client, oracle, count=40):
    for i in range(count):
        words = oracle.random.sample(WORDS, 1 + i % 4)
        assert_same(ask(client, text_query=" ".join(words), limit=10), oracle.scores(words), 10)
        bound = oracle.random.randint(0, 9)  # I6
        some = oracle.scores(words, lambda record: record["metadata"]["n"] <= bound)
        assert_same(ask(client, text_query=" ".join(words), limit=20, filter=f"n <= {bound}"), some, 20)


def test_words_are_ranked_as_bm25_says(filled):
    server, oracle = filled
    check_all(server.client, oracle)


def test_pages_go_on(filled):
    server, oracle = filled
    whole = ask(server.client, text_query="time year", limit=40)
    parts = sum((ask(server.client, text_query="time year", limit=10, offset=at) for at in range(0, 40, 10)), [])
    assert [r["id"] for r in parts] == [r["id"] for r in whole]


def fused(oracle, query, words, alpha):
    """Scores of all live records, each half normalised over all of them."""
    live = [record for name, record in oracle.records.items() if name not in oracle.hidden]
    rows = numpy.array([record["vector"] for record in live])
    distances = 1 - rows @ query / numpy.linalg.norm(rows, axis=1) / numpy.linalg.norm(query)
    texts = oracle.scores(words)
    near, far, best = distances.min(), distances.max(), max(texts.values())
    return {record["id"]: alpha * (far - d) / (far - near) + (1 - alpha) * texts.get(record["id"], 0) / best
            for record, d in zip(live, distances)}


@pytest.mark.parametrize("alpha", [0, 0.3, 0.7, 1])
def test_alpha(filled, alpha):
    server, oracle = filled
    for _ in range(5):
        query, words = oracle.vectors.normal(size=DIM), oracle.random.sample(WORDS[:20], 3)
        scores = fused(oracle, query, words, alpha)
        results = ask(server.client, vector=list(query), text_query=" ".join(words), limit=15, alpha=alpha, candidates=1000)
        assert [r["score"] for r in results] == pytest.approx(sorted(scores.values(), reverse=True)[:15], abs=1e-4)
        assert all(r["score"] == pytest.approx(scores[r["id"]], abs=1e-4) for r in results)


def test_reciprocal_ranks(filled):
    server, oracle = filled
    query, words = list(oracle.vectors.normal(size=DIM)), "people way day"
    by_vector = [r["id"] for r in server.client.query(query, limit=100, exact=True)["results"]]
    by_words = [r["id"] for r in ask(server.client, text_query=words, limit=100)]
    ranks = [{name: i + 1 for i, name in enumerate(names)} for names in (by_vector, by_words)]
    for result in ask(server.client, vector=query, text_query=words, limit=30, fusion="rrf", candidates=100):
        expected = sum(1 / (60 + rank[result["id"]]) for rank in ranks if result["id"] in rank)
        assert result["score"] == pytest.approx(expected, rel=1e-5)
        assert [result["vector_rank"], result["text_rank"]] == [rank.get(result["id"]) for rank in ranks]


def test_as_many_as_match(filled):
    """I6: with a vector everything that the filter accepts matches."""
    server, oracle = filled
    live = [r for name, r in oracle.records.items() if name not in oracle.hidden and r["metadata"]["n"] == 3]
    results = ask(server.client, vector=[1.0] * DIM, text_query="book", filter="n = 3", limit=200)
    assert {r["id"] for r in results} == {r["id"] for r in live}
    one = results[0]["id"]
    others = ask(server.client, id=one, text_query="book", filter="n = 3", limit=200)
    assert {r["id"] for r in others} == {r["id"] for r in live} - {one}


def test_compaction_keeps_texts(filled):
    server, oracle = filled
    assert server.client.ok("POST", "/v1/compact")["removed_count"] > 0
    check_all(server.client, oracle, 10)
    stats = server.client.ok("GET", "/v1/stats")
    assert stats["texts"] == sum("text" in record for record in oracle.records.values())
    name = next(name for name, record in oracle.records.items() if record.get("text") and name not in oracle.hidden)
    assert server.client.record(name).json()["text"] == oracle.records[name]["text"]


def test_hidden_ones_come_back_with_their_texts(filled):
    server, oracle = filled
    names = sorted(oracle.hidden)
    assert names
    server.client.ok("POST", "/v1/restore", {"ids": names})
    oracle.hidden.clear()
    check_all(server.client, oracle, 10)


def test_check(filled):
    check_store(filled[0].data)


# ---- what words mean ------------------------------------------------------------------------------------------

TEXTS = {
    "fox": "The quick brown fox jumps over the lazy dog",
    "dog": "A brown dog doesn't jump; the fox does",
    "cafe": "Crème brûlée im Café, 10€",
    "html": "<script>alert('fox & \"dog\"')</script>",
    "tokyo": "東京 タワー",
    "none": None,
}


@pytest.fixture(scope="module")
def client():
    for server in conftest.serving():
        server.client.batch([{"id": name, "vector": [i + 1, 1], **({"text": text} if text else {})}
                             for i, (name, text) in enumerate(TEXTS.items())])
        yield server.client


@pytest.mark.parametrize("words,found", [
    ("fox", {"fox", "dog", "html"}),
    ("FOX", {"fox", "dog", "html"}),
    ("lazy crème", {"fox", "cafe"}),
    ("creme BRULEE", {"cafe"}),
    ("where does the quick fox live?", {"fox", "dog", "html"}),
    ('"brown fox"', {"fox"}),
    ('"fox brown"', set()),
    ('"brown fox', {"fox"}),
    ("jump*", {"fox", "dog"}),
    ('"quick bro"*', {"fox"}),
    ("fox -dog", set()),
    ("fox -quick", {"dog", "html"}),
    ('fox -"lazy dog"', {"dog", "html"}),
    ("+fox +brown lazy", {"fox", "dog"}),
    ("-fox", set()),
    ("doesn't", {"dog"}),
    ("東京", {"tokyo"}),
    ("AND OR NOT NEAR", set()),
    ("body:fox", set()),
    ("fox)", {"fox", "dog", "html"}),
    ("fox -- - + * \" '", {"fox", "dog", "html"}),
    ("", set()),
    ("—!?(){}", set()),
    ("*", set()),
    ("-", set()),
    ('"', set()),
])
def test_words(client, words, found):
    assert {r["id"] for r in ask(client, text_query=words)} == found


def test_all_words(client):
    assert {r["id"] for r in ask(client, text_query="fox dog jump*", match="all")} == {"fox", "dog"}
    assert {r["id"] for r in ask(client, text_query="fox zebra", match="all")} == set()


def test_any_words_are_safe(client):
    """Random bits of FTS5's syntax: an answer, always."""
    rng = random.Random(1)
    parts = ['"', "*", "^", ":", "(", ")", "{", "}", "+", "-", " ", "NEAR(", "AND", "OR", "NOT", "fox", "body", "rank",
             "\t", "'", "''", ";", "--", "/*", "\\", "é", "\u200b", "\ufeff", "😀", "NEAR/2", ",", "5"]
    for _ in range(300):
        words = "".join(rng.choice(parts) for _ in range(rng.randint(1, 12)))
        ask(client, text_query=words, highlight=True)


@pytest.mark.parametrize("body,field", [
    ({}, "text_query"),
    ({"text_query": 5}, "text_query"),
    ({"text_query": "a\0b"}, "text_query"),
    ({"text_query": " ".join(f"w{i}" for i in range(10000))}, "text_query"),
    ({"text_query": " ".join(f"w{i}" for i in range(257))}, "text_query"),
    ({"text_query": '"' + " ".join(f"w{i}" for i in range(257)) + '"'}, "text_query"),
    ({"text_query": "x" * 70000}, "text_query"),
    ({"text_query": "a", "alpha": 1.5}, "alpha"),
    ({"text_query": "a", "alpha": "x"}, "alpha"),
    ({"text_query": "a", "alpha": 0.5, "fusion": "rrf"}, "alpha"),
    ({"text_query": "a", "fusion": "sum"}, "fusion"),
    ({"text_query": "a", "match": "some"}, "match"),
    ({"text_query": "a", "highlight": 1}, "highlight"),
    ({"text_query": "a", "highlight": {"pre": "x"}}, "highlight.pre"),
    ({"text_query": "a", "highlight": {"words": 65}}, "highlight.words"),
    ({"text_query": "a", "highlight": {"before": "x" * 257}}, "highlight.before"),
    ({"text_query": "a", "candidates": 5}, "candidates"),
    ({"text_query": "a", "candidates": 1001}, "candidates"),
    ({"text_query": "a", "min_score": 1}, "min_score"),
    ({"text_query": "a", "diversity": 0.5}, "diversity"),
    ({"text_query": "a", "group_by": "n"}, "group_by"),
    ({"text_query": "a", "limit": 0}, "limit"),
    ({"text_query": "a", "vector": [1, 2, 3]}, "vector"),
    ({"text_query": "a", "vector": [1, 2], "id": "fox"}, "vector"),
    ({"text_query": "a", "filter": "n >"}, "filter"),
    ({"text_query": "a", "words": 1}, "words"),
])
def test_bad_requests(client, body, field):
    reply = client.post("/v1/hybrid-query", body)
    assert reply.status == 400 and reply.json()["field"] == field, reply


@pytest.mark.parametrize("text", [5, [], "a\0b", "x" * ((1 << 20) + 1)], ids=["number", "list", "NUL", "long"])
def test_bad_texts(client, text):
    reply = client.post("/v1/upsert", {"id": "bad", "vector": [1, 2], "text": text})
    assert reply.status in (400, 413) and reply.json()["field"] == "text", reply
    assert client.record("bad").status == 404


def test_many_words_that_are_few(client):
    assert {r["id"] for r in ask(client, text_query="fox " * 10000)} == {"fox", "dog", "html"}


def test_highlights(client):
    def passages(query, **marks):
        return {r["id"]: r["highlight"] for r in ask(client, text_query=query, highlight=marks or True)}

    found = passages("fox dog")
    assert found["fox"] == "The quick brown <em>fox</em> jumps over the lazy <em>dog</em>"
    assert found["html"] == "&lt;script&gt;alert(&#39;<em>fox</em> &amp; &quot;<em>dog</em>&quot;&#39;)&lt;/script&gt;"
    assert passages("fox", html=False, before="[", after="]")["html"] == TEXTS["html"].replace("fox", "[fox]")
    assert passages('"brown fox"')["fox"] == "The quick <em>brown fox</em> jumps over the lazy dog"
    assert passages("br* -dog")["cafe"] == "Crème <em>brûlée</em> im Café, 10€"
    assert passages("lazy", words=3)["fox"] == "…the <em>lazy</em> dog"
    assert passages("quick", words=3)["fox"] == "The <em>quick</em> brown…"
    assert "highlight" not in ask(client, vector=[6, 1], text_query="fox", highlight=True, limit=1, alpha=1)[0]


def test_include_text(client):
    assert "text" not in ask(client, text_query="tokyo 東京")[0]
    assert ask(client, text_query="東京", include_text=True)[0]["text"] == TEXTS["tokyo"]
    assert [r.get("text") for r in client.query([6, 1], limit=6, include_text=True)["results"]].count(None) == 1
    assert "text" not in client.page()["records"][0]
    page = client.page(include_text="true")["records"]
    assert {r["id"]: r.get("text") for r in page} == TEXTS
    assert client.record("none").json().get("text") is None


def test_patch_keeps_and_upsert_replaces():
    for server in conftest.serving():
        client = server.client
        client.ok("POST", "/v1/upsert", {"id": "a", "vector": [1], "text": "first words"})
        reply = client.ok("PATCH", "/v1/records/a", {"metadata": {"x": 1}})
        assert reply["text"] == "first words"
        assert [r["id"] for r in ask(client, text_query="first")] == ["a"]
        client.ok("POST", "/v1/upsert", {"id": "a", "vector": [1], "text": "second"})
        assert ask(client, text_query="first") == [] and len(ask(client, text_query="second")) == 1
        client.ok("POST", "/v1/upsert", {"id": "a", "vector": [1]})
        assert ask(client, text_query="second") == [] and "text" not in client.record("a").json()
        assert client.ok("GET", "/v1/stats")["texts"] == 0
        client.ok("POST", "/v1/upsert", {"id": "b", "vector": [2], "text": "brief", "ttl_seconds": 1})
        assert len(ask(client, text_query="brief")) == 1
        deadline = time.monotonic() + 30
        while ask(client, text_query="brief") and time.monotonic() < deadline:
            time.sleep(0.1)
        assert ask(client, text_query="brief") == []


def test_every_way_in():
    for server in conftest.serving():
        client = server.client
        lines = [json.dumps({"id": f"line{i}", "vector": [i], "text": f"by line {i}"}) for i in (1, 2)]
        client.ok("POST", "/v1/batch-upsert", "\n".join(lines).encode(), content_type="application/x-ndjson")
        client.batch([{"id": "array", "vector": [1], "text": "by array"}])
        client.ok("POST", "/v1/batch-execute", {"operations": [{"op": "upsert", "id": "op", "vector": [1], "text": "by op"}]})
        assert {r["id"] for r in ask(client, text_query="by")} == {"line1", "line2", "array", "op"}
        lines = client.get("/v1/records?include_text=true", headers={"Accept": "application/x-ndjson"}).body.decode().splitlines()
        assert [json.loads(line)["text"] for line in lines[:-1]] == ["by array", "by line 1", "by line 2", "by op"]


def test_answers_are_cached_until_a_write():
    for server in conftest.serving():
        client = server.client
        client.ok("POST", "/v1/upsert", {"id": "a", "vector": [1], "text": "some words"})
        answers = [client.ok("POST", "/v1/hybrid-query", {"text_query": "words"}) for _ in range(2)]
        assert answers[0]["results"] == answers[1]["results"]
        assert [a["stats"]["cache_hit"] for a in answers] == [False, True]
        client.ok("POST", "/v1/upsert", {"id": "b", "vector": [1], "text": "words"})
        assert len(ask(client, text_query="words")) == 2


def test_porter():
    for server in conftest.serving(args=["--tokenizer", "porter"]):
        server.client.ok("POST", "/v1/upsert", {"id": "a", "vector": [1], "text": "She was running"})
        results = ask(server.client, text_query="runs", highlight=True)
        assert [r["highlight"] for r in results] == ["She was <em>running</em>"]
        assert server.client.ok("GET", "/v1/stats")["tokenizer"] == "porter"
        assert len(ask(server.client, text_query='"was runs"')) == 1


# ---- the command line -----------------------------------------------------------------------------------------

def test_query_by_words(tmp_path):
    lines = [json.dumps({"id": name, "vector": [i, 1], **({"text": text} if text else {})})
             for i, (name, text) in enumerate(TEXTS.items())]
    data = tmp_path / "data"
    run("import", "-", "--data", data, stdin="\n".join(lines).encode(), check=0)
    table = run("query", "--text", "lazy fox", "--highlight", "--data", data, check=0).stdout
    assert "The quick brown [fox] jumps over the [lazy] dog" in table and "by words" in table
    answer = json.loads(run("query", "--text", "fox", "--vector", "[0, 1]", "--alpha", "0.2", "--json", "--limit", "2",
                            "--data", data, check=0).stdout)
    assert len(answer["results"]) == 2 and answer["results"][0]["text_rank"]
    for wrong, status in ((["--text", "a", "--alpha", "2"], 1), (["--id", "fox", "--highlight"], 2),
                          (["--text", "a", "--explain"], 2), (["--text", "a", "--min-score", "1"], 1)):
        assert run("query", *wrong, "--data", data).returncode == status
    assert run("query", "--limit", "2", "--data", data).returncode == 2
    assert run("import", "-", "--tokenizer", "porter", "--data", data, stdin=b"").returncode == 1


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_export_and_import_keep_texts(tmp_path, kind):
    texts = {**TEXTS, "empty": "", "lines": 'two\r\nlines, "quoted"', "space": " "}
    lines = [json.dumps({"id": name, "vector": [i, 1], **({} if text is None else {"text": text})})
             for i, (name, text) in enumerate(texts.items())]
    run("import", "-", "--data", tmp_path / "a", stdin="\n".join(lines).encode(), check=0)
    out = tmp_path / f"x.{kind}"
    run("export", "--output", out, "--data", tmp_path / "a", check=0)
    run("import", out, "--data", tmp_path / "b", check=0)
    again = tmp_path / f"y.{kind}"
    run("export", "--output", again, "--data", tmp_path / "b", check=0)
    assert out.read_bytes() == again.read_bytes()
    if kind == "csv":
        found = {row["id"]: row["@text"] for row in csv.DictReader(io.StringIO(out.read_bytes().decode(), newline=""))}
        assert found == {name: text or "" for name, text in texts.items()}
    else:
        found = {row["id"]: row.get("text") for row in map(json.loads, out.read_text().splitlines())}
        assert found == texts
    # Those that are stored just so are left alone.
    assert "0 new, 0 updated" in run("import", out, "--resume", "--data", tmp_path / "b", check=0).stdout


def test_csv_columns_of_text(tmp_path):
    table = b'id,vector,text,@text\na,"[1]",1,2\n'
    run("import", "-", "--format", "csv", "--columns", "text:fulltext,@text:auto", "--data", tmp_path / "a", stdin=table, check=0)
    run("import", "-", "--format", "csv", "--data", tmp_path / "b", stdin=table, check=0)
    records = [json.loads(run("export", "--data", tmp_path / name, check=0).stdout) for name in "ab"]
    assert [(r["text"], r["metadata"]) for r in records] == [("1", {"@text": 2}), ("2", {"text": 1})]
