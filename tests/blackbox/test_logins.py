# SPDX-License-Identifier: Apache-2.0
"""The web server's own logins, set up as doc/security.md says, word for word but for names of hosts and files: who is let in, as whom,
and that nobody can pose as another."""

import base64
import http.client
import json
import os
import re
import ssl
import tempfile
from pathlib import Path

import pytest

import harness
import webservers
from certificates import Authority, openssl
from client import exchange
from directory import Directory
from provider import Browser, Provider

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

    def start(kind, login, port=None):
        started.append(kind(folder, port or harness.free_port(), server.socket(), login))
        started[-1].wait()
        return started[-1].port

    yield start
    for web in started:
        web.stop()


@pytest.fixture(scope="module")
def certificates():
    """Where those of this module lie; Apache serves as another user, who reads the authorities' too."""
    with tempfile.TemporaryDirectory(prefix="vecstore-test-") as path:
        os.chmod(path, 0o755)
        yield Path(path)


@pytest.fixture(scope="module")
def authority(certificates):
    return Authority(certificates, "people")


@pytest.fixture(scope="module")
def stranger(certificates):
    """Another authority."""
    return Authority(certificates, "others")


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
    return {json.loads(line).get("actor") for line in harness.run("audit", "--json", "--data", server.data, check=0).stdout.splitlines()}


NAMES = {
    "alice": "admin",
    "Bob Builder": "reader",
    "O'Hara\"s": "reader",
    **dict.fromkeys(("mallory", "Alice", "alice ", " alice", '"alice"', "*", "alice\n", "x\nalice", "alice\tadmin", "alice,CN=x", ""), "nobody"),
}


@pytest.fixture(scope="module")
def people(authority):
    """{common name: certificate}, and under "cut" one whose name a NUL ends too early."""
    made = {name: authority.issue(name) for name in NAMES}
    return {**made, "cut": authority.reword(authority.issue("alice.example"), b"alice.example", b"alice\0example")}


@pytest.mark.parametrize("kind", [webservers.apache, webservers.lighttpd], ids=lambda kind: kind.__name__)
def test_client_certificates(server, front, authority, stranger, people, kind):
    """A name opens what its line says; no certificate, or one that the authority did not sign, not even a connection."""
    apache = kind is webservers.apache
    names = {"/etc/vecstore/clients.pem": authority.certificate}
    text = block("apache" if apache else "lighttpd", "client certificates", names)
    port = front(kind, webservers.Login(text=text, modules=("ssl",), certificate=authority.server()))

    def ask(certificate, **headers):
        return who(port, authority.context(certificate), **headers)

    assert {name: ask(people[name]) for name in NAMES} == NAMES
    for header in POSING:
        assert ask(people["Bob Builder"], **{header: "alice"}) == "reader", header
        assert ask(people["mallory"], **{header: "alice"}) == "nobody", header
    assert ask(people["mallory"], **{"X-API-Key": server.key}) == "admin"
    assert ask(people["alice"], **{"X-API-Key": "vsk_wrong"}) == "nobody"
    # The name ends where the certificate says, not at a NUL.
    assert ask(people["cut"]) == ("nobody" if apache else "malformed")
    # Not of this authority: another's, one's own, one that a person of it has signed.
    for certificate in (None, stranger.issue("alice"), authority.issue("alice", signer=people["Bob Builder"])):
        assert ask(certificate) is None, certificate
    assert who(port) in (None, ("refused", 400))
    assert "user:Bob Builder" in actors(server)


@pytest.mark.parametrize("kind", [webservers.apache, webservers.lighttpd], ids=lambda kind: kind.__name__)
def test_client_certificates_or_a_key(server, front, authority, stranger, people, kind):
    """Where a certificate need not be shown, another authority's is still worth nothing."""
    apache = kind is webservers.apache
    names = {"/etc/vecstore/clients.pem": authority.certificate}
    names |= {"SSLVerifyClient require": "SSLVerifyClient optional"} if apache else {'enforce = "enable"': 'enforce = "disable"'}
    text = block("apache" if apache else "lighttpd", "client certificates", names)
    port = front(kind, webservers.Login(text=text, modules=("ssl",), certificate=authority.server()))
    assert who(port, authority.context(people["alice"])) == "admin"
    assert who(port, authority.context()) == "nobody"
    assert who(port, authority.context(), **{"X-API-Key": server.key}) == "admin"
    assert who(port, authority.context(stranger.issue("alice"))) in (None, "nobody")


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


def test_ldap(server, front, authority, directory):
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


