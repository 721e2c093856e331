"""What two correct servers may answer differently: clocks, orders of hash tables, own ids.

A rule is asked only about replies that differ in their bytes: rule(args, left, right) with the
parsed frames of each side (one, except where one command has several replies) says whether the
difference is allowed. A command without a rule must be answered byte for byte alike. What is
meant to be different is not a rule but an entry of differences.py; `allowed` asks both.
"""

from typing import NamedTuple

import differences

SECONDS_SLACK = 2
MS_SLACK = 1000


class Observation(NamedTuple):
    """A difference that no rule allows, as the matchers of differences.py get it."""

    kind: str  # "reply": parsed frames; "position": of a message, as replies before
    # it; "event": one message to an observer, as its bytes
    args: list  # the command, as it was sent; None for the other kinds
    left: object
    right: object

    def is_reply_to(self, *names):
        return self.kind == "reply" and tuple(a.upper() for a in self.args[: len(names)]) == names


def allowed(args, rule, left, right):
    """May the replies (lists of parsed frames) to a command differ like this?"""
    if rule and rule(args, left, right):
        return True
    return len(left) == len(right) == 1 and bool(
        differences.reason(Observation("reply", args, left[0], right[0]))
    )


def near(slack):
    """Integers that come from the clock: equal within slack; negative ones (no TTL) exactly."""

    def rule(_, left, right):
        (kind, a), (other_kind, b) = left[0], right[0]
        return kind == other_kind == ":" and a >= 0 and b >= 0 and abs(a - b) <= slack

    return rule


def unordered(_, left, right):
    """Arrays (or sets) with the same elements."""
    (kind, a), (other_kind, b) = left[0], right[0]
    return kind == other_kind and kind in "*~" and bool(a) and bool(b) and sorted(a) == sorted(b)


def unordered_pairs(_, left, right):
    """The same fields and values, as a map or as an array of both in turn."""
    (kind, a), (other_kind, b) = left[0], right[0]
    if kind != other_kind or kind not in "*%" or not a or not b:
        return False
    pairs = [sorted(zip(side[::2], side[1::2])) for side in (a, b)]
    return len(a) == len(b) and pairs[0] == pairs[1]


def dumped(_, left, right):
    """DUMP: a set or a large hash comes in the order of a hash table, a stream's groups have times."""
    """DUMP: a large set or hash has its elements in the order of a hash table; a stream with groups
    has times in it."""
    (kind, a), (other_kind, b) = left[0], right[0]
    if kind != other_kind or kind != "$" or not a or not b:
        return False
    if a[:1] == b[:1] == b"\x13":
        return True
    bodies = [side[:-10] for side in (a, b)]  # behind them, version and checksum
    return a[:1] == b[:1] and a[:1] in b"\x02\x04" and sorted(bodies[0]) == sorted(bodies[1])
    return a[:1] == b"\x13" or a[:1] in b"\x02\x04" and sorted(bodies[0]) == sorted(bodies[1])


def shape(_, left, right):
    """The same type, and nil on both sides or on neither."""
    (kind, a), (other_kind, b) = left[0], right[0]
    return kind == other_kind and kind in ":$*" and (a is None) == (b is None)


def wall_clock(_, left, right):
    """TIME: two numbers as strings."""

    def right_shape(value):
        kind, items = value
        return (
            kind == "*" and len(items) == 2
            and all(k == "$" and text.isdigit() for k, text in items)
            and int(items[1][1]) < 1_000_000
        )  # fmt: skip

    return right_shape(left[0]) and right_shape(right[0])


def hello(_, left, right):
    """HELLO: the same fields in the same order, all but version and id of equal value."""

    def anonymous(value):
        kind, items = value
        if kind not in "*%":
            return value
        items = list(items)
        for at in range(0, len(items) - 1, 2):
            if items[at][1] in (b"version", b"id"):
                items[at + 1] = (items[at + 1][0], "any")
        return kind, items

    return anonymous(left[0]) == anonymous(right[0])


def unsubscribed(_, left, right):
    """UNSUBSCRIBE without names: one confirmation per channel, in the order of a hash table."""

    def parts(frames):
        items = [value for _, value in frames]
        if not all(isinstance(item, list) and len(item) == 3 for item in items):
            return items
        names = sorted(item[1] for item in items if item[1][1] is not None)
        return [kind for kind, _ in frames], names, [(item[0], item[2]) for item in items]

    return parts(left) == parts(right)


