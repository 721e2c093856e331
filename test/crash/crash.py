"""Kills servers under load and looks whether anything is lost.

A life is a data folder and some rounds on it. In a round clients write, read and listen; the server
ends in some way, in the middle of it; it is started again, perhaps killed in the start as well; and
what is there is compared with what each client was told. The next round goes on from there.

What the server promises depends on how it ended:

    ended by                    appendfsync     what was acknowledged or seen
    kill -9, SIGTERM, EIO,
    lack of memory              any             is there, all of it
    loss of power               always          is there, all of it
    loss of power               everysec, no    all up to some moment is there, nothing after it

In each case the steps of a writer happened up to one of them, the counter that all share fits all
writers, and the events are those of exactly these steps.
"""

import errno
import random
import select
import signal
import time
import traceback
from collections import Counter

import disk
import story
from clients import Filler, Reader, Snapper, Subscriber, Writer
from server import (EXIT_OF_DISK_FAILURE, EXIT_OF_MEMORY, PATIENCE_S, Server, is_redis,
                    is_sanitized)
from story import DISORDER, GONE, INVENTED, KINDS_OF_FINDINGS, LOST, Finding, must
from wire import Error, Nil
from witness import Witness

ROUNDS_OF_A_LIFE = (4, 14)
LOAD_S = (0.005, 0.12)
MEMORY_LEFT = (1 << 20, 24 << 20)


