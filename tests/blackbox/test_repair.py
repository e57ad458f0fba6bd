# SPDX-License-Identifier: Apache-2.0
"""`vecstore check --repair`: whatever happens to derived files, it brings them back, and tells what it cannot bring back."""

import os
import random
import re
import shutil
import subprocess
import time

import numpy
import pytest

import harness
import test_derived
from harness import wait_for
from test_derived import DERIVED, Asker, loaded, recall, verify, words  # noqa: F401 (fixtures)

SUM = re.compile(r"(\d+) problems, (?:(\d+) mended, )?(\d+) repairs pending")


def check(data, *flags, status=0):
    """Problems, mended, repairs pending; and all that was said."""
    said = harness.run("check", "--data", data, *flags, check=status).stdout
    found = SUM.search(said)
    assert found, said
    return int(found[1]), int(found[2] or 0), int(found[3]), said


def flip(path, count=20, start=4096, seed=1):
    """Turns single bits behind the header, where something is."""
    chance = random.Random(seed)
    size = path.stat().st_size
    with open(path, "r+b") as file:
        for _ in range(count):
            at = chance.randrange(min(start, size // 2), min(size, start + 150000))
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1 << chance.randrange(8)]))


def flip_bits(path):
    flip(path, start=0 if path.name == "live.bits" else 4096)


def shuffle_links(path):
    """Links in bounds that lead anywhere: each looks good by itself."""
    if path.name == "graph.hnsw":
        links = numpy.random.default_rng(7).integers(1, 5000, size=(5000, 32), dtype=numpy.uint32)
        with open(path, "r+b") as file:
            file.seek(4096)
            file.write(links.tobytes())


KINDS = [
    test_derived.damage_nothing,
    test_derived.damage_empty,
    test_derived.damage_garbage,
    test_derived.damage_body,
    test_derived.damage_half,
    flip_bits,
    shuffle_links,
]


@pytest.fixture(scope="module")
def fresh_recall(loaded):  # noqa: F811
    server, records, questions = loaded
    return recall(server.client, records, questions)


@pytest.mark.parametrize("damage", KINDS)
def test_repair_of_a_stopped_server(loaded, fresh_recall, damage):  # noqa: F811
    server, records, questions = loaded
    server.stop()
    folder = harness.generation(server.data)
    for name in DERIVED:
        damage(folder / name)
    problems, _, repairs, said = check(server.data)
    assert problems == 0 and repairs > 0, said
    problems, mended, repairs, said = check(server.data, "--repair")
    assert (problems, repairs) == (0, 0) and mended > 0, said
    assert check(server.data)[:3] == (0, 0, 0)
    server.start()
    for question in questions[:3]:
        verify(server.client, records, question)
    assert recall(server.client, records, questions) >= fresh_recall - 0.005


@pytest.mark.parametrize("names", [["graph.hnsw"], ["graph.up"], ["codes.i8"], ["live.bits"], list(DERIVED)], ids="+".join)
def test_repair_beside_a_running_server(loaded, fresh_recall, names):  # noqa: F811
    """No answer is wrong and none fails meanwhile."""
    server, records, questions = loaded
    folder = harness.generation(server.data)
    asker = Asker(server.client, records, questions)
    asker.start()
    try:
        wait_for(lambda: asker.asked >= 3 or asker.fault, "answers before")
        for name in names:
            if name.startswith("columns"):
                (folder / name).unlink()
            else:
                flip(folder / name, start=0 if name == "live.bits" else 4096)
        problems, _, repairs, said = check(server.data, "--repair")
        assert (problems, repairs) == (0, 0), said
        after = asker.asked + 3
        wait_for(lambda: asker.asked >= after or asker.fault, "answers after")
    finally:
        asker.stop()
    server.wait_indexed()
    wait_for(lambda: check(server.data)[:3] == (0, 0, 0), "a clean check")
    assert recall(server.client, records, questions) >= fresh_recall - 0.005


