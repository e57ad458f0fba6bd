# SPDX-License-Identifier: Apache-2.0
"""The web server's own logins, set up as doc/security.md says, word for word but for names of hosts and files: who is let in, as whom,
and that nobody can pose as another."""

import base64
import http.client
import json
import re
import ssl

import pytest

import harness
import webservers
from certificates import Authority
from client import exchange
from directory import Directory

DOC = (harness.SOURCE / "doc/security.md").read_text()
USERS = """
alice           admin
"Bob Builder"   reader  default
O'Hara"s        reader  default
"""
POSING = ("Remote-User", "REMOTE_USER", "X-Remote-User", "SSL_CLIENT_S_DN_CN", "Ssl-Client-S-Dn-Cn", "OIDC_CLAIM_sub", "OIDC-Claim-Sub")


def block(language, title, names):
    """A piece of configuration in the document, by the comment that it begins with, with names of this test."""
    found = re.findall(rf"^```{language}\n# {title}\n(.*?)^```$", DOC, re.M | re.S)
    assert len(found) == 1, title
    text = found[0]
    for old, new in names.items():
        assert old in text, old
        text = text.replace(old, str(new))
    return text


@pytest.fixture
def server(make_server, folder):
    """A server that trusts the web server, without --http; it has one key, of an administrator."""
    (folder / "users").write_text(USERS)
    server = make_server(workers=1, http=False, args=["--remote-users", folder / "users"])
    server.key = harness.run("key", "create", "--role", "admin", "--data", server.data, check=0).stdout.strip()
    return server.start()


@pytest.fixture
def front(server, folder):
    """Starts a web server before it: its port."""
    started = []

    def start(kind, login):
        started.append(kind(folder, harness.free_port(), server.socket(), login))
        started[-1].wait()
        return started[-1].port

    yield start
    for web in started:
        web.stop()


@pytest.fixture
def authority(folder):
    return Authority(folder, "people")


def who(port, context=None, **headers):
    """What a caller is taken for, by vecstore, or ("refused", status) by the web server; None: that did not even listen."""
    kind = http.client.HTTPSConnection if context else http.client.HTTPConnection
    connection = kind("localhost", port, timeout=harness.DEADLINE, **({"context": context} if context else {}))
    try:
        reply = exchange(connection, "GET", "/admin/keys", headers={name.replace("__", "-"): value for name, value in headers.items()})
    except (ssl.SSLError, ConnectionError):
        return None
    finally:
        connection.close()
    if "x-request-id" not in reply.headers:
        return "refused", reply.status
    return {200: "admin", 403: "reader", 401: "nobody", 400: "malformed"}[reply.status]


def actors(server):
    """Who stands in the audit trail."""
    return {json.loads(line)["actor"] for line in harness.run("audit", "--json", "--data", server.data, check=0).stdout.splitlines()}


NAMES = {
    "alice": "admin",
    "Bob Builder": "reader",
    "O'Hara\"s": "reader",
    **dict.fromkeys(("mallory", "Alice", "alice ", " alice", '"alice"', "*", "alice\n", "x\nalice", "alice\tadmin", "alice,CN=x", ""), "nobody"),
}


@pytest.mark.parametrize("kind", [webservers.apache, webservers.lighttpd], ids=lambda kind: kind.__name__)
def test_client_certificates(server, front, authority, folder, kind):
    """A name opens what its line says; no certificate, or one that the authority did not sign, not even a connection."""
    apache = kind is webservers.apache
    names = {"/etc/vecstore/clients.pem": authority.certificate}
    text = block("apache" if apache else "lighttpd", "client certificates", names)
    port = front(kind, webservers.Login(text=text, modules=("ssl",), certificate=authority.server()))

    def ask(certificate, **headers):
        return who(port, authority.context(certificate), **headers)

    made = {name: authority.issue(name) for name in NAMES}
    assert {name: ask(certificate) for name, certificate in made.items()} == NAMES
    for header in POSING:
        assert ask(made["Bob Builder"], **{header: "alice"}) == "reader", header
        assert ask(made["mallory"], **{header: "alice"}) == "nobody", header
    assert ask(made["mallory"], **{"X-API-Key": server.key}) == "admin"
    assert ask(made["alice"], **{"X-API-Key": "vsk_wrong"}) == "nobody"
    # The name ends where the certificate says, not at a NUL.
    assert ask(authority.reword(authority.issue("alice.example"), b"alice.example", b"alice\0example")) == ("nobody" if apache else "malformed")
    # Not of this authority: another's, one's own, one that a person of it has signed.
    other = Authority(folder, "others")
    bob = made["Bob Builder"]
    for certificate in (None, other.issue("alice"), authority.issue("alice", key=bob, certificate=bob)):
        assert ask(certificate) is None, certificate
    assert who(port) in (None, ("refused", 400))
    assert "user:Bob Builder" in actors(server)


