# SPDX-License-Identifier: Apache-2.0
"""Certificates as tests need them, made by openssl: authorities, servers, clients with odd names."""

import ssl
import subprocess


def openssl(*arguments, stdin=None):
    return subprocess.run(["openssl", *map(str, arguments)], input=stdin, check=True, capture_output=True).stdout


def subject(*names):
    """For -subj: these common names, whatever they hold."""
    return "".join("/CN=" + name.replace("\\", "\\\\").replace("/", "\\/").replace("+", "\\+") for name in names)


def take(der):
    """The first element of DER and what follows it: (element, content, rest)."""
    head, size = 2, der[1]
    if size & 0x80:
        head = 2 + (size & 0x7F)
        size = int.from_bytes(der[2:head], "big")
    return der[: head + size], der[head : head + size], der[head + size :]


def element(tag, content):
    length = len(content).to_bytes(2, "big")
    return bytes([tag, 0x82]) + length + content


class Authority:
    """A certificate authority with its files in a folder."""

    def __init__(self, folder, name):
        self.folder = folder
        self.made = 0
        self.config, self.certificate = folder / f"{name}.cnf", folder / f"{name}.pem"
        self.config.write_text("[req]\ndistinguished_name = none\nstring_mask = utf8only\n[none]\n")
        self.make(self.certificate, subject(name), "basicConstraints=critical,CA:TRUE")

    def make(self, path, whose, extension, *signer):
        """A certificate with its key in one file."""
        openssl("req", "-x509", "-config", self.config, "-utf8", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-days", "2", "-subj", whose, "-addext", extension, *signer, "-keyout", f"{path}.key", "-out", path)  # fmt: skip
        with open(path, "ab") as file, open(f"{path}.key", "rb") as key:
            file.write(key.read())

    def issue(self, *names, extension="basicConstraints=CA:FALSE", signer=None):
        """For these common names; signed by the authority, or by another certificate's owner."""
        self.made += 1
        path = self.folder / f"{self.certificate.stem}-{self.made}.pem"
        signer = signer or self.certificate
        self.make(path, subject(*names) if any(names) else "/O=nobody", extension, "-CA", signer, "-CAkey", signer)
        return path

    def reword(self, path, old, new):
        """The same certificate with other bytes of the same length in it, signed anew: for names that openssl would not make."""
        body = take(ssl.PEM_cert_to_DER_cert(path.read_text().split("-----BEGIN PRIVATE")[0]))[1]
        told, _, rest = take(body)
        algorithm = take(rest)[0]
        assert told.count(old) == 1 and len(old) == len(new)
        told = told.replace(old, new)
        seal = element(3, b"\0" + openssl("dgst", "-sha256", "-sign", self.certificate, stdin=told))
        key = "-----BEGIN PRIVATE" + path.read_text().split("-----BEGIN PRIVATE")[1]
        path.write_text(ssl.DER_cert_to_PEM_cert(element(0x30, told + algorithm + seal)) + key)
        return path

    def server(self):
        return self.issue("localhost", extension="subjectAltName=DNS:localhost,IP:127.0.0.1")

    def context(self, own=None):
        """For a client that trusts this authority, and shows a certificate of its own or none."""
        context = ssl.create_default_context(cafile=self.certificate)
        if own:
            context.load_cert_chain(own)
        return context