def scanned(_, left, right):
    """One call of SCAN: comparable only where it was a whole iteration on both sides."""
    (kind, a), (other_kind, b) = left[0], right[0]
    if not (kind == other_kind == "*" and len(a) == len(b) == 2):
        return False
    return a[0] != b[0] or a[0][1] != b"0" or sorted(a[1][1]) == sorted(b[1][1])


def scanned_scores(_, left, right):
    """One call of ZSCAN: the same, with scores by their value."""

    def elements(value):
        flat = [text for _, text in value[1]]
        return sorted(zip(flat[::2], map(float, flat[1::2])))

    (kind, a), (other_kind, b) = left[0], right[0]
    if not (kind == other_kind == "*" and len(a) == len(b) == 2):
        return False
    return a[0] != b[0] or a[0][1] != b"0" or elements(a[1]) == elements(b[1])


def drawn(_, left, right):
    """What was drawn by lot: as many, and of the same kind."""
    (kind, a), (other_kind, b) = left[0], right[0]
    if kind != other_kind or kind not in "$*" or (a is None) != (b is None):
        return False
    return kind == "$" or [k for k, _ in a] == [k for k, _ in b]


def _without_clocks(value):
    """A reply of XINFO or XPENDING without what comes from clocks, from the inner form of a radix tree, and without
    what Redis 7.2 has added or counts in another way: 7.0 forgets that entries were deleted once those before them
    are gone too, and counts what was trimmed as still to come."""
    kind, items = value
    if kind not in "*%" or not items:
        return value
    if kind == "*" and len(items) in (3, 4) and all(k == ":" for k, _ in items[-2:]):
        return kind, items[:-2] + [(":", "any"), items[-1]]  # an entry that is pending
    named = {b"idle", b"seen-time", b"radix-tree-nodes", b"entries-read", b"lag"}
    added = {b"inactive", b"active-time"}
    kept, at = [], 0
    while at < len(items):
        name = items[at][1] if items[at][0] == "$" else None
        if name in added:
            at += 2
        elif name in named:
            kept += [items[at], (":", "any")]
            at += 2
        else:
            kept.append(_without_clocks(items[at]))
            at += 1
    return kind, kept


def clockless(_, left, right):
    return _without_clocks(left[0]) == _without_clocks(right[0])


def executed(queued):
    """EXEC: its elements by the rules of the commands that were queued: [(args, rule)]."""

    def rule(_, left, right):
        (kind, a), (other_kind, b) = left[0], right[0]
        if not (kind == other_kind == "*" and a and b and len(a) == len(b) == len(queued)):
            return False
        for x, y, (args, inner) in zip(a, b, queued):
            if x != y and not allowed(args, inner, [x], [y]):
                return False
        return True

    return rule


BY_NAME = {
    b"TTL": near(SECONDS_SLACK),
    b"EXPIRETIME": near(SECONDS_SLACK),
    b"PTTL": near(MS_SLACK),
    b"PEXPIRETIME": near(MS_SLACK),
    b"KEYS": unordered,
    b"RANDOMKEY": shape,
    b"SCAN": scanned,
    b"SSCAN": scanned,
    b"SMEMBERS": unordered,
    b"SINTER": unordered,
    b"SUNION": unordered,
    b"SDIFF": unordered,
    b"SPOP": unordered,
    b"SRANDMEMBER": drawn,
    b"HGETALL": unordered_pairs,
    b"HKEYS": unordered,
    b"HVALS": unordered,
    b"HRANDFIELD": drawn,
    b"HSCAN": scanned,
    b"DUMP": dumped,
    b"TIME": wall_clock,
    b"HELLO": hello,
    b"LASTSAVE": shape,
    b"ZRANDMEMBER": drawn,
    b"ZSCAN": scanned_scores,
    b"XPENDING": clockless,
    b"XINFO": clockless,
}

BY_SUBCOMMAND = {
    b"OBJECT": {b"IDLETIME": shape, b"REFCOUNT": shape},
    b"MEMORY": {b"USAGE": shape},
    b"PUBSUB": {b"CHANNELS": unordered, b"SHARDCHANNELS": unordered},
    b"CLIENT": {b"ID": shape, b"INFO": shape},
}


def rule_of(args):
    """The rule for a command's reply, None when its bytes must be equal."""
    name = args[0].upper()
    rule = BY_NAME.get(name)
    if rule is None and name in BY_SUBCOMMAND and len(args) > 1:
        rule = BY_SUBCOMMAND[name].get(args[1].upper())
    return rule
