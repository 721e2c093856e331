"""Many episodes, and what was found."""

import functools
import time
from collections import Counter

from .generate import EPISODE, Generator
from .groups import GROUPS
from .play import ACTORS
from .shrink import differs, shrink
from .steps import Batch, describe, show, size

SHRINK_AT_MOST = 12  # different differences; the others are only counted
RECENT = 8


class Campaign:
    """Episode n of a run is the program of seed + n: SEED=that alone plays it again."""

    def __init__(self, pair, groups=None, shrink_seconds=20.0, timeout_s=10.0, say=None):
        self.pair, self.groups = pair, list(groups or GROUPS)
        self.shrink_seconds, self.timeout_s = shrink_seconds, timeout_s
        self.say = say or functools.partial(print, flush=True)
        self.found = Counter()
        self.commands = 0

    def run(self, seed, commands, stop_after=None):
        """True if nothing differed. Stops early after so many differences."""
        self.say(f"oracle: SEED={seed}, {commands} commands, groups {','.join(self.groups)}")
        began = time.monotonic()
        for start in range(0, commands, EPISODE):
            self._episode(seed + start // EPISODE, min(EPISODE, commands - start))
            if stop_after and sum(self.found.values()) >= stop_after:
                break
        seconds = time.monotonic() - began
        self.say(f"oracle: {self.commands} commands in {seconds:.1f} s "
                 f"({self.commands / seconds:.0f}/s), {sum(self.found.values())} differences")
        for signature, count in self.found.most_common():
            self.say(f"  {count:6} x {signature}")
        return not self.found

    def _episode(self, seed, commands):
        steps = list(Generator(seed, self.groups, int(time.time())).steps(commands))
        found = differs(self.pair, steps, self.timeout_s)
        self.commands += sum(map(size, steps[: found.at + 1] if found else steps))
        if not found:
            return
        new = found.signature not in self.found
        self.found[found.signature] += 1
        if new and len(self.found) <= SHRINK_AT_MOST:
            self._report(seed, commands, steps[: found.at + 1], found)

    def _report(self, seed, commands, steps, found):
        before = sum(map(size, steps[:-1]))
        self.say(f"\n=== {found.signature}")
        self.say(f"SEED={seed} COMMANDS={commands}, command {before + (found.within or 0)}")
        for line in self._recent(steps, found):
            self.say("    " + line)
        self.say(f"  left:  {found.left}\n  right: {found.right}")
        short, again, reproduced = shrink(
            self.pair, steps, found, self.shrink_seconds, min(self.timeout_s, 2.0)
        )
        if not reproduced:
            self.say("  (not seen again when played again)")
            return
        lines = [line for step in short for line in describe(step)]
        self.say(f"--- as short as it gets ({len(lines)} commands; clients speak RESP{ACTORS}):")
        for line in lines[:60]:
            self.say("    " + line)
        self.say(f"  left:  {again.left}\n  right: {again.right}")
        # A signature that only shrinking made precise need not be reported twice.
        self.found.setdefault(again.signature, 0)

    @staticmethod
    def _recent(steps, found):
        """The last commands of the connection concerned."""
        last = steps[-1]
        if not isinstance(last, Batch):
            return describe(last)
        own = [step for step in steps[:-1] if isinstance(step, Batch) and step.actor == last.actor]
        commands = [args for step in own for args in step.commands]
        commands += last.commands if found.within is None else last.commands[: found.within + 1]
        return [f"client {last.actor}> {show(args)}" for args in commands[-RECENT:]]
