"""Where Hark and Redis 7.0.15 differ on purpose: each entry with its reason.

A matcher gets an Observation (see oracle/rules.py) of a difference that no rule allows and says
whether it is the one that its reason speaks of. It must match nothing else: it looks at the
command and at both sides. Left is Hark, right is Redis. The list is to stay short.
"""

import re


def own_message_after_reply(seen):
    """Position of a message in the stream of the connection whose own command caused it."""
    return seen.kind == "position" and seen.left > seen.right


def more_event_classes(seen):
    """CONFIG SET notify-keyspace-events with an unknown character: the text lists those known."""
    if not seen.is_reply_to(b"CONFIG", b"SET"):
        return False
    texts = [value if kind == "-" else b"" for kind, value in (seen.left, seen.right)]
    cut = [re.sub(rb"Invalid event class character\. Use '[^']*'", b"", text) for text in texts]
    return cut[0] == cut[1] and cut[0] != texts[0]


def new_flag_kept(seen):
    """CONFIG GET notify-keyspace-events where A is complete and n is set."""
    if not seen.is_reply_to(b"CONFIG", b"GET"):
        return False
    (kind, left), (other_kind, right) = seen.left, seen.right
    if kind != other_kind or kind not in "*%" or len(left) != 2 or left[0] != right[0]:
        return False
    kept, lost = left[1][1], right[1][1]
    return kept != lost and b"A" in lost and kept.replace(b"n", b"", 1) == lost


def help_text(seen):
    """HELP of a container command: lines of text, the first of them alike."""
    if seen.kind != "reply" or [a.upper() for a in seen.args[1:]] != [b"HELP"]:
        return False
    (kind, left), (other_kind, right) = seen.left, seen.right
    return kind == other_kind == "*" and bool(left and right) and left[0] == right[0]


def packed_since_7_2(seen):
    """OBJECT ENCODING of small lists, and of small sets that are not integers alone."""
    if not seen.is_reply_to(b"OBJECT", b"ENCODING"):
        return False
    return seen.left[1] == b"listpack" and seen.right[1] in (b"quicklist", b"hashtable")


def empty_node(seen):
    """XINFO STREAM: a node of deleted entries alone."""
    if not seen.is_reply_to(b"XINFO") or seen.left[0] != seen.right[0] or seen.left[0] not in "*%":
        return False
    (_, left), (_, right) = seen.left, seen.right
    key = ("$", b"radix-tree-keys")
    if key not in left or len(left) != len(right):
        return False
    at = left.index(key) + 1
    same = left[:at] == right[:at] and left[at + 3:at + 10] == right[at + 3:at + 10]
    return same and left[at][1] < right[at][1]


def woken_for_nothing(seen):
    """A client that waits with XREAD: its key was touched, and no entry came."""
    if not seen.is_reply_to(b"XREAD") or seen.left[1] is not None:
        return False
    kind, streams = seen.right
    entries = streams[1::2] if kind == "%" else [pair[1][1] for pair in streams or []]
    return bool(entries) and all(value == ("*", []) for value in entries)


DIFFERENCES = [
    (
        empty_node,
        "XTRIM by MINID leaves a node in Redis of which all is deleted; Hark gives it up.",
    ),
    (
        woken_for_nothing,
        "Redis 7.0 goes by the last id given, and so replies without entries where they are gone "
        "again, or XSETID alone has moved it. Redis 7.2 and Hark wait on.",
    ),
    (
        packed_since_7_2,
        "Small lists and sets are listpacks since Redis 7.2, and in Hark.",
    ),
    (
        help_text,
        "HELP explains the subcommands that the server has, in its own words.",
    ),
    (
        own_message_after_reply,
        "A client subscribed to its own doings: Redis 7.0 pushes the message before the reply of "
        "the command (even inside the array of EXEC), Redis 7.2 and newer, Valkey and Hark after.",
    ),
    (
        more_event_classes,
        "Hark knows event classes and channel families that Redis 7.0.15 does not, so the list of "
        "characters in the error text is longer.",
    ),
    (
        new_flag_kept,
        "Redis prints `n` only while `A` is not complete, so that CONFIG SET KEAn reads back AKE "
        "and CONFIG REWRITE loses it. Hark reads back what was set.",
    ),
]


def reason(seen):
    """Why the observed difference is meant to be; None if it is not."""
    for matcher, why in DIFFERENCES:
        if matcher(seen):
            return why
    return None
