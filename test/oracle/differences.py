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


def sinterstore_overwrites(seen):
    """COMMAND GETKEYSANDFLAGS of SINTERSTORE."""
    if not seen.is_reply_to(b"COMMAND", b"GETKEYSANDFLAGS", b"SINTERSTORE"):
        return False
    return repr(seen.left).replace("b'OW'", "b'RW'", 1) == repr(seen.right)


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


def _as_short(left, right):
    """The same frame, but for doubles that the left side prints with fewer digits?"""
    (kind, a), (other_kind, b) = left, right
    if left == right:
        return True
    if kind != other_kind or a is None or b is None:
        return False
    if isinstance(a, list):
        return len(a) == len(b) and all(map(_as_short, a, b))
    try:
        exact = b"%.17g" % float(b)
        return kind in "$," and float(a) == float(b) and b == exact and len(a.rstrip(b"0")) < len(b)
    except ValueError:
        return False


def _is_of_zsets(seen):
    return seen.kind == "reply" and seen.args[0].upper().lstrip(b"B")[:1] == b"Z"


def shortest_double(seen):
    """A score of a sorted set in the fewest digits that tell it."""
    return _is_of_zsets(seen) and _as_short(seen.left, seen.right)


def unsigned_zero(seen):
    """A score that is 0 on one side and -0 on the other."""
    if not _is_of_zsets(seen):
        return False

    def unsigned(frame):
        kind, value = frame
        if isinstance(value, list):
            return kind, [unsigned(item) for item in value]
        return kind, b"0" if value == b"-0" else value

    return _as_short(unsigned(seen.left), unsigned(seen.right))


def rank_with_score(seen):
    """ZRANK with more words than Redis 7.0.15 wants."""
    if not (seen.is_reply_to(b"ZRANK") or seen.is_reply_to(b"ZREVRANK")) or len(seen.args) < 4:
        return False
    return seen.right[1].startswith(b"ERR wrong number of arguments for 'z")


def damaged_hyperloglog(seen):
    """PFDEBUG DECODE of bytes that make no sense."""
    return seen.is_reply_to(b"PFDEBUG", b"DECODE") and seen.left[1].startswith(b"INVALIDOBJ")


def sorted_texts_with_nul(seen):
    """SORT ... ALPHA of texts that are alike up to a NUL."""
    if not (seen.is_reply_to(b"SORT") or seen.is_reply_to(b"SORT_RO")):
        return False
    (kind, left), (other_kind, right) = seen.left, seen.right
    if kind != "*" or other_kind != "*":
        return False
    cut = [[(text or b"").split(b"\0")[0] for _, text in side] for side in (left, right)]
    return cut[0] == cut[1]


def woken_for_nothing(seen):
    """A client that waits with XREAD: its key was touched, and no entry came."""
    if not seen.is_reply_to(b"XREAD") or seen.left[1] is not None:
        return False
    kind, streams = seen.right
    entries = streams[1::2] if kind == "%" else [pair[1][1] for pair in streams or []]
    return bool(entries) and all(value == ("*", []) for value in entries)


def woken_at_an_end(seen):
    """A client that waits with XREAD BLOCK: of one of its keys nothing is left in Redis' queue."""
    if not seen.is_reply_to(b"XREAD") or seen.right[0] not in "_*" or seen.right[1]:
        return False
    return b"BLOCK" in [word.upper() for word in seen.args] and bool(seen.left[1])


_COLLECTIONS = [b"\x01\x0a\x0e\x12", b"\x02\x0b\x14", b"\x03\x05\x0c\x11", b"\x04\x0d\x10",
                b"\x0f\x13\x15"]  # the types that RDB has for lists, sets, sorted sets, hashes, streams


def _as_kinds(frame):
    """The same frame, but of a payload of DUMP that is a collection only which kind it is."""
    kind, value = frame
    if isinstance(value, list):
        return kind, [_as_kinds(item) for item in value]
    if kind == "$" and value and len(value) > 10 and value[-9] == 0:  # the version's high byte
        for number, types in enumerate(_COLLECTIONS):
            if value[:1] in types:
                return kind, number
    return frame


