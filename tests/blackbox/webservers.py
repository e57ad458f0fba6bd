# SPDX-License-Identifier: Apache-2.0
"""Real web servers with generated configurations, on free ports, beside any that the system runs."""

import http.client
import os
import re
import shutil
import subprocess

import harness
from client import raw_request

APACHE_MODULES = "/usr/lib/apache2/modules"


class WebServer:
    """A web server in the foreground: started, waited for, stopped."""

    def __init__(self, folder, port, command, env=None):
        self.port = port
        self.log = folder / f"web-{port}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **(env or {})}
            )

    def wait(self):
        def answers():
            assert self.process.poll() is None, self.log.read_text()
            try:
                return raw_request(self.port, "GET", "/health").status in (200, 401)
            except (OSError, http.client.HTTPException):
                return False

        harness.wait_for(answers, "the web server answers")

    def stop(self):
        self.process.terminate()
        self.process.wait(harness.DEADLINE)


MODULES = ("mpm_event", "authz_core", "proxy", "proxy_fcgi", "reqtimeout", "buffer", "env")
LOGIN_MODULES = ("authn_core", "authn_file", "authz_user", "auth_basic")


def shipped(name, socket, passwords=None):
    """A file of httpd-conf for a test: our socket, this machine's name, no TLS, and no passwords but those of a file."""
    text = (harness.SOURCE / "httpd-conf" / name).read_text()
    text = re.sub(r"</?VirtualHost.*?>", "", text)
    text = re.sub(r"(?m)^\s*(SSL|ServerName).*$", "", text)
    if passwords:
        text = text.replace("/etc/vecstore/htpasswd", str(passwords))
    else:
        text = re.sub(r'(?s)<Location "/">\s*AuthType.*?</Location>', "", text)
        text = re.sub(r'(?m)^\s*auth\..*$|"mod_auth", "mod_authn_file", ', "", text)
    assert "/var/lib/vecstore/run/vecstore.sock" in text
    return text.replace("/var/lib/vecstore/run/vecstore.sock", str(socket)).replace("vectors.example.org", "localhost")


def apache(folder, port, socket, passwords=None):
    """Apache httpd with mod_proxy_fcgi before the workers' socket, as httpd-conf says. Started by root it serves as
    nobody, whose group is given the socket, as an administrator would."""
    user = "User nobody\nGroup nogroup\n" if os.geteuid() == 0 else ""
    if user:
        shutil.chown(socket, group="nogroup")
        for path in (folder, socket.parent, socket.parent.parent):
            os.chmod(path, 0o755)
    modules = "".join(
        f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so\n"
        for name in (*MODULES, *(LOGIN_MODULES if passwords else ()))
    )
    config = folder / "apache.conf"
    config.write_text(f"""
{modules}
ServerRoot "{folder}"
DefaultRuntimeDir "{folder}"
PidFile "{folder}/apache.pid"
ErrorLog "{folder}/apache-error.log"
ServerName localhost
Listen 127.0.0.1:{port}
ServerLimit 40
MaxRequestWorkers 1000
{user}
{shipped("vecstore-apache.conf", socket, passwords)}
""")
    return WebServer(folder, port, ["/usr/sbin/apache2", "-d", str(folder), "-f", str(config), "-DFOREGROUND"])


def lighttpd(folder, port, socket, passwords=None):
    """An administrator's own lighttpd before the workers' socket, as httpd-conf says."""
    config = folder / "admin-lighttpd.conf"
    config.write_text(f"""
server.document-root = "{folder}"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{folder}/admin-lighttpd-error.log"
server.upload-dirs = ( "{folder}" )
{shipped("vecstore-lighttpd.conf", socket, passwords)}
""")
    return WebServer(folder, port, ["/usr/sbin/lighttpd", "-D", "-f", str(config)])


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
