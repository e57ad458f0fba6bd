# SPDX-License-Identifier: Apache-2.0
"""Tenants for test_isolation.py: namespaces with odd names, records full of canaries, keys of all kinds, and what each key may
see. A canary is a token that nobody could guess, and that tells whose it is."""

import re
import urllib.parse

from harness import run

TOKEN = re.compile(rb"cn[0-9a-f]{4}[01][imts][0-9a-f]{16}")
TEAMS = ("north", "south")
# Few, and the same for all tenants, so that the same query is asked by many.
VECTORS = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0.5, 0.5, 0.5, 0.5]]
WORDS = ["con", "null", "nul", "true", "nan", "undefined", "0", "00", "1e9", "admin", "root", "default-", "default_", "default0",
         "defaul", "d", "constructor", "catalog", "current", "snapshots", "g000001", "namespace", "x--", "or-1-1--", "xn--a", "a", "a-",
         "a_", "a--", "drop-table-record", "metrics", "-".join("a" * 32)]
TAILS = ["", "/../../catalog.db", "' OR '1'='1", '{"$gt":""}', "%2f..%00", "\x01\x1b[31m\x7f\n", "é\u202e", "?namespace=default#",
         "\\\"]}", "L" * 480, "..", " "]


def odd_names(count, random):
    """Names of namespaces that begin one another, differ in their last letter, look like something else, are as long as can be."""
    names = ["p" * length for length in (1, 2, 3, 31, 62, 63)] + WORDS
    known = {*names, "default"}
    while len(names) < count:
        name = random.choice(names)
        name = random.choice([name[:62] + random.choice("ab0-_"), name[:-1] + random.choice("cz9-_"), name[:-1]])
        if name and name[0] not in "-_" and name not in known:
            known.add(name)
            names.append(name)
    return names[:count]


class Part:
    """A tenant's records, or those of one of two teams that share its namespace."""

    def __init__(self, number, team, random):
        self.team = TEAMS[team]
        self.tokens = {kind: f"cn{number:04x}{team}{kind}{random.getrandbits(64):016x}" for kind in "imts"}
        self.sent = set()  # other parts' tokens that were sent with its keys to be written: they may come back
        tails = random.sample(TAILS, 4)
        self.ids = [f"shared-{self.team}", *(self.tokens["i"] + tail for tail in tails)]

    def record(self, record_id, vector):
        return {
            "id": record_id,
            "vector": vector,
            "metadata": {"canary": self.tokens["m"], "team": self.team, "common": "same"},
            "text": f"common words null {self.tokens['t']}",
        }

    def records(self):
        return [self.record(record_id, VECTORS[i % len(VECTORS)]) for i, record_id in enumerate(self.ids)]

    def allowed(self):
        return {token.encode() for token in self.tokens.values()} | self.sent


class Key:
    """A credential, and the parts it may see."""

    def __init__(self, tenant, role, parts, made):
        self.tenant, self.role, self.parts, self.id = tenant, role, parts, made["id"]
        self.writes = role != "reader"
        self.headers = {"X-API-Key": made["key"]}
        self.teams = {part.team for part in parts}

    def allowed(self):
        return set().union(*(part.allowed() for part in self.parts))

    def sees(self, record):
        """Whether a record of the namespace is for it."""
        return len(self.parts) == len(self.tenant.parts) or record["metadata"].get("team") in self.teams

    def live(self, accepts=lambda record: True):
        """How many live records it sees, by the ledger."""
        return sum("deleted_at" not in record and self.sees(record) and accepts(record) for record in self.tenant.ledger.values())


class Tenant:
    """A namespace. The ledger is {id: record}, as its own writes left it."""

    def __init__(self, number, name, random):
        self.number, self.name = number, name
        self.parts = [Part(number, team, random) for team in range(2 if number % 4 == 0 else 1)]
        self.keys = []
        self.ledger = {}
        self.jobs, self.snapshot, self.cursor = [], None, None

    def make(self, admin):
        """The namespace with its records and keys; of every tenth a snapshot, too."""
        admin.ok("POST", "/admin/namespaces", {"name": self.name, "dimension": 4})
        records = [record for part in self.parts for record in part.records()]
        admin.batch(records, namespace=self.name)
        for role, part in self.kinds():
            fields = {"role": role, "namespace": self.name}
            if part:
                fields["filter"] = f"team = '{part.team}'"
            self.keys.append(Key(self, role, [part] if part else self.parts, admin.ok("POST", "/admin/keys", fields)))
        if self.number % 10 == 0:
            self.snapshot = f"s-{self.parts[0].tokens['s']}"
            admin.ok("POST", f"/v1/snapshots?namespace={self.name}&wait=60", {"name": self.snapshot})
        self.ledger = self.read(admin)
        self.cursor = admin.ok("GET", f"/v1/records?limit=2&namespace={self.name}")["next_cursor"]
        self.jobs = [job["id"] for job in admin.ok("GET", f"/v1/jobs?namespace={self.name}")["jobs"]]

    def kinds(self):
        yield "reader", None
        if len(self.parts) == 2:
            yield from (("writer", part) for part in self.parts)
            yield "reader", self.parts[1]
        else:
            yield ("namespace_admin" if self.number % 8 == 1 else "writer"), None

    def read(self, admin):
        """All that is there now: {id: record}."""
        query = {"include_deleted": "true", "include_text": "true", "include_vector": "true", "limit": 1000}
        page = admin.ok("GET", f"/v1/records?{urllib.parse.urlencode({**query, 'namespace': self.name})}")
        assert page["next_cursor"] is None
        return {record["id"]: record for record in page["records"]}

    def allowed(self):
        return set().union(*(part.allowed() for part in self.parts))

    def exported(self, data):
        """What the command line writes of it."""
        return run("export", "--namespace", self.name, "--data", data, check=0).stdout.encode()


def tokens(*texts, kinds=b"imts"):
    """The canaries in texts (bytes): of ids, metadata, texts, names of snapshots."""
    return {token for text in texts for token in TOKEN.findall(text) if token[7] in kinds}