def test_ldap_of_a_stranger(server, front, stranger, directory):
    """A directory that cannot prove who it is learns no password and lets nobody in."""
    port = front(webservers.apache, ldap(directory, stranger))
    assert who(port, **basic("alice", "a secret")) in (("refused", 401), ("refused", 500))


def check_keys_instead(server, port):
    """Past the login with a key, and by it alone."""
    assert who(port, **{"X-API-Key": server.key}) == "admin"
    assert who(port, **basic("alice", "a secret")) == "admin"
    assert who(port, **basic("Bob Builder", "b secret"), **{"X-API-Key": server.key}) == "admin"
    for headers in ({"X-API-Key": "vsk_x"}, {"X-API-Key": "vsk_x", **basic("alice", "a secret")}, {"X-API-Key": "vsk_x", "Remote-User": "alice"}):
        assert who(port, **headers) == "nobody"
    for headers in ({}, {"X-API-Key": ""}, {"X-API-Key": " "}, {"X_API_Key": server.key}, {"X.API-Key": "x"}, basic("alice", "x")):
        assert who(port, **headers) == ("refused", 401)


def test_a_key_instead_of_ldap(server, front, authority, directory):
    login = ldap(directory, authority)
    login.text = login.text.replace("    Require valid-user\n", block("apache", "or a key", {}))
    check_keys_instead(server, front(webservers.apache, login))


def test_a_key_instead_of_a_password(server, front, folder):
    hashed = {name: openssl("passwd", "-apr1", password).decode() for name, password in PEOPLE.items()}
    (folder / "htpasswd").write_text("".join(f"{name}:{text}" for name, text in hashed.items()))
    backend = f'auth.backend = "htpasswd"\nauth.backend.htpasswd.userfile = "{folder}/htpasswd"\n'
    modules = 'server.modules += ( "mod_auth", "mod_authn_file" )\n'
    check_keys_instead(server, front(webservers.lighttpd, webservers.Login(text=modules + backend + block("lighttpd", "or a key", {}))))


@pytest.fixture
def provided(front, folder):
    """Apache before the server, and its provider: (Apache's address, provider)."""
    port = harness.free_port()
    address = f"http://localhost:{port}"
    provider = Provider(folder, f"{address}/oidc", PEOPLE)
    names = {"https://login.example.org": provider.issuer, "https://vectors.example.org": address, "    Require valid-user\n": block("apache", "or a key", {})}
    front(webservers.apache, webservers.Login(text=block("apache", "OpenID Connect", names), modules=("auth_openidc",)), port)
    yield address, provider
    provider.stop()


def test_openid_connect(server, folder, provided):
    address, provider = provided
    page = f"{address}/admin/keys"

    def sent(browser, url, **headers):
        """Where a browser is sent, or what vecstore answers."""
        status, head, text = browser.request("GET", url, headers=headers)
        assert ("X-Request-Id" in head) == ("Location" not in head), (url, status, text)
        return head["Location"] or status

    def log_in(name, password):
        browser = Browser()
        asked = sent(browser, page)
        assert asked.startswith(f"{provider.issuer}/auth?")
        return browser, provider.log_in(browser, asked, name, password)

    # A wrong password does not come back from there.
    assert "/login.html?" in log_in("alice", "b secret")[1]
    alice, back = log_in("alice", "a secret")
    assert back.startswith(f"{address}/oidc?")
    # What came back is good for the browser that was sent there.
    status, head, _ = Browser().request("GET", back)
    assert "Location" not in head and "X-Request-Id" not in head, status
    # Let in, but nobody here, until the name that the trail tells has a line.
    assert sent(alice, sent(alice, back)) == 401
    (name,) = {actor for actor in actors(server) if (actor or "").startswith("user:")}
    (folder / "users").write_text(USERS + f"{name.removeprefix('user:')} admin\n")
    server.reload()
    assert sent(alice, page) == 200
    assert sent(alice, page, Origin=address) == 200 and sent(alice, page, Origin="http://evil.example") == 401
    # Everybody else is asked who they are, or is refused where nobody can be asked.
    bob, back = log_in("Bob Builder", "b secret")
    bob.request("GET", back)
    sub = name.removeprefix("user:")
    for header in POSING:
        assert sent(bob, page, **{header: sub}) == 401, header
        assert sent(Browser(), page, **{header: sub}).startswith(provider.issuer), header
    forger = Browser()
    forger.cookies[int(address.rsplit(":", 1)[1])] = {"mod_auth_openidc_session": sub}
    assert sent(forger, page).startswith(provider.issuer)
    assert Browser().request("GET", page, headers={"Accept": "application/json"})[0] == 401
    assert sent(Browser(), page, **{"X-API-Key": server.key}) == 200
    assert sent(Browser(), page, **{"X-API-Key": sub}) == 401
