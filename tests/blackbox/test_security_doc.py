# SPDX-License-Identifier: Apache-2.0
"""The commands of doc/security.md, pasted in order into one shell, answer what is said behind them."""

import os
import re
import subprocess

import harness

DOC = harness.SOURCE / "doc/security.md"


def test_commands(folder):
    script = "\n".join(re.findall(r"^```sh\n(.*?)^```$", DOC.read_text(), re.M | re.S))
    assert script.count("vecstore ") > 5
    port = harness.free_port()
    script = script.replace("8080", str(port))
    env = {**os.environ, "PATH": f"{harness.PREFIX}/bin:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", f"{script}\nkill %1\nwait"], cwd=folder, env=env, capture_output=True, text=True, timeout=harness.DEADLINE
    )
    out = done.stdout
    for answer in (
        '"error":"a key is needed"',
        '"results":[{"id":"alien"',
        '"results":[{"id":"brazil"',
        'there is no namespace \\"globex\\"',
        '"error":"the credential does not allow this"',
        '"code":"quota_exceeded"',
        '"max_vectors":1000',
        "limit: 2; the key may have 1 (max_results_per_query)",
        '"results":[{"id":"north-1","score":0.70710677,"metadata":{"team":"north"}}],',
        "there is no such record",
        "metadata: the credential's filter does not let this record be written",
        '"reason":"another namespace"',
        '"error":"the credential is not valid"',
        '"results":[{"id":"alien","score":0.9938837,"metadata":{"year":1979}},{"id":"north-1"',
    ):
        assert answer in out, f"{answer}\n{out}\n{done.stderr}"
    assert out.count('"results":[{"id":"brazil"') == 2 and re.search(r"2\d{3}-\d\d-\d\d,acme,\w+,2,1,", out), out
    assert re.search(r"local:\d+  local  key create", out), out