PEOPLE = {"alice": "a secret", "Bob Builder": "b secret", "eve": "e secret"}


@pytest.fixture
def directory(folder, authority):
    directory = Directory(folder, authority.server(), PEOPLE)
    directory.wait()
    yield directory
    directory.stop()


def basic(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def ldap(directory, trusted):
    """The document's login, against our directory, whose certificate is one of the trusted authority's or not."""
    names = {"ldap.example.org": f"127.0.0.1:{directory.port}"}
    outside = block("apache", "LDAP, for the whole server", {"/etc/ssl/certs/ca-certificates.crt": trusted.certificate})
    return webservers.Login(text=block("apache", "LDAP", names), modules=("ldap", "authnz_ldap"), outside=outside)


def test_ldap(server, front, folder, authority, directory):
    port = front(webservers.apache, ldap(directory, authority))
    assert who(port, **basic("alice", "a secret")) == "admin"
    assert who(port, **basic("Bob Builder", "b secret")) == "reader"
    # As the directory spells them, not as they do.
    assert who(port, **basic("ALICE", "a secret")) == "admin"
    assert who(port, **basic(" bob  builder", "b secret")) == "reader"
    # Good there, and nobody here.
    assert who(port, **basic("eve", "e secret")) == "nobody"
    for name, password in (("alice", "b secret"), ("alice", ""), ("alice", "a Secret"), ("mallory", "x"), ("", ""), ("*", "a secret"),
                           ("a*", "a secret"), ("alice)(uid=*", "a secret"), ("*)(uid=alice))(|(uid=*", "a secret")):  # fmt: skip
        assert who(port, **basic(name, password)) == ("refused", 401), (name, password)
    assert who(port) == ("refused", 401)
    for header in POSING:
        assert who(port, **basic("eve", "e secret"), **{header: "alice"}) == "nobody", header
    assert {"user:Bob Builder", "user:eve"} <= actors(server)
    # What the server cannot ask about nobody gets past.
    directory.stop()
    assert who(port, **basic("eve", "another")) in (("refused", 401), ("refused", 500))


def test_ldap_of_a_stranger(server, front, folder, authority, directory):
    """A directory that cannot prove who it is learns no password and lets nobody in."""
    port = front(webservers.apache, ldap(directory, Authority(folder, "others")))
    assert who(port, **basic("alice", "a secret")) in (("refused", 401), ("refused", 500))


def test_a_key_instead(server, front, folder, authority, directory):
    """Past the login with a key, and by it alone."""
    login = ldap(directory, authority)
    login.text = login.text.replace("    Require valid-user\n", block("apache", "or a key", {}))
    port = front(webservers.apache, login)
    assert who(port, **{"X-API-Key": server.key}) == "admin"
    assert who(port, **basic("alice", "a secret")) == "admin"
    assert who(port, **basic("Bob Builder", "b secret"), **{"X-API-Key": server.key}) == "admin"
    for headers in ({"X-API-Key": "vsk_x"}, {"X-API-Key": "vsk_x", **basic("alice", "a secret")}, {"X-API-Key": "vsk_x", "Remote-User": "alice"}):
        assert who(port, **headers) == "nobody"
    for headers in ({}, {"X-API-Key": ""}, {"X-API-Key": " "}, {"X_API_Key": server.key}, {"X.API-Key": "x"}, basic("alice", "x")):
        assert who(port, **headers) == ("refused", 401)
