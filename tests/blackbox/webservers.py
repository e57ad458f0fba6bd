# SPDX-License-Identifier: Apache-2.0
"""Real web servers with generated configurations, on free ports, beside any that the system runs."""

import http.client
import os
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import harness
from client import raw_request

APACHE_MODULES = "/usr/lib/apache2/modules"


class WebServer:
    """A web server in the foreground: started, waited for, stopped."""

    def __init__(self, folder, port, command, env=None, tls=False):
        self.port = port
        self.tls = tls
        self.log = folder / f"web-{port}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **(env or {})}
            )

    def wait(self):
        def answers():
            assert self.process.poll() is None, self.log.read_text()
            try:
                if self.tls:  # which may want a certificate
                    socket.create_connection(("127.0.0.1", self.port)).close()
                    return True
                return raw_request(self.port, "GET", "/health").status in (200, 302, 401)
            except (OSError, http.client.HTTPException):
                return False

        harness.wait_for(answers, "the web server answers")

    def stop(self):
        self.process.terminate()
        self.process.wait(harness.DEADLINE)


MODULES = ("mpm_event", "authz_core", "proxy", "proxy_fcgi", "reqtimeout", "buffer", "env")
LOGIN_MODULES = ("authn_core", "authn_file", "authz_user", "auth_basic")


@dataclass
class Login:
    """How a web server finds out who asks: not at all, by a file of passwords, or by what stands in the place of that."""

    passwords: Path | None = None
    text: str = ""
    modules: tuple = ()  # of Apache, that the text needs
    outside: str = ""  # before the virtual host
    certificate: Path | None = None  # PEM with its key: with TLS


NO_LOGIN = Login()


def shipped(name, port, path, login):
    """A file of httpd-conf for a test: on our port, before the socket at this path, with this machine's name and this login."""
    text = (harness.SOURCE / "httpd-conf" / name).read_text()
    text = text.replace("<VirtualHost *:443>", f"<VirtualHost *:{port}>")
    if login.certificate:
        text = re.sub(r"(?m)^(\s*SSLCertificate\w*File).*$", rf"\1 {login.certificate}", text)
    else:
        text = re.sub(r"(?m)^\s*SSL.*$", "", text)
    if login.passwords:
        text = text.replace("/etc/vecstore/htpasswd", str(login.passwords))
    else:
        text = re.sub(r'(?s)<Location "/">\s*AuthType.*?</Location>', lambda _: login.text, text)
        text = re.sub(r'"mod_auth", "mod_authn_file", ', "", text)
        text = re.sub(r"(?m)^\s*auth\..*$", "", text)
    assert "/var/lib/vecstore/run/vecstore.sock" in text
    return text.replace("/var/lib/vecstore/run/vecstore.sock", str(path)).replace("vectors.example.org", "localhost")


def apache(folder, port, path, login=NO_LOGIN):
    """Apache httpd with mod_proxy_fcgi before the workers' socket, as httpd-conf says. Started by root it serves as
    nobody, whose group is given the socket, as an administrator would."""
    user = "User nobody\nGroup nogroup\n" if os.geteuid() == 0 else ""
    if user:
        shutil.chown(path, group="nogroup")
        for way in (folder, path.parent, path.parent.parent):
            os.chmod(way, 0o755)
    loaded = "".join(
        f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so\n"
        for name in (*MODULES, *(() if login == NO_LOGIN else LOGIN_MODULES), *login.modules)
    )
    config = folder / "apache.conf"
    config.write_text(f"""
{loaded}
ServerRoot "{folder}"
DefaultRuntimeDir "{folder}"
PidFile "{folder}/apache.pid"
ErrorLog "{folder}/apache-error.log"
ServerName localhost
Listen 127.0.0.1:{port}
ServerLimit 40
MaxRequestWorkers 1000
{user}
{login.outside}
{shipped("vecstore-apache.conf", port, path, login)}
""")
    command = ["/usr/sbin/apache2", "-d", str(folder), "-f", str(config), "-DFOREGROUND"]
    return WebServer(folder, port, command, tls=login.certificate is not None)


def lighttpd(folder, port, path, login=NO_LOGIN):
    """An administrator's own lighttpd before the workers' socket, as httpd-conf says."""
    config = folder / "admin-lighttpd.conf"
    tls = f'server.modules = ( "mod_openssl" )\nssl.engine = "enable"\nssl.pemfile = "{login.certificate}"' if login.certificate else ""
    config.write_text(f"""
server.document-root = "{folder}"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{folder}/admin-lighttpd-error.log"
server.upload-dirs = ( "{folder}" )
{tls}
{shipped("vecstore-lighttpd.conf", port, path, login)}
{login.text}
""")
    return WebServer(folder, port, ["/usr/sbin/lighttpd", "-D", "-f", str(config)], tls=login.certificate is not None)


def lighttpd_cgi(folder, port, data):
    """lighttpd that starts the worker anew for each request (mod_cgi)."""
    config = folder / "lighttpd.conf"
    config.write_text(f"""
server.modules = ( "mod_alias", "mod_setenv", "mod_cgi" )
server.document-root = "{folder}"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{folder}/lighttpd-error.log"
server.upload-dirs = ( "{folder}" )
server.max-request-size = 70000
alias.url = ( "/" => "{harness.WORKER}/" )
setenv.set-environment = ( "VECSTORE_DATA" => "{data}" )
cgi.assign = ( "" => "" )
""")
    return WebServer(folder, port, ["/usr/sbin/lighttpd", "-D", "-f", str(config)])
