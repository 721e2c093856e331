"""Makes a program that differs shorter, as long as it still differs in the same way.

First the shortest tail that differs on fresh servers, then fewer and fewer parts (ddmin): steps,
then single commands. Every trial is a new play on emptied servers.
"""

import time

from .play import Difference, Player
from .resp import ProtocolError
from .steps import Batch


def differs(pair, steps, timeout_s):
    """Plays: the Difference, or None."""
    try:
        with Player(pair, timeout_s) as player:
            player.play(steps)
    except Difference as found:
        return found
    except ProtocolError as why:
        return Difference("not RESP", str(why), "")
    finally:
        pair.revive()
    return None


class _Budget:
    def __init__(self, seconds):
        self.end = time.monotonic() + seconds

    def spent(self):
        return time.monotonic() > self.end


def _minimise(parts, still_differs, budget):
    """ddmin: a smaller list of parts that still differs."""
    pieces = 2
    while len(parts) > 1 and not budget.spent():
        size = -(-len(parts) // pieces)
        for start in range(0, len(parts), size):
            fewer = parts[:start] + parts[start + size :]
            if budget.spent():
                break
            if fewer and still_differs(fewer):
                parts, pieces = fewer, max(pieces - 1, 2)
                break
        else:
            if size == 1:
                break
            pieces = min(len(parts), pieces * 2)
    return parts


def _single(steps):
    """Every command a step of its own."""
    parts = []
    for step in steps:
        if isinstance(step, Batch):
            parts += [Batch(step.actor, [args]) for args in step.commands]
        else:
            parts.append(step)
    return parts


def _joined(parts):
    """Neighbours on the same connection become one batch again."""
    steps = []
    for part in parts:
        last = steps[-1] if steps else None
        if isinstance(part, Batch) and isinstance(last, Batch) and last.actor == part.actor:
            steps[-1] = Batch(part.actor, last.commands + part.commands)
        else:
            steps.append(part)
    return steps


def shrink(pair, steps, found, seconds=20.0, timeout_s=2.0):
    """A short program and its Difference. `steps` ends with the step that differed."""
    budget = _Budget(seconds)
    best = [steps, found]

    def still_differs(candidate):
        now = differs(pair, candidate, timeout_s)
        if now is None or now.signature != found.signature:
            return False
        best[:] = candidate[: now.at + 1], now
        return True

    tail = 1
    while tail < len(steps) and not still_differs(steps[-tail:]):
        tail *= 3
    if tail >= len(steps) and not still_differs(steps):
        return steps, found, False
    _minimise(best[0], still_differs, budget)
    _minimise(_single(best[0]), lambda parts: still_differs(_joined(parts)), budget)
    return best[0], best[1], True