def test_a_killed_repair_is_repeated(loaded, fresh_recall):  # noqa: F811
    server, records, questions = loaded
    server.stop()
    folder = harness.generation(server.data)
    for round_ in range(6):
        for name in DERIVED:
            if (folder / name).exists():
                flip(folder / name, start=64, seed=round_)
        process = subprocess.Popen([harness.VECSTORE, "check", "--repair", "--data", server.data], stdout=subprocess.DEVNULL)
        time.sleep(0.05 * (round_ + 1))
        process.kill()
        process.wait()
        assert check(server.data)[0] == 0
    assert check(server.data, "--repair")[::2][:1] == (0,)
    assert check(server.data)[:3] == (0, 0, 0)
    server.start()
    verify(server.client, records, questions[0])
    assert recall(server.client, records, questions) >= fresh_recall - 0.005


def test_a_header_that_claims_too_much(loaded):  # noqa: F811
    """`linked` beyond all slots: what is stored then must be found nevertheless."""
    server, _, questions = loaded
    server.stop()
    folder = harness.generation(server.data)
    with open(folder / "graph.hnsw", "r+b") as file:
        file.seek(72)
        claimed = int.from_bytes(file.read(4), "little") + 100
        file.seek(72)
        file.write(claimed.to_bytes(4, "little"))
    if os.path.getsize(folder / "codes.i8"):
        with open(folder / "codes.i8", "r+b") as file:
            file.seek(64)
            file.write((claimed + 100).to_bytes(4, "little"))
    assert "says that" in check(server.data)[3]
    server.start()
    server.client.upsert("late", questions[0])
    assert server.client.found(questions[0], limit=1) == ["late"]
    server.wait_indexed()
    wait_for(lambda: check(server.data)[:3] == (0, 0, 0), "a clean check")
    assert server.client.found(questions[0], limit=1) == ["late"]
    server.client.delete("late")


def test_folders_that_nothing_names(loaded):  # noqa: F811
    server = loaded[0]
    server.stop()
    space = harness.generation(server.data).parent
    rest, nameless, unnamed = space / "g000009", space.parent / ("0" * 16), space.parent / ("f" * 16)
    rest.mkdir()
    (rest / "vectors.f32").write_bytes(b"x" * 100)
    nameless.mkdir()
    shutil.copytree(space, unnamed)
    problems, _, repairs, said = check(server.data, status=1)
    assert problems == 1 and repairs == 2, said
    assert "g000009" in said and nameless.name in said and unnamed.name in said
    problems, mended, repairs, said = check(server.data, "--repair", status=1)
    assert (problems, mended, repairs) == (1, 2, 0), said
    assert not rest.exists() and not nameless.exists()
    assert unnamed.exists()  # it holds records
    shutil.rmtree(unnamed)
    assert check(server.data)[:3] == (0, 0, 0)
    space.rename(space.with_name("x"))
    assert check(server.data, status=1)[0] == 1
    space.with_name("x").rename(space)
    server.start()


def test_damaged_truth_is_named_and_left(loaded):  # noqa: F811
    """Last, since it stays damaged: a vector with a wrong bit."""
    server, records, _ = loaded
    server.stop()
    folder = harness.generation(server.data)
    record_id, vector = next(iter(records.vectors.items()))
    with open(folder / "vectors.f32", "r+b") as file:
        data = file.read()
        at = data.index(numpy.asarray(vector, dtype=numpy.float32).tobytes())
        file.seek(at)
        file.write(bytes([data[at] ^ 1]))
    (folder / "live.bits").unlink()
    problems, _, repairs, said = check(server.data, "--repair", status=1)
    assert (problems, repairs) == (1, 0), said
    assert record_id in said and "backup" in said
    server.start()
    server.client.upsert(record_id, vector, records.metadata[record_id])
    assert check(server.data)[0] == 0


def test_bytes_and_the_catalogues_log(fresh):
    """storage_bytes is what lies in the folder, columns and liveness too; the indexer empties catalog.db's WAL."""
    batch = [{"id": str(i), "vector": [1.0, i], "metadata": {"n": i}} for i in range(3000)]
    fresh.client.batch(batch)
    fresh.wait_indexed()
    folder = harness.generation(fresh.data)
    wait_for(lambda: (folder / "columns/c000.codes").exists() and (folder / "live.bits").exists(), "derived files")
    inside = lambda: sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))
    wait_for(lambda: fresh.client.stats()["storage_bytes"] == inside(), "the bytes in the folder")
    wait_for(lambda: (fresh.data / "catalog.db-wal").stat().st_size == 0, "catalog.db's WAL to be copied back")
    harness.check_store(fresh.data)
