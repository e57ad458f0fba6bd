# SPDX-License-Identifier: Apache-2.0
"""What the README tells a new user to paste works, in its order, with the data that the quickstart leaves."""

import json
import re
import subprocess

import harness

QUICKSTART = "http://127.0.0.1:8080"


def pasted():
    section = re.search(r"^## Ask it$(.*?)^## ", (harness.SOURCE / "README.md").read_text(), re.M | re.S)[1]
    return [line for line in section.splitlines() if line.startswith("curl ")]


def test_lines_to_paste(fresh):
    harness.run("import", harness.WORDS, "--data", fresh.data, check=0)
    lines = pasted()
    assert len(lines) >= 10
    answers = []
    for line in lines:
        assert QUICKSTART in line
        done = subprocess.run(
            line.replace(QUICKSTART, f"http://127.0.0.1:{fresh.port}").replace("curl ", "curl -sS --fail-with-body ", 1),
            shell=True,
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout.decode()}{done.stderr.decode()}"
        answers.append(json.loads(done.stdout))
    assert answers[0]["results"][0]["id"] == "prince"
    assert len(answers[1]["results"]) == 5
    assert answers[-1]["active_vectors"] == 2, "the restored snapshot has what was deleted after it"
