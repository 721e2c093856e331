"""What a connection is in the middle of, as far as the harness must know it.

A Tracker is told of every command sent and says how many replies it has and by which rule they
are compared. It knows of MULTI (whose replies come with EXEC), of subscriptions (one confirmation
each, and RESP2 connections refuse most commands while they last), and of the protocol. It is not
told of replies: generator, player and shrinker each run one over the same commands and agree.
"""

from .rules import executed, rule_of, unsubscribed

_SUBSCRIBE = {b"SUBSCRIBE": "channels", b"PSUBSCRIBE": "patterns", b"SSUBSCRIBE": "shards"}
_UNSUBSCRIBE = {b"UNSUBSCRIBE": "channels", b"PUNSUBSCRIBE": "patterns", b"SUNSUBSCRIBE": "shards"}
SUBSCRIPTION = frozenset(_SUBSCRIBE) | frozenset(_UNSUBSCRIBE)
_SUBSCRIBED_MAY = SUBSCRIPTION | {b"PING", b"QUIT", b"RESET"}
_NOT_QUEUED = frozenset((b"EXEC", b"DISCARD", b"MULTI", b"WATCH", b"QUIT", b"RESET"))
_SPECIAL = SUBSCRIPTION | {b"MULTI", b"RESET", b"HELLO", b"WATCH", b"UNWATCH", b"SELECT"}


class Tracker:
    def __init__(self, proto):
        self.proto = proto
        self.reset()

    def reset(self):
        self.queue = None  # [(args, rule)] while in MULTI
        self.watching = False
        self.subscribed = {"channels": set(), "patterns": set(), "shards": set()}

    @property
    def in_multi(self):
        return self.queue is not None

    @property
    def restricted(self):
        """In the subscribe mode of RESP2?"""
        return self.proto == 2 and any(self.subscribed.values())

    def note(self, args):
        """The command goes out now: (rule or None, number of replies)."""
        name = args[0].upper()
        if self.queue is not None:
            return self._note_in_multi(name, args)
        if name not in _SPECIAL:
            return rule_of(args), 1
        if name not in _SUBSCRIBED_MAY and self.restricted:
            return None, 1
        return self._note_special(name, args)

    def _note_in_multi(self, name, args):
        if name not in _NOT_QUEUED:
            self.queue.append((args, rule_of(args)))
            return None, 1
        if name in (b"MULTI", b"WATCH") or len(args) != 1 and name != b"EXEC":
            return None, 1
        queue, self.queue = self.queue, None
        self.watching = False
        if name == b"RESET":
            self.reset()
            self.proto = 2
        if name != b"EXEC" or len(args) != 1:  # EXEC with too many words gives up the transaction
            return None, 1
        # An array with a place per command; confirmations beyond that follow it.
        excess = 0
        for queued, _ in queue:
            verb = queued[0].upper()
            if verb in SUBSCRIPTION and verb != b"SSUBSCRIBE":  # an error inside MULTI
                excess += self._subscription(verb, queued)[1] - 1
        return executed(queue), 1 + excess

    def _note_special(self, name, args):
        if name in SUBSCRIPTION:
            return self._subscription(name, args)
        if name == b"MULTI" and len(args) == 1:
            self.queue = []
        elif name == b"WATCH" and len(args) > 1:
            self.watching = True
        elif name == b"UNWATCH" and len(args) == 1:
            self.watching = False
        elif name == b"RESET" and len(args) == 1:
            self.reset()
            self.proto = 2
        elif name == b"HELLO":
            self._hello(args)
        return rule_of(args), 1

    def _subscription(self, name, args):
        if name in _SUBSCRIBE:
            if len(args) == 1:
                return None, 1  # an error
            self.subscribed[_SUBSCRIBE[name]].update(args[1:])
            return None, len(args) - 1
        names = self.subscribed[_UNSUBSCRIBE[name]]
        if len(args) > 1:
            names.difference_update(args[1:])
            return None, len(args) - 1
        replies = max(1, len(names))
        names.clear()
        return unsubscribed, replies

    def _hello(self, args):
        """Whether it succeeds, for the forms that groups/connection.py has."""
        option = args[2].upper() if len(args) > 2 else None
        if option == b"SETNAME":
            good = len(args) == 4 and all(32 < c < 127 for c in args[3])
        elif option == b"AUTH":
            good = len(args) == 5 and args[3] == b"default"
        else:
            good = len(args) == 2
        if good and args[1] in (b"2", b"3"):
            self.proto = int(args[1])
