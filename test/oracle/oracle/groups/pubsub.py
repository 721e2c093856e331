"""Publish and subscribe. Actors that are subscribed hear each other and the keyspace events."""

from ..steps import Batch
from ..words import CHANNEL, CHANNEL_PATTERN, JUNK, MESSAGE, pick, some

TEMPLATES = [
    (5, b"PUBLISH", CHANNEL, MESSAGE),
    (3, b"SPUBLISH", CHANNEL, MESSAGE),
    (1, b"PUBSUB", b"NUMPAT"),
    (2, b"PUBSUB", b"NUMSUB", some(CHANNEL, 0, 4)),
    (1, b"PUBSUB", b"SHARDNUMSUB", some(CHANNEL, 0, 4)),
    (2, b"PUBSUB", pick(b"CHANNELS", b"SHARDCHANNELS"), some(CHANNEL_PATTERN, 0, 1)),
    (0.3, b"PUBSUB", pick(b"bogus", b"NUMPAT", b"CHANNELS"), some(JUNK, 0, 2)),
]
# Not inside MULTI by chance: state.py must know whether they were executed.
OUTSIDE_MULTI = [
    (2, b"SUBSCRIBE", some(CHANNEL, 1, 3)),
    (1.5, b"PSUBSCRIBE", some(CHANNEL_PATTERN, 1, 2)),
    (1.5, b"SSUBSCRIBE", some(CHANNEL, 1, 2)),
    (2, b"UNSUBSCRIBE", some(CHANNEL, 0, 3)),
    (2, b"PUNSUBSCRIBE", some(CHANNEL_PATTERN, 0, 2)),
    (2, b"SUNSUBSCRIBE", some(CHANNEL, 0, 2)),
]
# What the subscribe mode of RESP2 allows, to get out of it again.
RESTRICTED = OUTSIDE_MULTI + [
    (2, b"PING"),
    (2, b"PING", MESSAGE),
    (3, b"UNSUBSCRIBE"),
    (3, b"PUNSUBSCRIBE"),
    (3, b"SUNSUBSCRIBE"),
    (0.5, b"RESET"),
]


def subscribe_in_transaction(g):
    """(P)SUBSCRIBE, changes and PUBLISH inside one EXEC: confirmations stand in its array."""
    actor = g.free_actor()
    if actor is None:
        return
    subscribe = pick(b"SUBSCRIBE", b"PSUBSCRIBE", b"SSUBSCRIBE")(g)
    commands = [[b"UNWATCH"], [b"MULTI"], [subscribe] + g.fill((some(CHANNEL, 1, 2),))]
    for _ in range(int(g.random() * 4)):
        commands.append(g.fill((pick(b"PUBLISH", b"SPUBLISH"), CHANNEL, MESSAGE)))
        commands.append([b"SET", g.hot[0], b"1"])
    yield Batch(actor, commands + [[b"EXEC"]])


SCENARIOS = [(1, subscribe_in_transaction)]
