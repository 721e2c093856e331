#!/usr/bin/env python3
"""One EIO from fdatasync, after which the disk works again: Hark beside Debian's redis-server, the
same script, and what each then claims.

    test/crash/eio.py

A client writes one key after the other, each when the one before was answered; other keys expire
meanwhile. One sync of the append-only file, or journal, fails with EIO; what it was to bring to the
disk stays in memory, is read, and never reaches the disk, as Linux has it. The client goes on for
some seconds. Then the power goes: what was synced is there. The server is started again.
"""

import errno
import os
import random
import sys
import time

import server
from wire import Error, Nil

REDIS = "/usr/bin/redis-server"
GOES_ON_S = 5.0


class Trial:
    """One server and what became of it. `answers`: (name of the key, the reply or None)."""

    def __init__(self, binary, sync):
        self.binary, self.sync = binary, sync
        self.is_redis = "redis" in os.path.basename(binary)
        settings = {"appendonly": "yes", "appendfsync": sync, "save": ""}
        if not self.is_redis:
            settings["journal-segment-bytes"] = "1mb"
        self.server = server.Server(settings, faulty=True, binary=binary)
        self.answers, self.times = [], {}
        self.info = {}
        self.status = self.status_again = None

    def write(self, asker, phase):
        key = f"{phase}:{len(self.answers)}"
        try:
            reply = asker("SET", key, "x" * 40)
        except OSError:
            reply = None
        self.answers.append((key, reply))
        self.times[key] = time.monotonic()
        return reply

    def play(self):
        s = self.server
        asker = s.start()
        if self.is_redis:
            s.disk.begin()  # it makes files by ways that are not seen, before it serves
        for i in range(20):
            self.write(asker, "before")
            asker("SET", f"short:{i}", "x", "PX", 1000 + 200 * i)  # the server has work of its own
        if self.sync == "everysec":
            self.write_until_synced(asker)
        s.disk.arm("sync", error=errno.EIO)
        until = time.monotonic() + GOES_ON_S
        while time.monotonic() < until:
            phase = "after" if s.disk.met else "before"
            if self.write(asker, phase) is None:
                break
            time.sleep(0.005)
        assert s.disk.met == 1
        self.look(asker)
        self.lose_power()
        self.start_again()
        s.remove()
        return self

    def write_until_synced(self, asker):
        """Redis syncs only when there is something new."""
        disk = self.server.disk
        until = disk.count("sync") + 2
        while disk.count("sync") < until:
            self.write(asker, "before")
            time.sleep(0.01)

    def look(self, asker):
        if self.answers[-1][1] is None or self.server.ended():
            self.status = self.server.wait()
        else:
            for line in asker("INFO").decode().splitlines():
                name, _, value = line.partition(":")
                self.info[name] = value
        self.says = last_line(self.server.log())

    def lose_power(self):
        if self.status is None:
            self.server.kill()
            self.server.wait()
        self.server.disk.lose_power(random.Random(0), keep=0)

    def start_again(self):
        self.there = []
        try:
            asker = self.server.start()
            self.there = [k for k, _ in self.answers if asker("GET", k) is not Nil]
        except server.Ended as e:
            self.status_again = e.args[0]
        self.says_again = last_line(self.server.log())

    # -- what it comes to

    def acknowledged(self, phase=""):
        return [k for k, reply in self.answers if reply == "OK" and k.startswith(phase)]

    def early(self):
        """Those that were acknowledged well over a second before the end."""
        end = self.times[self.answers[-1][0]]
        return [k for k in self.acknowledged() if self.times[k] < end - 2.5]

    def refusals(self):
        return [reply for _, reply in self.answers if isinstance(reply, Error)]

    def lost(self, phase=""):
        return [k for k in self.acknowledged(phase) if k not in self.there]

    def rows(self):
        after = self.acknowledged("after")
        refused = self.refusals()
        last = self.answers[-1][1]
        status = {k: self.info.get(k) for k in
                  ("aof_last_write_status", "aof_last_fsync_status", "journal_error")}
        told = ", ".join(f"{k}:{v}" for k, v in status.items() if v)
        return {
            "acknowledged before the sync failed": len(self.acknowledged("before")),
            "acknowledged after it": len(after),
            "refused after it": f"{len(refused)}" + (f": {refused[0][:40]}" if refused else ""),
            "the last write": "no answer" if last is None else str(last)[:44],
            "INFO at the end": told or "gone",
            "the process": "runs on" if self.status is None else f"ended, status {self.status}",
            "its last word": self.says[:70],
            "after the loss of power": "serves" if self.status_again is None
                                       else f"does not start, status {self.status_again}",
            "its last word then": self.says_again[:70] if self.status_again is not None else "",
            "acknowledged, and there": f"{len(self.acknowledged()) - len(self.lost())} of "
                                       f"{len(self.acknowledged())}",
            "acknowledged after the error, and lost": f"{len(self.lost('after'))} of {len(after)}",
        }


def last_line(log):
    """The last thing of weight in a log, without its time: of an error, if there was one."""
    lines = [line.split(" # ", 1)[1] for line in log.splitlines() if " # " in line]
    errors = [line for line in lines if "rror" in line or "ad file" in line]
    return (errors or lines or [""])[-1]


def main():
    trials = []
    for binary in (REDIS, server.server_binary()):
        for sync in ("everysec", "always"):
            trials.append(Trial(binary, sync).play())
    names = [f"{'Redis 7.0' if t.is_redis else 'Hark'}, {t.sync}" for t in trials]
    columns = [t.rows() for t in trials]
    print("| | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|")
    for row in columns[0]:
        print(f"| {row} | " + " | ".join(str(c[row]) for c in columns) + " |")


if __name__ == "__main__":
    sys.exit(main())
