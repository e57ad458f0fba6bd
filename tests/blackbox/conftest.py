# SPDX-License-Identifier: Apache-2.0
"""Fixtures: servers that must end well, and their logs in the report of a test that failed."""

import shutil
import tempfile
from pathlib import Path

import pytest

import harness


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes more than ten seconds; such tests begin first, beside the others (-n)")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_report_header():
    return f"vecstore: {harness.VECSTORE}"


def pytest_sessionstart():
    if not Path(harness.VECSTORE).exists():
        pytest.exit(f"there is no {harness.VECSTORE}: build and install first, or set VECSTORE_PREFIX", 2)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for server in harness.started:
            report.sections.append((f"log of {' '.join(server.command())}", server.text()[-4000:]))


def serving(start=True, **options):
    """A generator for fixtures: a server that is stopped, checked and removed afterwards."""
    server = harness.Server(**options)
    try:
        yield server.start() if start else server
        server.stop()
    finally:
        server.destroy()


@pytest.fixture(scope="module")
def server():
    """One server for the cheap tests of a module."""
    yield from serving()


@pytest.fixture
def client(server):
    """The module's server, emptied."""
    empty(server.client)
    return server.client


@pytest.fixture
def fresh():
    """A server of the test's own, with an empty data folder, to do with as it likes."""
    yield from serving()


@pytest.fixture
def make_server():
    """Makes servers by harness.Server's options (not started); all are stopped, checked and removed."""
    servers = []

    def make(**options):
        servers.append(harness.Server(**options))
        return servers[-1]

    try:
        yield make
        for made in servers:
            made.stop()
    finally:
        for made in servers:
            made.destroy()


@pytest.fixture
def folder():
    """A short temporary path (a Unix socket's path has to fit into 108 bytes)."""
    path = Path(tempfile.mkdtemp(prefix="vecstore-test-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def empty(client):
    """Deletes every record, so that the next test may choose anything but the dimension."""
    if client.stats()["total_vectors"] == 0:
        return
    ids = [record["id"] for record in client.pages(limit=1000, include_deleted="true")]
    for start in range(0, len(ids), 10000):
        client.ok("POST", "/v1/delete", {"ids": ids[start : start + 10000]})
