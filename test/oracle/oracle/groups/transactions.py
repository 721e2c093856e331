"""Transactions: by chance within any batch, and WATCH with a second client that interferes."""

from ..steps import Batch
from ..words import ANY_KEY, some

TEMPLATES = [
    (1.2, b"MULTI"),
    (1.2, b"EXEC"),
    (0.5, b"DISCARD"),
    (1.5, b"WATCH", some(ANY_KEY, 1, 3)),
    (0.6, b"UNWATCH"),
]


def watched(g):
    """WATCH; perhaps another client, or this one, does something; MULTI ... EXEC."""
    actor = g.free_actor()
    other = g.free_actor(but=actor)
    if actor is None or other is None:
        return
    yield Batch(actor, [[b"WATCH"] + g.fill((some(ANY_KEY, 1, 3),))])
    meddler = other if g.random() < 0.8 else actor
    commands = [g.calm_command() for _ in range(int(g.random() * 4))]
    if commands:
        yield Batch(meddler, commands)
    queued = [g.calm_command() for _ in range(int(g.random() * 6))]
    yield Batch(actor, [[b"MULTI"]] + queued + [[b"EXEC"]])


SCENARIOS = [(4, watched)]
