# SPDX-License-Identifier: Apache-2.0
"""Clients that take their time, many at once, all served by one thread."""

import socket
import threading

import client

STEP = 100  # bytes, and the pause between them in seconds
PAUSE = 0.05


class Slow:
    """One connection to 127.0.0.1:port. What is `at_once` it sends at once, then data slowly, and reads the answer slowly; it keeps the
    beginning of what it has read, and whether the server has ended the connection."""

    def __init__(self, port, at_once, data=b"", step=STEP):
        self.data, self.step = data, step
        self.head, self.ended = b"", False
        self.peer = socket.socket()
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.peer.settimeout(client.TIMEOUT)
        self.peer.connect(("127.0.0.1", port))
        self.peer.sendall(at_once)
        self.peer.setblocking(False)

    def turn(self):
        """A step of it."""
        try:
            if self.data:
                self.data = self.data[self.peer.send(self.data[: self.step]) :]
            else:
                taken = self.peer.recv(self.step)
                self.ended = not taken
                self.head = (self.head + taken)[:4096]
        except BlockingIOError:
            pass
        except OSError:
            self.ended = True

    def status(self):
        """Of the answer; None: there is none yet."""
        return int(self.head[9:12]) if len(self.head) > 12 else None

    def hurry(self):
        """Sends what is left, and returns the status."""
        self.peer.settimeout(client.TIMEOUT)
        self.peer.sendall(self.data)
        while len(self.head) <= 12:
            taken = self.peer.recv(STEP)
            assert taken, "the connection ends without an answer"
            self.head += taken
        return self.status()


class Slows:
    """Slow clients at work: {kind: [Slow]}."""

    def __init__(self, clients):
        self.clients = clients
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.done.wait(PAUSE):
            for clients in self.clients.values():
                for client in clients:
                    if not client.ended:
                        client.turn()

    def rest(self):
        """They do nothing any more."""
        self.done.set()
        self.thread.join()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.rest()
        for clients in self.clients.values():
            for client in clients:
                client.peer.close()
