# SPDX-License-Identifier: Apache-2.0
"""Real web servers with generated configurations, on free ports, beside any that the system runs."""

import os
import shutil
import subprocess

import harness

APACHE_MODULES = "/usr/lib/apache2/modules"


class WebServer:
    """A web server in the foreground: started, waited for, stopped."""

    def __init__(self, folder, port, command, env=None):
        self.port = port
        self.log = folder / "web.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, **(env or {})})

    def wait(self, client):
        def answers():
            assert self.process.poll() is None, self.log.read_text()
            try:
                return client.get("/health").status == 200
            except OSError:
                return False
        harness.wait_for(answers, "the web server answers")

    def stop(self):
        self.process.terminate()
        self.process.wait(harness.DEADLINE)


def apache(folder, port, socket):
    """Apache httpd with mod_proxy_fcgi before the workers' socket. Started by root it serves as nobody, whose group
    is given the socket, as an administrator would."""
    user = "User nobody\nGroup nogroup\n" if os.geteuid() == 0 else ""
    if user:
        shutil.chown(socket, group="nogroup")
        for path in (folder, socket.parent, socket.parent.parent):
            os.chmod(path, 0o755)
    modules = "".join(f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so\n"
                      for name in ("mpm_event", "authz_core", "proxy", "proxy_fcgi"))
    config = folder / "apache.conf"
    config.write_text(f"""
{modules}
ServerRoot "{folder}"
DefaultRuntimeDir "{folder}"
PidFile "{folder}/apache.pid"
ErrorLog "{folder}/apache-error.log"
ServerName localhost
Listen 127.0.0.1:{port}
{user}
AllowEncodedSlashes NoDecode
MergeSlashes Off
ProxyPass "/" "unix:{socket}|fcgi://vecstore/"
""")
    return WebServer(folder, port, ["/usr/sbin/apache2", "-d", str(folder), "-f", str(config), "-DFOREGROUND"])


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
