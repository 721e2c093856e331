"""What a program is made of. A program is a list of steps; every step can be played alone."""

from typing import NamedTuple


class Batch(NamedTuple):
    """Commands pipelined on one connection."""

    actor: int
    commands: list  # of lists of bytes


class Waiting(NamedTuple):
    """Clients that begin to wait, one after the other, and commands of another one while they do.
    Those that wait in vain are unblocked then."""

    waits: list  # of (actor, command)
    actor: int
    commands: list


class Scan(NamedTuple):
    """SCAN from cursor 0 to cursor 0: the same keys on both sides, whatever the order; or SSCAN and
    its like of a key."""

    actor: int
    options: list
    command: tuple = (b"SCAN",)


class Draw(NamedTuple):
    """SPOP or SRANDMEMBER: what is drawn was there, and what SPOP left is the rest. Then all of it
    is put back, so that both sides go on with the same."""

    actor: int
    args: list


class RandomKey(NamedTuple):
    """RANDOMKEY: a member of the database on either side, or nil on both."""

    actor: int


class Pause(NamedTuple):
    """Real time passes, so that deadlines do."""

    ms: int


class Stranger(NamedTuple):
    """A connection of its own that sends bytes, and whose replies are read until it is closed."""

    pieces: list  # of bytes, sent one by one


def size(step):
    return len(step.commands) if isinstance(step, (Batch, Waiting)) else 1


def show(args):
    """A command as one could type it."""
    words = []
    for arg in args:
        text = arg if len(arg) <= 120 else arg[:100] + b"...(%d bytes)" % len(arg)
        if text and all(33 <= c < 127 and c not in b"\"'\\" for c in text):
            words.append(text.decode())
        else:
            words.append('"' + repr(bytes(text))[2:-1].replace('"', '\\"') + '"')
    return " ".join(words)


def describe(step):
    """Lines for a report."""
    if isinstance(step, Batch):
        return [f"client {step.actor}> {show(args)}" for args in step.commands]
    if isinstance(step, Waiting):
        waits = [f"client {actor}> {show(args)}   (waits)" for actor, args in step.waits]
        return waits + describe(Batch(step.actor, step.commands))
    if isinstance(step, Scan):
        return [f"client {step.actor}> {show(step.command)} <all> {show(step.options)}"]
    if isinstance(step, Draw):
        return [f"client {step.actor}> {show(step.args)} (and all is put back)"]
    if isinstance(step, RandomKey):
        return [f"client {step.actor}> RANDOMKEY"]
    if isinstance(step, Pause):
        return [f"({step.ms} ms pass)"]
    return [f"new client> {piece!r}" for piece in step.pieces]
