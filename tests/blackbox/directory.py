# SPDX-License-Identifier: Apache-2.0
"""A directory of people: OpenLDAP's slapd as a private process, with a folder, a port and a certificate of its own."""

import socket
import subprocess

import harness

SUFFIX = "dc=example,dc=org"


def entries(people):
    """{uid: password} as LDIF."""
    yield f"dn: {SUFFIX}\nobjectClass: domain\ndc: example\n"
    yield f"dn: ou=people,{SUFFIX}\nobjectClass: organizationalUnit\nou: people\n"
    for uid, password in people.items():
        yield (f"dn: uid={uid},ou=people,{SUFFIX}\nobjectClass: account\nobjectClass: simpleSecurityObject\n"
               f"uid: {uid}\nuserPassword: {password}\n")  # fmt: skip


class Directory:
    def __init__(self, folder, certificate, people):
        self.port = harness.free_port()
        config = folder / "slapd.conf"
        (folder / "ldap").mkdir()
        schemas = "".join(f"include /etc/ldap/schema/{name}.schema\n" for name in ("core", "cosine"))
        config.write_text(f"""{schemas}
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
TLSCertificateFile {certificate}
TLSCertificateKeyFile {certificate}
database mdb
suffix "{SUFFIX}"
directory {folder}/ldap
access to attrs=userPassword by anonymous auth by * none
access to * by * read
""")
        subprocess.run(["/usr/sbin/slapadd", "-f", config], input="\n".join(entries(people)).encode(), check=True, capture_output=True)
        with open(folder / "slapd.log", "wb") as log:
            self.process = subprocess.Popen(
                ["/usr/sbin/slapd", "-d", "0", "-f", config, "-h", f"ldaps://127.0.0.1:{self.port}"], stdout=log, stderr=log
            )

    def wait(self):
        def answers():
            assert self.process.poll() is None, "slapd has ended"
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return True
            except OSError:
                return False

        harness.wait_for(answers, "slapd answers")

    def stop(self):
        self.process.terminate()
        self.process.wait(harness.DEADLINE)
