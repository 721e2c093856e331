"""Those who read events as streams (`__keyspace@0__:*` by XREAD and by a group), and what they
must have got. Where the server has no views yet it watches nothing, and says so once."""

from clients import ViewReader, Worker, event_of
from server import is_redis
from story import DISORDER, GONE, INVENTED, LOST, must
from wire import Error

VIEW = ViewReader.VIEW
PAGE = 5000


class Witness:
    def __init__(self):
        self.there = False
        self.log = []  # (id, key, event) of the whole life, as recovered
        self.highest = (0, 0)  # no id up to here may be given again
        self.due = {}  # keys that expire: what they held, until their event has come
        self.spent = {}  # and after it
        self.acked = set()
        self.delivered = set()

    def begin(self, asker):
        self.there = not is_redis() and not isinstance(asker("XRANGE", VIEW, "-", "+"), Error)
        self.groups = self.there and not isinstance(
            asker("XGROUP", "CREATE", Worker.VIEW, Worker.GROUP, "0"), Error)

    def connect(self, rng, where):
        """The followers of this round."""
        self.readers, self.workers = [], []
        self.known = len(self.log)
        if self.there:
            last = self.log[-1][0] if self.log else (0, 0)
            self.readers = [ViewReader(rng.choice(where), last, rng.choice((1, 10, 1000)))
                            for _ in range(2)]
        if self.groups:
            self.workers = [Worker(rng.choice(where), b"c%d" % i, rng) for i in range(2)]
        return [*self.readers, *self.workers]

    # -- after a crash

    def check(self, life, asker, candidates, shared, there):
        """How many steps of each writer happened, by their events; None without views."""
        if not self.there:
            return None
        if life.lossy:
            self.forget_unsafe(asker)
        entries = self.read(asker)
        self.check_order(entries)
        for follower in self.readers:
            self.check_seen(life, follower, entries)
        life.counts["events"] += len(entries)
        life.counts["events seen before the crash"] += sum(len(r.got) for r in self.readers)
        happened = [self.check_writer(i, life, entries, candidates[i])
                    for i in range(len(life.writers))]
        self.check_expired(life, entries, happened, there)
        counted = sum(1 for e in entries if e[1] == b"shared")
        must(counted == shared - life.shared, GONE,
             f"{counted} events of `shared`, counted {shared - life.shared} times")
        self.log += entries
        self.check_workers(life)
        for id, _, _ in entries:
            self.highest = max(self.highest, id)
        return happened

    def forget_unsafe(self, asker):
        """What expired right after the last start the power may have taken; it expires again then.
        So may the group have gone with it."""
        while self.log and self.log[-1][2] == b"expired":
            key = self.log.pop()[1]
            self.due[key] = self.spent.pop(key)
        if self.groups:
            asker("XGROUP", "CREATE", Worker.VIEW, Worker.GROUP, "0")

    def read(self, asker):
        """The entries behind those that are known."""
        entries = []
        last = self.log[-1][0] if self.log else (0, 0)
        while True:
            page = asker("XRANGE", VIEW, b"(%d-%d" % last, "+", "COUNT", PAGE)
            assert not isinstance(page, Error), page
            entries += map(event_of, page)
            if len(page) < PAGE:
                return entries
            last = entries[-1][0]

    def check_order(self, entries):
        last = self.log[-1][0] if self.log else (0, 0)
        for id, key, event in entries:
            must(id > last, DISORDER, f"{id} after {last}")
            last = id

    def check_seen(self, life, follower, entries):
        """What it got is there under the same ids, all of it, with nothing between."""
        got = follower.got
        entries = [e for e in entries if e[0] > follower.first]
        by_id = {id for id, _, _ in got}
        kept = 0
        while kept < len(entries) and entries[kept][0] in by_id:
            kept += 1
        must(entries[:kept] == got[:kept], DISORDER, "they changed, or their order")
        must(life.lossy or kept == len(got), GONE, f"{len(got) - kept} of those that were seen")
        if got and kept < len(entries):
            must(entries[kept][0] > got[-1][0], DISORDER, "an id came twice, or an event late")

    def check_writer(self, index, life, entries, candidates):
        writer = life.writers[index]
        mine = [e[1:] for e in entries
                if e[1].startswith(writer.tale.prefix) and e[2] != b"expired"]
        events, at, m = [], 0, 0
        fits = []
        for m in range(len(writer.steps) + 1):
            if m:
                events += writer.steps[m - 1].events
            if m in candidates and len(events) == len(mine):
                fits.append(m)
        whole = [e for s in writer.steps[: fits[-1]] for e in s.events] if fits else None
        must(whole == mine, GONE if len(mine) < len(events) else INVENTED,
             f"writer {index}: {len(mine)} events, which are not those of {candidates} steps; "
             f"the last are {mine[-5:]}")
        return fits[-1]

    def check_expired(self, life, entries, happened, there):
        """Each key that expired has one event that says so, and not before its time."""
        for writer, m in zip(life.writers, happened):
            for step in writer.steps[:m]:
                for key, held in step.changes:
                    if held and not held.exact:
                        self.due[key] = held
        for id, key, event in entries:
            if event != b"expired":
                continue
            held = self.spent[key] = self.due.pop(key, None)
            must(held, INVENTED, f"{key!r} expired twice, or was never there")
            must(id[0] >= held.lo_ms, INVENTED, f"{key!r} expired at {id[0]}, before {held.lo_ms}")
        for key in self.due:
            must(key in there, GONE, f"{key!r} is gone without one")

    def check_workers(self, life):
        """New deliveries in order; what was acknowledged is not delivered again."""
        for worker in self.workers:
            ids = [e[0] for e in worker.got]
            must(ids == sorted(set(ids)), DISORDER, "deliveries of a group")
            if not life.lossy:
                again = {e[0] for e in worker.got + worker.again} & self.acked
                must(not again, LOST, f"{len(again)} events that a group acknowledged came again")
            self.delivered.update(e for e in worker.got + worker.again)
        for worker in self.workers:
            if not life.lossy:  # else the power may have taken them, with the last of the data
                self.acked.update(worker.acked)

    # -- the end of a life

    def end(self, life, asker):
        """Everything once more from the begin; the group gets the rest."""
        if not self.there:
            return
        known, self.log = self.log, []
        whole = self.read(asker)
        must(whole[: len(known)] == known, DISORDER, "history has changed")
        self.log = known
        if not self.groups:
            return
        for name in (b"c0", b"c1"):
            last = b"0"
            while True:
                reply = asker("XREADGROUP", "GROUP", Worker.GROUP, name, "COUNT", PAGE, "STREAMS",
                              Worker.VIEW, last)
                if not isinstance(reply, list) or not reply[0][1]:
                    break
                self.delivered.update(map(event_of, reply[0][1]))
                last = reply[0][1][-1][0] if last != b">" else last
        while True:
            reply = asker("XREADGROUP", "GROUP", Worker.GROUP, b"c0", "COUNT", PAGE, "STREAMS",
                          Worker.VIEW, ">")
            if not isinstance(reply, list):
                assert not isinstance(reply, Error), reply
                break
            self.delivered.update(map(event_of, reply[0][1]))
        missing = set(whole) - self.delivered
        must(not missing, GONE, f"the group never got {len(missing)}: {sorted(missing)[:5]}")
        life.counts["events delivered to the group"] += len(whole)
