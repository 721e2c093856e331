"""Workers of a group, writers, and someone who kills them: what test_workers.py plays and compares.

    writers ── acknowledged writes ──▶ server ── view ──▶ group ──▶ workers ── logs
       │                                  ▲                  ▲                   │
       └──────────────┐            kill -9 and restart  kill -9 and restart      │
                      ▼                                                          ▼
                    check: what was written = what the view has = what was handled

A worker is a program of another client library (workers/worker.*). It is told by its environment:
SOCKET, VIEW, GROUP, NAME (of the consumer), LOG, CLAIM_MS (claim what is idle for so long; 0:
nothing), and works until it is killed. It first reads what is pending for it, then what is new. To
handle an event is to write it down. Its log has lines of words:

    batch new|own|claimed <run id of the server> <us when asked> <us when answered>
    entry <id> <key> <event> <db>            of that batch: it is handled now
    acked <us when answered> <id> …          XACK has said so

What must be true is in the functions `check_…`."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from harness import ROOT, Closed, Error, eventually, is_loading

GROUP = "crew"
CLAIM_MS = 400
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "workers")
SYSTEM_PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
NODE_MODULES = os.path.join(ROOT, "build", "npm", "node_modules")
COMMANDS = {
    "python": [SYSTEM_PYTHON, os.path.join(FOLDER, "worker.py")],
    "node": ["node", os.path.join(FOLDER, "worker.js")],
    "shell": ["bash", os.path.join(FOLDER, "worker.sh")],
}


def node_env():
    """In which node finds what tools/setup installed."""
    return {**os.environ, "NODE_PATH": NODE_MODULES}


def needs_node(module):
    """Skips the test where tools/setup could not install a library of node."""
    if not shutil.which("node"):
        pytest.skip("node is not installed, and tools/setup could not install it")
    if subprocess.run(["node", "-e", f"require('{module}')"], env=node_env(),
                      stderr=subprocess.DEVNULL).returncode:
        pytest.skip(f"npm could not install {module} for node (tools/setup test)")


def number(entry_id):
    return tuple(map(int, entry_id.split("-")))


# ---- writers ----


class Orders:
    """Writes of one writer whose events are all different: none can be taken for another."""

    view = "__keyspace@0__:order:*"

    def __init__(self, name):
        self.name, self.n = name, 0

    def next(self):
        """Words of the next write, and its event: (key, event, db)."""
        key, step = f"order:{self.name}:{self.n // 4}", self.n % 4
        self.n += 1
        words, event = [(("SET", key, "v" * (self.n % 2000)), "set"),
                        (("APPEND", key, "w"), "append"),
                        (("SETRANGE", key, 7, "x"), "setrange"),
                        (("DEL", key), "del")][step]
        return words, (key, event, "0")

    def after_loss(self):
        """Goes on with a key of which nothing is unsure."""
        self.n = -(-self.n // 4) * 4
        return []


class Dues:
    """Keys with deadlines: each has one event, when it is over."""

    view = "__keyevent@*__:expired"

    def __init__(self, name):
        self.name, self.n = name, 0
        self.rng = random.Random(name)
        self.db = "0"

    def next(self):
        self.n += 1
        key = f"due:{self.name}:{self.n}"
        return ("SET", key, "v", "PX", self.rng.randrange(1, 400)), (key, "expired", self.db)

    def after_loss(self):
        """Another connection, another database: the words that choose it."""
        self.db = str(self.rng.randrange(4))
        return [("SELECT", self.db)]


class Writer(threading.Thread):
    """Writes until it is stopped. `written` has a list of each connection: [(event, acknowledged)],
    in the order of writing; the last ones, of those that are not acknowledged, may be missing."""

    BATCH = 20

    def __init__(self, server, tale, stop, pause_s):
        super().__init__(daemon=True)
        self.server, self.tale, self.stop, self.pause_s = server, tale, stop, pause_s
        self.written = []
        self.failed = None

    def run(self):
        try:
            while not self.stop.is_set():
                try:
                    with self.server.connect_unix() as c:
                        while is_loading(c):
                            self.stop.wait(0.005)
                        self.written.append([])
                        for words in self.tale.after_loss():
                            c(*words)
                        while not self.stop.is_set():
                            self.write(c)
                            self.stop.wait(self.pause_s)
                except (Closed, OSError):
                    self.stop.wait(0.005)
        except Exception as e:  # told by the main thread
            self.failed = e

    def write(self, c):
        batch = [self.tale.next() for _ in range(self.BATCH)]
        acknowledged = 0
        try:
            for words, _ in batch:
                c.send(*words)
            for _ in batch:
                reply = c.reply()
                assert not isinstance(reply, Error), reply
                acknowledged += 1
        finally:
            self.written[-1] += [(event, i < acknowledged) for i, (_, event) in enumerate(batch)]


# ---- workers ----


class Worker:
    """A program at work, by turns under several names."""

    def __init__(self, kind, server, view, claim_ms):
        self.kind, self.server, self.view, self.claim_ms = kind, server, view, claim_ms
        self.names = 0
        self.logs = []  # of each of its lives
        self.process = None

    def start(self, new_name=False):
        self.names += new_name
        self.logs.append(tempfile.NamedTemporaryFile(prefix=f"{self.kind}-", suffix=".log",
                                                     dir=self.server.folder, delete=False).name)
        env = {**node_env(), "SOCKET": self.server.unix_path, "VIEW": self.view, "GROUP": GROUP,
               "NAME": f"{self.kind}{self.names}", "LOG": self.logs[-1],
               "CLAIM_MS": str(self.claim_ms)}
        self.process = subprocess.Popen(COMMANDS[self.kind], env=env, stdin=subprocess.DEVNULL,
                                        stderr=open(self.server.path("stderr"), "ab"),
                                        start_new_session=True)

    def kill(self):
        """And what it has started, as a shell does. It must have been alive."""
        alive = self.process.poll() is None
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        assert alive, f"the {self.kind} worker ended by itself:\n{self.stderr()}"

    def stderr(self):
        with open(self.server.path("stderr"), errors="replace") as f:
            return f.read()[-3000:]


class Batch:
    def __init__(self, worker, how, life, asked_us, got_us):
        self.worker, self.how, self.life = worker, how, life
        self.asked_us, self.got_us = int(asked_us), int(got_us)
        self.entries = []  # (id, (key, event, db)): handled
        self.acked_us, self.acked = None, []

    def ids(self):
        return [entry_id for entry_id, _ in self.entries]


def batches_of(worker, log):
    """What a log tells. Its last line may be cut, where the worker was killed."""
    with open(log) as f:
        text = f.read()
    batches = []
    for line in text[: text.rfind("\n") + 1].splitlines():
        what, *words = line.split(" ")
        if what == "batch":
            batches.append(Batch(worker, *words))
        elif what == "entry":
            batches[-1].entries.append((words[0], tuple(words[1:])))
        elif what == "acked":
            batches[-1].acked_us, batches[-1].acked = int(words[0]), words[1:]
        else:
            raise AssertionError(f"{log}: {line}")
    return batches


# ---- the whole ----


class Crew:
    """Plays: writers and workers for some seconds, with kills (`kills`: on average so many a
    second), then until all is handled."""

    def __init__(self, server, tale, kinds, seed, claim_ms=CLAIM_MS, writers=2):
        self.server, self.rng = server, random.Random(seed)
        self.view = tale.view
        with server.connect_unix() as c:
            c("XGROUP", "CREATE", self.view, GROUP, "$")
        self.stop = threading.Event()
        self.writers = [Writer(server, tale(f"w{i}"), self.stop, 0.01) for i in range(writers)]
        self.workers = [Worker(kind, server, self.view, claim_ms) for kind in kinds]
        self.counts = {"server kills": 0, "worker kills": 0, "worker stalls": 0, "snapshots": 0}

    def play(self, seconds, kills):
        for w in [*self.writers, *self.workers]:
            w.start()
        try:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                time.sleep(min(self.rng.expovariate(kills), 2) if kills else seconds)
                if kills:
                    self.rng.choice([self.kill_server, self.kill_worker, self.kill_worker,
                                     self.stall_worker, self.snapshot])()
            self.stop.set()
            for w in self.writers:
                w.join()
                if w.failed:
                    raise w.failed
            self.drain()
        finally:
            self.stop.set()
            for w in self.workers:
                w.kill()

    def kill_server(self):
        """Now and then it is asked to end instead."""
        if self.rng.random() < 0.2:
            assert self.server.halt() == 0
        else:
            self.server.kill()
        time.sleep(self.rng.random() * 0.2)
        self.server.start()
        self.counts["server kills"] += 1

    def kill_worker(self):
        w = self.rng.choice(self.workers)
        w.kill()
        time.sleep(self.rng.random() * 0.2)
        # Under another name, if others can claim what it leaves behind.
        w.start(new_name=bool(w.claim_ms) and self.rng.random() < 0.3)
        self.counts["worker kills"] += 1

    def stall_worker(self):
        """For so long that others claim what it has; it goes on as if nothing had been."""
        w = self.rng.choice(self.workers)
        os.killpg(w.process.pid, signal.SIGSTOP)
        time.sleep(1.5 * CLAIM_MS / 1000)
        os.killpg(w.process.pid, signal.SIGCONT)
        self.counts["worker stalls"] += 1

    def snapshot(self):
        with self.server.connect_unix() as c:
            c.send("BGREWRITEAOF")
            c.reply()  # that one is being written already is fine
        self.counts["snapshots"] += 1

    def drain(self):
        with self.server.connect_unix() as c:
            def all_due():
                return not re.search("^db", c("INFO", "keyspace"), re.M)

            def all_done():
                info = c("XINFO", "GROUPS", self.view)[0]
                group = dict(zip(info[::2], info[1::2]))
                last = c("XREVRANGE", self.view, "+", "-", "COUNT", "1")
                return (not last or number(group["last-delivered-id"]) >= number(last[0][0])) and \
                    group["pending"] == 0
            if self.view == Dues.view:
                eventually(all_due, 60)
            eventually(all_done, 120)

    def told(self):
        return Told(self)


def read_view(c, view):
    """[(id, (key, event, db))] of all that a view has."""
    entries, start = [], "-"
    while page := c("XRANGE", view, start, "+", "COUNT", "5000"):
        for entry_id, words in page:
            fields = dict(zip(words[::2], words[1::2]))
            entries.append((entry_id, (fields["key"], fields["event"], fields["db"])))
        start = "(" + entries[-1][0]
    return entries


class Told:
    """What everyone says at the end."""

    def __init__(self, crew):
        with crew.server.connect_unix() as c:
            self.view = read_view(c, crew.view)
            self.pending = c("XPENDING", crew.view, GROUP)[0]
        self.written = [w.written for w in crew.writers]
        self.in_order = crew.view == Orders.view  # events come in the order of the writes
        self.batches = [b for w in crew.workers for log in w.logs for b in batches_of(w, log)]
        writes = [a for w in self.written for connection in w for _, a in connection]
        self.counts = {**crew.counts, "events": len(self.view),
                       "writes acknowledged": sum(writes),
                       "writes in doubt": len(writes) - sum(writes),
                       "handled again": sum(len(b.entries) for b in self.batches) - len(self.view)}
        for b in self.batches:
            key = f"batches {b.how} by {b.worker.kind}"
            self.counts[key] = self.counts.get(key, 0) + 1

    def check(self):
        check_writes(self)
        check_all_handled(self)
        check_first_deliveries(self)
        check_acknowledged(self)
        assert self.pending == 0


def check_writes(told):
    """Each acknowledged write has its event, each event its write; in the order of the writes.
    Each connection that was lost may have lost the end of what it sent, but no part in between; the
    next one may be lost before anything was acknowledged to it, and with less of what it sent."""
    ids = [number(entry_id) for entry_id, _ in told.view]
    assert ids == sorted(set(ids)), "ids do not ascend"
    found = {event: at for at, (_, event) in enumerate(told.view)}
    assert len(found) == len(told.view), "an event is there twice"
    for written in told.written:
        last = -1
        for connection in written:
            lost = None
            for event, acknowledged in connection:
                at = found.pop(event, None)
                if at is None:
                    assert not acknowledged, f"{event} was acknowledged, and is lost"
                    lost = event
                    continue
                assert lost is None, f"{event} is there, {lost} before it is not"
                assert not told.in_order or at > last, f"{event} comes too early"
                last = at
    assert not found, f"nobody wrote {list(found)[:5]}"


def check_all_handled(told):
    """Every event was handled, and nothing else was."""
    handled = {entry for b in told.batches for entry in b.entries}
    view = set(told.view)
    assert not handled - view, f"never happened: {sorted(handled - view)[:5]}"
    assert not view - handled, f"not handled: {sorted(view - handled)[:5]}"


def check_first_deliveries(told):
    """What one life of the server gave as new was given once, in order, without holes inside a
    batch; and what was given before others asked, is before what they got."""
    place = {entry_id: at for at, (entry_id, _) in enumerate(told.view)}
    lives = {}
    for b in told.batches:
        if b.how == "new" and b.entries:
            lives.setdefault(b.life, []).append(b)
    for batches in lives.values():
        for b in batches:
            places = [place[i] for i in b.ids()]
            assert places == list(range(places[0], places[0] + len(places))), \
                f"{b.worker.kind} got {b.ids()}"
        batches.sort(key=lambda b: place[b.ids()[0]])
        for earlier, later in zip(batches, batches[1:]):
            assert place[earlier.ids()[-1]] < place[later.ids()[0]], \
                f"{later.ids()[0]} was given as new twice"
        asked_us = 0
        for b in batches:  # none may have arrived before one that is earlier was asked for
            asked_us = max(asked_us, b.asked_us)
            assert b.got_us >= asked_us, f"{b.ids()[0]} was given too early"


def check_acknowledged(told):
    """What XACK has answered for is never given again."""
    acked = {}
    for b in told.batches:
        for i in b.acked:
            acked[i] = min(acked.get(i, b.acked_us), b.acked_us)
    for b in told.batches:
        for i in b.ids():
            assert i not in acked or b.asked_us <= acked[i], f"{i} was given after its XACK"


def check_single(told):
    """A worker alone, which reads what is pending for it first, handles all in order."""
    seen = set()
    firsts = [number(i) for b in told.batches for i in b.ids()
              if not (i in seen or seen.add(i))]
    assert firsts == sorted(firsts), "not handled in order"
