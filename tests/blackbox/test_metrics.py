# SPDX-License-Identifier: Apache-2.0
"""/metrics counts what was done, across workers."""

import re

SAMPLE = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*\})? ([-+]?[0-9.e+-]+|[+-]Inf|NaN)'
)
NAMES = [
    "vecstore_queries_total",
    "vecstore_query_duration_seconds",
    "vecstore_query_results_count",
    "vecstore_query_errors_total",
    "vecstore_requests_total",
    "vecstore_request_duration_seconds",
    "vecstore_upserts_total",
    "vecstore_deletes_total",
    "vecstore_vectors_total",
    "vecstore_deleted_vectors_total",
    "vecstore_unindexed_vectors",
    "vecstore_storage_bytes",
    "vecstore_hnsw_nodes_visited",
    "vecstore_hnsw_distance_calculations",
    "vecstore_active_connections",
    "vecstore_cache_hits_total",
    "vecstore_cache_misses_total",
    "vecstore_cache_evictions_total",
    "vecstore_cache_size_bytes",
    "vecstore_worker_restarts_total",
    "vecstore_build_info",
]
NS = '{namespace="default"}'


def parse(text):
    """{family: (type, {sample name with labels: value})}, refusing whatever the format (0.0.4) does not allow."""
    families = {}
    current = None
    helped = set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            assert name not in helped, f"{name} twice"
            helped.add(name)
        elif line.startswith("# TYPE "):
            _, _, current, kind = line.split(" ")
            assert current not in families and kind in ("counter", "gauge", "histogram"), line
            families[current] = (kind, {})
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            base = match[1]
            kind = families[current][0]
            if kind == "histogram":
                base = re.sub(r"_(bucket|sum|count)$", "", base)
            assert base == current, f"{line} in the family {current}"
            sample = match[1] + (match[2] or "")
            assert sample not in families[current][1], f"{sample} twice"
            families[current][1][sample] = float(match[3])
    assert helped == set(families)
    return families


def scrape(client):
    reply = client.get("/metrics")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert reply.body.endswith(b"\n")
    return parse(reply.body.decode())


def test_format(client):
    client.upsert("a", [1, 2])
    client.query([1, 2])
    families = scrape(client)
    for name in NAMES:
        assert name in families and families[name][1], name
        assert name.endswith("_total") == (families[name][0] == "counter") or families[name][0] == "gauge", name


def test_histograms(client):
    client.upsert("a", [1, 2])
    for _ in range(5):
        client.query([1, 2])
    for name, (kind, samples) in scrape(client).items():
        if kind != "histogram":
            continue
        series = {}
        for sample, value in samples.items():
            if sample.startswith(name + "_bucket"):
                bound = re.search(r'le="([^"]+)"', sample)[1]
                rest = re.sub(r',?le="[^"]+"', "", sample)[len(name + "_bucket") :]
                series.setdefault(rest if rest != "{}" else "", []).append((float(bound), value))
        assert series, name
        for labels, buckets in series.items():
            assert buckets == sorted(buckets), "buckets rise"
            assert buckets[-1][0] == float("inf")
            assert buckets[-1][1] == samples[f"{name}_count{labels}"]
            assert samples[f"{name}_sum{labels}"] >= 0


def test_counters_move(fresh):
    """Each request is counted once, whichever of the workers had it and whichever is asked."""
    client = fresh.client
    before = client.metrics()
    client.batch([{"id": f"r{i}", "vector": [i + 1, 2]} for i in range(30)])
    for i in range(10):
        client.upsert(f"u{i}", [i, 1])
    for _ in range(25):
        client.query([1, 1], limit=3)
    for _ in range(4):
        assert client.post("/v1/query", {"vector": [1]}).status == 400
    client.delete("u1")
    client.ok("POST", "/v1/delete", {"ids": ["u2", "u3", "none"]})
    client.ok("POST", "/v1/soft-delete/u4")
    for _ in range(6):
        after = client.metrics()
        grown = {name: after[name] - before.get(name, 0) for name in after}
        assert grown["vecstore_upserts_total"] == 40
        assert grown["vecstore_queries_total"] == 25
        assert grown["vecstore_query_errors_total"] == 4
        assert grown["vecstore_deletes_total"] == 4
        assert grown["vecstore_query_duration_seconds_count"] == 25
        assert grown["vecstore_query_results_count_sum"] == 75
        assert grown['vecstore_requests_total{method="POST",route="/v1/query",code="200"}'] == 25
        assert grown['vecstore_requests_total{method="POST",route="/v1/query",code="400"}'] == 4
        assert grown['vecstore_requests_total{method="DELETE",route="/v1/delete/{id}",code="200"}'] == 1
        assert after["vecstore_vectors_total" + NS] == client.stats()["active_vectors"] == 36
        assert after["vecstore_deleted_vectors_total" + NS] == 1
        assert after["vecstore_storage_bytes" + NS] > 0
        assert after["vecstore_active_connections"] == 1


def test_labels_are_bounded(client):
    """No path, id or method that a client makes up becomes a label."""
    for i in range(20):
        client.get(f"/v1/records/made-up-{i}")
        client.get(f"/made-up-{i}")
        client.request(f"MADEUP{i}", "/v1/query")
    text = client.get("/metrics").body.decode()
    assert "made-up" not in text and "MADEUP" not in text


def test_health_and_ready(client):
    health = client.ok("GET", "/health")
    assert health["status"] and re.match(r"\d{4}-\d\d-\d\dT", health["timestamp"])
    assert client.ok("GET", "/ready")["status"]
    assert client.request("HEAD", "/health").body == b""


def test_stats(client):
    stats = client.stats()
    assert set(stats) >= {
        "total_vectors",
        "active_vectors",
        "deleted_vectors",
        "dimension",
        "metric",
        "storage_bytes",
        "indexed_vectors",
        "cache_stats",
    }