class Life:
    def __init__(self, seed, counts, only=None):
        self.seed, self.counts = seed, counts
        self.rng = rng = random.Random(seed)
        self.faulty = only in ("power", "eio", "call") or (only is None and rng.random() < 0.5)
        self.sync = rng.choice(("always", "always", "everysec", "no"))
        self.only = only
        settings = {"appendonly": "yes", "appendfsync": self.sync, "save": "",
                    "notify-keyspace-events": "KEA"}
        if not is_redis():
            settings["journal-segment-bytes"] = "1mb"
        self.server = Server(settings, self.faulty)
        self.tales = [story.Story(i, rng) for i in range(rng.randint(2, 5))]
        self.models = [{} for _ in self.tales]
        self.shared = 0
        self.expired_live = set()
        self.witness = Witness()
        self.what = ""

    def rounds(self, count):
        """Plays up to `count` rounds; how many it were."""
        done = 0
        try:
            asker = self.server.start()
            self.witness.begin(asker)
            self.snapshots = not isinstance(asker("BGREWRITEAOF"), Error)
            while b"aof_rewrite_in_progress:1" in asker("INFO", "persistence"):
                time.sleep(0.001)  # what fails later is to be the journal
            for done in range(min(count, self.rng.randint(*ROUNDS_OF_A_LIFE))):
                asker = self.round(asker)
                done += 1
            self.witness.end(self, asker)
            asker.close()
        except BaseException as e:
            if isinstance(e, AssertionError):
                self.counts[e.kind if isinstance(e, Finding) else "other failures"] += 1
                self.counts["failed rounds"] += 1
            print(f"in round {done} of the life with seed {self.seed}: {self.what}; "
                  f"folder {self.server.folder}", flush=True)
            self.server.remove(keep=True)
            raise
        self.server.remove()
        return done

    # -- a round

    def round(self, asker):
        ending = self.choose_ending()
        self.what = f"{ending}, appendfsync {self.sync}"
        self.lossy = False
        self.connect(asker)
        asker.close()
        self.load(ending)
        if ending in ("call", "eio") and not self.server.disk.met:
            ending = "kill"  # there were not so many calls
        self.finish(ending)
        asker = self.start_again(ending)
        self.check(asker)
        self.counts[f"rounds: {ending}, {self.sync}"] += 1
        return asker

    def choose_ending(self):
        if self.only:
            return self.only
        if self.faulty:
            return self.rng.choice(("power",) * 3 + ("call", "call", "eio", "kill", "term"))
        ending = self.rng.choice(("kill",) * 10 + ("term", "term", "memory"))
        return "kill" if ending == "memory" and (is_redis() or is_sanitized()) else ending

    def connect(self, asker):
        rng, where = self.rng, self.server.addresses()
        self.writers = [Writer(rng.choice(where), t, rng.choice((1, 3, 20))) for t in self.tales]
        self.reader = Reader(rng.choice(where), self.writers, rng)
        self.subscriber = Subscriber(rng.choice(where))
        self.followers = self.witness.connect(rng, where)
        self.clients = [*self.writers, self.reader, self.subscriber, *self.followers]
        self.filler = Filler(rng.choice(where), rng) if self.what.startswith("memory") else None
        if self.filler:
            self.clients.append(self.filler)
        if self.snapshots and self.what[:3] != "eio" and rng.random() < 0.5:
            self.clients.append(Snapper(rng.choice(where), rng))

    def load(self, ending):
        """Until the server is ended, or ends."""
        until = time.monotonic() + self.rng.uniform(*LOAD_S)
        poll, by_fd = select.poll(), {c.fileno(): c for c in self.clients}
        for fd in by_fd:
            poll.register(fd, select.POLLIN)
        if ending in ("call", "eio"):
            self.arm(ending)
            until += 2
        elif ending == "memory":
            self.server.starve(self.rng.randrange(*MEMORY_LEFT))
            until += PATIENCE_S
        elif self.faulty:
            self.slow_syncs()
        for client in self.clients:
            client.ready()
            client.flush()
        while self.filler or not all(w.gone or w.stopped for w in self.writers):
            if self.filler and self.server.ended():
                break
            if self.filler and self.filler.gone:
                self.fill_again(poll, by_fd)
            left = until - time.monotonic()
            if left <= 0:
                break
            for fd, events in poll.poll(min(left, 0.02) * 1000):
                client = by_fd[fd]
                client.receive()
                if client.gone:
                    poll.unregister(fd)
                    continue
                client.ready()
                client.flush()
            for client in self.clients:
                client.moment()

    def fill_again(self, poll, by_fd):
        """It was cut off, for what it sent could not be kept; or the server is about to end."""
        try:
            self.filler.reconnect()
        except OSError:
            return
        by_fd[self.filler.fileno()] = self.filler
        poll.register(self.filler.fileno(), select.POLLIN)
        self.filler.ready()
        self.filler.flush()

    def slow_syncs(self):
        """Nothing is really synced, so that it takes no time; it should, for the end to meet it."""
        self.server.disk.arm("sync", action=disk.WAIT, times=0,
                             amount=self.rng.choice((0, 200, 2000, 10_000, 30_000)))

    def arm(self, ending):
        rng = self.rng
        if ending == "eio":
            self.server.disk.arm("sync write", error=errno.EIO, skip=rng.choice((0, 1, 5, 30, 150)))
            return
        action = rng.choice((disk.DIE, disk.DIE_AFTER, disk.TEAR))
        calls = "write" if action == disk.TEAR else rng.choice(("sync", "write", "sync write"))
        self.server.disk.arm(calls, action=action, skip=rng.choice((0, 1, 5, 30, 100)),
                             amount=rng.randrange(4))

    def finish(self, ending):
        """Ends the server, and hears what it still had to say."""
        if ending == "term":
            self.server.terminate()
        elif ending in ("kill", "power"):
            self.server.kill()
        elif ending == "eio" and self.server.outlives():
            # It met no file of records but a summary, say, which can be done without.
            self.counts["errors that were no end"] += 1
            ending = "kill"
            self.server.kill()
        status = self.server.wait()
        expected = {"term": 0, "eio": EXIT_OF_DISK_FAILURE, "memory": EXIT_OF_MEMORY}.get(ending, -9)
        assert status == expected, f"exit status {status}:\n{self.server.log()[-3000:]}"
        if ending == "memory":
            assert "hark: out of memory: could not get " in self.server.log()
        for client in self.clients:
            while not client.gone:
                select.select([client], [], [], 5)
                client.receive()
            client.close()
        self.ended_ms = story.now_ms()
        if self.faulty:
            self.server.disk.disarm()
        if ending == "power" or (ending in ("call", "eio") and self.rng.random() < 0.5):
            self.lose_power()

    def lose_power(self):
        keep = self.server.disk.lose_power(self.rng)
        self.what += f", power lost, keeping {keep}"
        self.lossy = self.lossy or self.sync != "always"

    def start_again(self, ending):
        while self.rng.random() < 0.3:
            self.start_badly()
        begin = time.monotonic()
        asker = self.server.start()
        self.counts["start ms"] += (time.monotonic() - begin) * 1000
        return asker

    def start_badly(self):
        """Killed in some moment of the start or in some call; or some call fails: it may then serve
        or refuse to, though not crash, nor change what the next start finds."""
        rng = self.rng
        action = rng.choice((disk.NONE, disk.DIE, disk.DIE_AFTER, disk.ERROR, disk.ERROR))
        self.counts["starts that were killed, or met an error"] += 1
        if self.faulty:
            self.server.disk.arm(" ".join(disk.CALLS), action=action, skip=rng.randrange(60),
                                 amount=rng.choice((errno.EIO, errno.ENOSPC)))
        self.server.launch()
        time.sleep(rng.uniform(0, 0.03))
        self.server.kill()
        status = self.server.wait()
        assert status in (-signal.SIGKILL, 1, EXIT_OF_DISK_FAILURE), \
            f"status {status} of a start:\n{self.server.log()[-3000:]}"
        if self.faulty:
            self.server.disk.disarm()
            if self.rng.random() < 0.3:
                self.lose_power()

    # -- what is there

    def check(self, asker):
        there = self.read_all(asker)
        self.check_filler(asker, there)
        shared = int(there.pop(b"shared", (b"0", None))[0])
        now = story.now_ms()
        mine = [{k: v for k, v in there.items() if k.startswith(t.prefix)} for t in self.tales]
        assert sum(map(len, mine)) == len(there), f"keys of nobody: {sorted(there)}"
        candidates = [self.candidates(i, mine[i], shared, now) for i in range(len(self.tales))]
        self.check_live(candidates, there)
        self.check_reader(there, shared)
        happened = self.witness.check(self, asker, candidates, shared, there)
        happened = happened or [c[-1] for c in candidates]
        self.check_shared(candidates, shared)
        self.shared = shared
        for i, writer in enumerate(self.writers):
            self.settle(i, writer, happened[i], mine[i])

    def read_all(self, asker):
        keys = asker("KEYS", "*")
        values = asker.all(("GET", k) for k in keys)
        deadlines = asker.all(("PEXPIRETIME", k) for k in keys)
        there = {}
        for key, value, deadline in zip(keys, values, deadlines):
            assert not isinstance(value, Error), f"{key!r}: {value}"
            if value is not Nil and deadline != -2:
                there[key] = value, None if deadline == -1 else deadline
        return there

    def candidates(self, index, there, shared, now):
        """After how many of its steps a writer's keys can hold what they hold."""
        writer, model = self.writers[index], dict(self.models[index])
        least = 0 if self.lossy else writer.acked
        most = writer.acked if writer.refused else len(writer.steps)
        found, first = [], None
        for m in range(most + 1):
            if m:
                step = writer.steps[m - 1]
                apply(model, step)
                if step.got_shared is not None and step.got_shared > shared:
                    break  # its count is not there, so neither is the step
            if m < least:
                continue
            why = story.wrong(model, there, now)
            if why is None:
                found.append(m)
            first = first or why
        counted = [i for i, s in enumerate(writer.steps) if s.got_shared and s.got_shared <= shared]
        found = [m for m in found if not counted or m > counted[-1]]
        must(found, LOST, f"writer {index}: {writer.acked} of {len(writer.steps)} acknowledged; "
             f"after {least}: {first or 'the shared counter does not fit'}")
        return found

    def check_shared(self, candidates, shared):
        def counted(which):
            return sum(s.shared for w, c in zip(self.writers, candidates)
                       for s in w.steps[: which(c)])
        low, high = (self.shared + counted(which) for which in (min, max))
        must(shared >= low, LOST, f"shared is {shared}, not {low} to {high}")
        assert shared <= high, f"shared is {shared}, not {low} to {high}"

    def check_live(self, candidates, there):
        """A live subscriber heard the events of steps that happened, in order, and no others."""
        heard = self.subscriber.heard
        self.counts["live events"] += len(heard)
        for i, writer in enumerate(self.writers):
            mine = [e for e in heard if e[0].startswith(writer.tale.prefix) and e[1] != b"expired"]
            if self.lossy:
                must(is_prefix(mine, events_of(writer.steps)), DISORDER, f"writer {i}, live")
                continue
            fits = [m for m in candidates[i] if is_prefix(mine, events_of(writer.steps[:m]))]
            must(fits, GONE, f"writer {i}: {len(mine)} were heard live, the last are {mine[-5:]}")
            candidates[i][:] = fits
        for key, event in heard:
            if event == b"expired":
                must(b":x" in key and key not in self.expired_live, INVENTED, f"{key!r} expired")
                self.expired_live.add(key)
                must(self.lossy or key not in there, GONE, f"{key!r} expired live, and is there")
            elif key == b"shared":
                assert event == b"incrby"

    def check_filler(self, asker, there):
        """What filled the memory is there, too; it is taken away for the next round."""
        filled = {k: there.pop(k)[0] for k in list(there) if k.startswith(Filler.PREFIX)}
        if not self.filler:
            return
        lost = self.filler.lost(filled)
        must(not lost, LOST, f"{len(lost)} of those that filled the memory, {lost[:5]}")
        self.counts["acknowledged"] += len(self.filler.acked)
        if filled:
            asker("DEL", *filled)

    def check_reader(self, there, shared):
        if self.lossy:
            return
        for key, seen in self.reader.seen.items():
            now = shared if key == b"shared" else int(there[key][0]) if key in there else 0
            must(now >= seen, LOST, f"{key!r} was read as {seen}, and is {now}")

    def settle(self, index, writer, m, there):
        self.counts["acknowledged"] += writer.acked
        self.counts["acknowledged, and gone with the power"] += max(0, writer.acked - m)
        model = self.models[index]
        for step in writer.steps[:m]:
            apply(model, step)
        for key in [k for k, held in model.items() if not held.exact and k not in there]:
            del model[key]  # expired
        self.tales[index].ahead = dict(model)


def apply(model, step):
    for key, held in step.changes:
        if held is None:
            model.pop(key, None)
        else:
            model[key] = held


def events_of(steps):
    return [e for s in steps for e in s.events]


def is_prefix(part, whole):
    return whole[: len(part)] == part


def run(rounds, seed, only=None, quiet=False):
    """Plays so many rounds; the counts. A failed round ends its life; the next one goes on."""
    counts = Counter({kind: 0 for kind in (*KINDS_OF_FINDINGS, "failed rounds")})
    begin = time.monotonic()
    life = done = 0
    while done < rounds:
        try:
            done += Life(seed + life, counts, only).rounds(rounds - done)
        except AssertionError:
            traceback.print_exc()
            done += 1
            if counts["failed rounds"] >= 5:
                break
        life += 1
        if not quiet:
            rate = done / (time.monotonic() - begin)
            print(f"{done} rounds, {life} lives, {rate:.1f} rounds/s, "
                  f"{counts['acknowledged']} acknowledged, next seed {seed + life}", flush=True)
    counts["lives"], counts["rounds"] = life, done
    counts["start ms"] = round(counts["start ms"] / max(done, 1), 1)
    return counts
