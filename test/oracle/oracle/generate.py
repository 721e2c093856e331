"""A program from a seed: the same seed, groups and clock give the same program."""

import random

from .groups import GROUPS, pubsub
from .play import ACTORS
from .state import Tracker
from .steps import Batch, size
from .words import ANY_KEY, FAMILIES, FLAGS, SMALL_VALUE, all_keys, pick

EPISODE = 4000  # commands after which everything starts anew, so that a report is short
BATCH_MAX = 120
SCENARIO_CHANCE = 0.14

# No numbers: behind an EX that lacks its own they would be a TTL of a second.
_EXCESS = pick(b"", b"bogus", b"NX", b"COUNT", b"\x00\xff", b"-1")
_EXACT = (b"CONFIG", b"COMMAND", b"SPOP", b"ZRANK", b"ZREVRANK")
_CAREFUL = frozenset(FAMILIES["lex"])


class _Table:
    """Weighted templates to draw from."""

    SLOTS = 4096

    def __init__(self, weighted):
        total = sum(entry[0] for entry in weighted)
        self.slots = []
        for weight, *rest in weighted:
            self.slots += [tuple(rest)] * max(1, round(weight / total * self.SLOTS))

    def draw(self, chance):
        return self.slots[int(chance * len(self.slots))]


def _gather(groups, attribute):
    return [entry for group in groups for entry in getattr(GROUPS[group], attribute, [])]


class Generator:
    """Draws steps. Templates and scenarios see random(), hot, now, and the first methods below."""

    def __init__(self, seed, groups, now):
        self.rng = random.Random(seed)
        self.random = self.rng.random
        self.now = now
        self.trackers = [Tracker(proto) for proto in ACTORS]
        queued = _gather(groups, "TEMPLATES")
        everything = queued + _gather(groups, "OUTSIDE_MULTI")
        self.queued = _Table(queued or [(1, b"PING")])
        self.everything = _Table(everything or [(1, b"PING")])
        self.restricted = _Table(pubsub.RESTRICTED)
        scenarios = _gather(groups, "SCENARIOS")
        self.scenarios = _Table(scenarios) if scenarios else None
        self._warm()

    def _warm(self):
        """Other keys are worked on from now."""
        self.hot = [all_keys()[int(self.random() * len(all_keys()))]]
        self.hot += [ANY_KEY(self) for _ in range(4)]

    # For the templates

    def fill(self, parts):
        """The words of a template."""
        words = []
        for part in parts:
            if type(part) is not bytes:
                part = part(self)
                if type(part) is not bytes:
                    words += part
                    continue
            words.append(part)
        return words

    def command(self):
        """A command that MULTI may queue."""
        return self._spoil(self.fill(self.queued.draw(self.random())))

    def calm_command(self):
        """A command that neither begins nor ends a transaction, nor asks for a random key."""
        while True:
            command = self.command()
            if command[0].upper() not in (b"MULTI", b"EXEC", b"DISCARD", b"WATCH", b"UNWATCH"):
                return command

    def free_actor(self, but=None):
        """An actor outside MULTI, not watching, that may say anything; None if there is none."""
        free = [i for i, t in enumerate(self.trackers)
                if not t.in_multi and not t.restricted and not t.watching and i != but]
        return free[int(self.random() * len(free))] if free else None

    def free_actors(self):
        """All of them, in any order."""
        free = [i for i, t in enumerate(self.trackers)
                if not t.in_multi and not t.restricted and not t.watching]
        self.rng.shuffle(free)
        return free

    def anyone_subscribed(self):
        return any(any(t.subscribed.values()) for t in self.trackers)

    # Steps

    def steps(self, commands):
        """About this many commands, then an inventory."""
        self.made = 0
        for step in self._all(commands):
            self.made += size(step)
            yield step
        for actor, tracker in enumerate(self.trackers):
            if tracker.in_multi:
                yield Batch(actor, [[b"DISCARD"]])
        yield Batch(0, [[b"RESET"]] + [args for db in range(4) for args in self._inventory(db)])

    def _all(self, commands):
        yield Batch(0, [[b"CONFIG", b"SET", b"notify-keyspace-events", FLAGS(self)]])
        while self.made < commands:  # never in the middle of a scenario: deadlines may be pending
            if self.random() < 0.3:
                self._warm()
            if self.scenarios and self.random() < SCENARIO_CHANCE:
                for step in self.scenarios.draw(self.random())[0](self):
                    if isinstance(step, Batch):
                        for args in step.commands:
                            self.trackers[step.actor].note(args)
                    yield step
            else:
                yield self._batch()

    @staticmethod
    def _inventory(db):
        """All there is in a database."""
        shows = [g.INVENTORY for g in GROUPS.values() if hasattr(g, "INVENTORY")]
        yield [b"SELECT", b"%d" % db]
        yield [b"KEYS", b"*"]
        yield [b"MGET"] + all_keys()
        for key in all_keys():
            yield [b"PTTL", key]
            yield [b"SMEMBERS", key]
            yield [b"OBJECT", b"ENCODING", key]
            for name, *words in shows:
                yield [name, key] + words

    def _batch(self):
        actor = int(self.random() * len(ACTORS))
        tracker = self.trackers[actor]
        commands = []
        for _ in range(1 + int(self.random() * BATCH_MAX)):
            args = self._next(tracker)
            tracker.note(args)
            commands.append(args)
            if tracker.restricted and self.random() < 0.1:
                break  # most of what follows would be refused
        return Batch(actor, commands)

    def _next(self, tracker):
        """A command that this connection might say next."""
        if tracker.in_multi:
            return [b"EXEC"] if self.random() < 0.06 else self.command()
        table = self.restricted if tracker.restricted and self.random() < 0.85 else self.everything
        return self._spoil(self.fill(table.draw(self.random())))

    def _spoil(self, args):
        """Now and then a wrong number of words, or another case. Only the end of a command is
        touched: no number may slip to a place where it would make a server allocate. CONFIG and COMMAND are
        left as they are: what the one refuses, Redis restores imperfectly (see FLAGS), and of the
        other 7.0.15 wants a word more than newer servers, of ZRANK a word less. SPOP without its
        count would draw. Nor may a score come to sorted sets that are there for their order by
        member."""
        chance = self.random()
        if chance > 0.045 or args[0].upper() in _EXACT:
            return args
        if not _CAREFUL.isdisjoint(args):
            return args
        if chance < 0.02:
            return [self._other_case(args[0])] + args[1:]
        if chance < 0.03:
            return args[:-1] if len(args) > 2 else args
        if chance < 0.04:
            return args + [_EXCESS(self)]
        return args + [SMALL_VALUE(self), args[-1]]

    def _other_case(self, word):
        return bytes(c ^ 32 if 64 < c & ~32 < 91 and self.random() < 0.5 else c for c in word)
