# SPDX-License-Identifier: Apache-2.0
"""An OpenID Connect provider: Glewlwyd as a private process, with a database file, a port and people of its own."""

import http.client
import json
import os
import sqlite3
import subprocess
import urllib.parse

import harness
from certificates import openssl

TABLES = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3"
CLIENT, SECRET = "vecstore", "what-the-provider-gave-you"


class Browser:
    """Keeps cookies by port, follows nothing by itself."""

    def __init__(self):
        self.cookies = {}

    def request(self, method, url, body=None, headers=None):
        """(status, headers, body)"""
        parts = urllib.parse.urlsplit(url)
        jar = self.cookies.setdefault(parts.port, {})
        headers = {"Accept": "text/html", **(headers or {}), **({"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())} if jar else {})}
        if body is not None:
            body, headers["Content-Type"] = json.dumps(body), "application/json"
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=harness.DEADLINE)
        connection.request(method, urllib.parse.urlunsplit(("", "", parts.path, parts.query, "")), body, headers)
        reply = connection.getresponse()
        text = reply.read()
        for line in reply.headers.get_all("Set-Cookie") or []:
            name, value = line.split(";")[0].split("=", 1)
            jar[name] = value
        connection.close()
        return reply.status, reply.headers, text


class Provider:
    def __init__(self, folder, redirect, people):
        self.port = harness.free_port()
        self.url = f"http://localhost:{self.port}/api"
        self.issuer = f"{self.url}/oidc"
        database = folder / "provider.db"
        with sqlite3.connect(database) as db:
            with open(TABLES, encoding="utf-8") as tables:
                db.executescript(tables.read())
        db.close()
        settings = {
            "PORT": self.port,
            "BIND_ADDRESS": "127.0.0.1",
            "API_PREFIX": "api",
            "EXTERNAL_URL": f"http://localhost:{self.port}",
            "LOGIN_URL": "login.html",
            "LOG_MODE": "console",
            "LOG_LEVEL": "WARNING",
            "DATABASE_TYPE": "sqlite3",
            "DATABASE_SQLITE3_PATH": database,
            "HASH_ALGORITHM": "SHA512",
            "SESSION_EXPIRATION": 3600,
            "SESSION_KEY": "GLEWLWYD2_SESSION_ID",
            "ADMIN_SCOPE": "g_admin",
            "PROFILE_SCOPE": "g_profile",
            "USER_MODULE_PATH": "/usr/lib/glewlwyd/user",
            "CLIENT_MODULE_PATH": "/usr/lib/glewlwyd/client",
            "AUTH_SCHEME_MODULE_PATH": "/usr/lib/glewlwyd/scheme",
            "PLUGIN_MODULE_PATH": "/usr/lib/glewlwyd/plugin",
        }
        env = {**os.environ, **{f"GLWD_{name}": str(value) for name, value in settings.items()}}
        self.log = folder / "provider.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["/usr/bin/glewlwyd", "-e"], env=env, cwd=folder, stdout=log, stderr=log)
        self.set_up(folder, redirect, people)

    def set_up(self, folder, redirect, people):
        """As its administrator would in its pages: a key to sign with, ourselves as a client, the people."""
        admin = Browser()

        def add(what, fields):
            status, _, text = admin.request("POST", self.url + what, fields)
            assert status == 200, (what, status, text)

        harness.wait_for(self.answers, "the provider answers")
        add("/auth/", {"username": "admin", "password": "password"})
        key, public = folder / "provider.key", folder / "provider.pem"
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key)
        openssl("pkey", "-in", key, "-pubout", "-out", public)
        signing = {"jwt-type": "rsa", "jwt-key-size": "256", "key": key.read_text(), "cert": public.read_text()}
        parameters = {"iss": self.issuer, "auth-type-code-enabled": True, **signing}
        add("/mod/plugin/", {"module": "oidc", "name": "oidc", "display_name": "oidc", "parameters": parameters})
        client = {"client_id": CLIENT, "name": CLIENT, "confidential": True, "client_secret": SECRET, "enabled": True}
        how = {"redirect_uri": [redirect], "authorization_type": ["code"], "token_endpoint_auth_method": ["client_secret_basic"]}
        add("/client/", {**client, **how, "scope": []})
        for name, password in people.items():
            add("/user/", {"username": name, "password": password, "scope": ["openid"], "enabled": True})

    def answers(self):
        assert self.process.poll() is None, self.log.read_text()
        try:
            return Browser().request("GET", f"http://localhost:{self.port}/config")[0] == 200
        except OSError:
            return False

    def log_in(self, browser, asked, name, password):
        """What its login page does for somebody whom a client has sent to the address asked for, and who lets the client know who
        they are: where it sends them."""
        browser.request("POST", self.url + "/auth/", {"username": name, "password": password})
        browser.request("PUT", f"{self.url}/auth/grant/{CLIENT}", {"scope": "openid"})
        return browser.request("GET", asked + "&g_continue")[1]["Location"]

    def stop(self):
        self.process.terminate()
        self.process.wait(harness.DEADLINE)