def dumped_otherwise(seen):
    """What DUMP answers for the same collection, alone or within EXEC."""
    if not (seen.is_reply_to(b"DUMP") or seen.is_reply_to(b"EXEC")):
        return False
    return _as_kinds(seen.left) == _as_kinds(seen.right)


def no_sources_named(seen):
    """COMMAND GETKEYS of PFMERGE with a destination alone."""
    asked = seen.is_reply_to(b"COMMAND", b"GETKEYS") or seen.is_reply_to(
        b"COMMAND", b"GETKEYSANDFLAGS")
    return asked and seen.args[2].upper() == b"PFMERGE" and len(seen.args) == 4


def number_of_keys_cut(seen):
    """COMMAND GETKEYS of a command that counts its keys, with a number that is none, or too large."""
    asked = seen.is_reply_to(b"COMMAND", b"GETKEYS") or seen.is_reply_to(
        b"COMMAND", b"GETKEYSANDFLAGS")
    return asked and seen.left == ("-", b"ERR Invalid arguments specified for command") and any(
        re.match(rb"[0-9]+[^0-9]|-?[0-9]{10,}$", word) for word in seen.args[3:5])


def equally_near(seen):
    """GEORADIUS and its kin with COUNT: as many places, at the same distances."""
    if not any(seen.is_reply_to(name) for name in (
            b"GEORADIUS", b"GEORADIUS_RO", b"GEORADIUSBYMEMBER", b"GEORADIUSBYMEMBER_RO", b"GEOSEARCH")):
        return False
    if not {b"COUNT", b"WITHDIST"} <= {word.upper() for word in seen.args}:
        return False
    places = [value or [] for _, value in (seen.left, seen.right)]
    if not all(isinstance(side, list) for side in places):
        return False
    left, right = ([place[1][1] for place in side] for side in places)
    return left == right


def sorted_after_an_error(seen):
    """SORT of numbers that are numbers."""
    sorts = seen.is_reply_to(b"SORT") or seen.is_reply_to(b"SORT_RO")
    return sorts and seen.left[0] in "*:" and seen.right == (
        "-", b"ERR One or more scores can't be converted into double")


DIFFERENCES = [
    (
        woken_at_an_end,
        "Redis 7.0 ends a wait for several streams when one that a group waits for as well is moved away "
        "and comes back; Hark delivers what has come.",
    ),
    (
        dumped_otherwise,
        "Where the nodes of a list begin, what was worth compressing, signs of zeros and large encodings of "
        "few elements may differ in a payload that restores to the same; test_rdb_types restores both ways.",
    ),
    (
        no_sources_named,
        "Redis 7.0 takes a second row of keys that is empty for an error; PFMERGE allows it.",
    ),
    (
        number_of_keys_cut,
        "Redis 7.0 reads the number of keys up to where it ends to be one, and its lower 32 bits, for COMMAND "
        "GETKEYS alone.",
    ),
    (
        equally_near,
        "Which of several places at the same distance are among the first that COUNT asks for is nobody's promise.",
    ),
    (
        sorted_after_an_error,
        "Redis does not reset errno before it reads numbers: SORT fails after a command that met a number "
        "too small for a double (GEOSEARCH BYBOX 189.0 5e-324).",
    ),
    (
        empty_node,
        "XTRIM by MINID leaves a node in Redis of which all is deleted; Hark gives it up.",
    ),
    (
        damaged_hyperloglog,
        "Hark says that the HyperLogLog is damaged, where Redis shows its bytes as runs.",
    ),
    (
        sorted_texts_with_nul,
        "SORT ALPHA compares whole texts; Redis, without STORE, by the locale and up to a NUL.",
    ),
    (
        sinterstore_overwrites,
        "Redis 7.0 says that SINTERSTORE reads its destination, newer tables that it overwrites it.",
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
        shortest_double,
        "Redis 7.0 prints 0.1 as 0.10000000000000001; Redis 7.2 and newer and Hark print the "
        "shortest text that reads back as the same score.",
    ),
    (
        unsigned_zero,
        "Redis keeps the sign of a score -0 where a sorted set is large, and loses it where it is "
        "small; Hark has no such score.",
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
