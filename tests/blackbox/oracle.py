# SPDX-License-Identifier: Apache-2.0
"""What the right answer is: distances by numpy in double precision, and comparison with what a server said."""

import base64
import gzip
import json

import numpy

METRICS = ("cosine", "euclidean", "dot", "manhattan", "hamming", "jaccard", "chebyshev", "canberra", "braycurtis")
HIGHER_IS_NEARER = ("cosine", "dot")


def scores(metric, rows, query):
    """The score of every row (n × d, float32) for a query (d)."""
    a = numpy.asarray(rows, dtype=numpy.float32).astype(numpy.float64)
    b = numpy.asarray(query, dtype=numpy.float32).astype(numpy.float64)
    difference = numpy.abs(a - b)
    if metric == "cosine":
        return a @ b / (numpy.linalg.norm(a, axis=1) * numpy.linalg.norm(b))
    if metric == "dot":
        return a @ b
    if metric == "euclidean":
        return numpy.sqrt((difference**2).sum(axis=1))
    if metric == "manhattan":
        return difference.sum(axis=1)
    if metric == "hamming":
        return (a != b).sum(axis=1).astype(float)
    if metric == "jaccard":
        either = ((a != 0) | (b != 0)).sum(axis=1)
        both = ((a != 0) & (b != 0)).sum(axis=1)
        return numpy.where(either == 0, 0.0, 1 - both / numpy.maximum(either, 1))
    if metric == "chebyshev":
        return difference.max(axis=1)
    if metric == "canberra":
        size = numpy.abs(a) + numpy.abs(b)
        return numpy.where(size == 0, 0.0, difference / numpy.where(size == 0, 1, size)).sum(axis=1)
    if metric == "braycurtis":
        size = numpy.abs(a + b).sum(axis=1)
        return numpy.where(size == 0, 0.0, difference.sum(axis=1) / numpy.where(size == 0, 1, size))
    raise ValueError(metric)


class Records:
    """What a server should hold: ids, vectors, metadata."""

    def __init__(self, metric="cosine"):
        self.metric = metric
        self.vectors = {}
        self.metadata = {}

    def put(self, record_id, vector, metadata=None):
        self.vectors[record_id] = numpy.asarray(vector, dtype=numpy.float32)
        self.metadata[record_id] = metadata or {}

    def remove(self, record_id):
        del self.vectors[record_id], self.metadata[record_id]

    def as_json(self):
        return [
            {"id": i, "vector": [float(x) for x in v], "metadata": self.metadata[i]} for i, v in self.vectors.items()
        ]

    def scores(self, query, accept=None):
        """{id: score} of all that accept(metadata) accepts."""
        ids = [i for i in self.vectors if accept is None or accept(self.metadata[i])]
        if not ids:
            return {}
        found = scores(self.metric, numpy.array([self.vectors[i] for i in ids]), query)
        return dict(zip(ids, map(float, found)))

    def verify(self, results, query, limit, offset=0, accept=None, leave_out=(), min_score=None):
        """The results are the true ones: as many, each with its score, in order, none twice; ids may differ only
        where scores are equal to within rounding."""
        wanted = {i: s for i, s in self.scores(query, accept).items() if i not in leave_out}
        higher = self.metric in HIGHER_IS_NEARER
        if min_score is not None:
            wanted = {i: s for i, s in wanted.items() if (s >= min_score if higher else s <= min_score)}
        best = sorted(wanted.values(), reverse=higher)[offset : offset + limit]
        ids = [result["id"] for result in results]
        assert len(ids) == len(set(ids)), f"an id twice: {ids}"
        assert len(ids) == len(best), f"{len(ids)} results for {len(best)}"
        for result, score in zip(results, best):
            assert result["id"] in wanted, f"{result['id']} does not match"
            assert close(result["score"], wanted[result["id"]]), (result, wanted[result["id"]])
            assert close(result["score"], score), f"{result} where the score should be {score}"


def close(a, b):
    """Equal but for the rounding of float32 sums."""
    return abs(a - b) <= 2e-5 * max(1.0, abs(a), abs(b))


def decode_vector(value):
    """A vector of a JSON record: numbers, or base64 of little-endian float32."""
    if isinstance(value, str):
        return numpy.frombuffer(base64.b64decode(value), dtype="<f4")
    return numpy.array(value, dtype=numpy.float32)


def encode_vector(vector):
    return base64.b64encode(numpy.asarray(vector, dtype="<f4").tobytes()).decode()


def words(path, count, skip=0):
    """Lines [skip, skip + count) of the example data, decoded: [{id, vector (numpy), metadata}]."""
    records = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            if number >= skip + count:
                break
            if number >= skip:
                record = json.loads(line)
                record["vector"] = decode_vector(record["vector"])
                records.append(record)
    return records


def recall(metric, rows, ids, queries, answers, k=10):
    """Mean share of the k true nearest in the answers (lists of ids), by score so that ties count."""
    total = 0
    position = {record_id: row for row, record_id in enumerate(ids)}
    for query, answer in zip(queries, answers):
        truth = scores(metric, rows, query)
        if metric not in HIGHER_IS_NEARER:
            truth = -truth
        bar = numpy.sort(truth)[-k] - 1e-6
        total += sum(truth[position[record_id]] >= bar for record_id in answer[:k])
    return total / (k * len(queries))
