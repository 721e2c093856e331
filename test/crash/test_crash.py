"""A short run of tools/crash, and that its checks find what they are for."""

import glob
import os
import random
import time

import pytest

import crash
import server
from story import Finding

ROUNDS = 25


def seed_of_this_run():
    seed = int(os.environ.get("SEED") or time.time())
    print(f"SEED={seed}")
    return seed


def test_nothing_is_lost():
    counts = crash.run(ROUNDS, seed_of_this_run())
    assert counts["failed rounds"] == 0
    assert counts["acknowledged"] > 100 and counts["live events"] > 100


@pytest.mark.parametrize("ending", ["power", "eio", "term"])
def test_nothing_is_lost_by(ending):
    assert crash.run(5, seed_of_this_run(), only=ending)["failed rounds"] == 0


@pytest.mark.skipif(server.is_sanitized(), reason="sanitizers have an allocator of their own")
def test_nothing_is_lost_when_memory_is_out():
    counts = crash.run(4, seed_of_this_run(), only="memory")
    assert counts["failed rounds"] == 0
    assert sum(n for name, n in counts.items() if name.startswith("rounds: memory")) == 4


def cut_journal(life):
    """Takes the last record away."""
    last = sorted(glob.glob(os.path.join(life.server.data, "**", "*.journal"), recursive=True))[-1]
    with open(last, "r+b") as f:
        used = len(f.read().rstrip(b"\0"))
        f.truncate(max(512, used - 200))


def forge_acknowledgement(life):
    """A writer was told that one step more was done than was."""
    writer = max(life.writers, key=lambda w: w.acked)
    extra = writer.tale.set()
    writer.steps[writer.acked :] = [extra]
    writer.acked += 1


def forge_live_event(life):
    """A subscriber heard of a write that is not there."""
    life.subscriber.heard.append((life.tales[0].prefix + b"v0", b"setbit"))


def forge_read(life):
    """A reader saw a count that was undone."""
    life.reader.seen[b"shared"] = life.reader.seen.get(b"shared", 0) + 1_000_000


def forge_view_event(life):
    """A reader of the stream had an event that is not there any more."""
    if not life.followers:
        pytest.skip("there are no views yet")
    reader = max(life.witness.readers, key=lambda r: r.last)
    reader.got.append(((reader.last[0] + 1, 0), b"w0:v0", b"set"))


def forge_disorder(life):
    if not life.followers:
        pytest.skip("there are no views yet")
    got = max(life.witness.readers, key=lambda r: len(r.got)).got
    if len(got) > 1:
        got[0], got[1] = got[1], got[0]


@pytest.mark.parametrize("damage", [cut_journal, forge_acknowledgement, forge_live_event,
                                    forge_read, forge_view_event, forge_disorder])
def test_a_loss_is_noticed(damage, monkeypatch):
    """Between the end of the server and its next start something goes wrong."""
    finish = crash.Life.finish

    def finish_badly(life, ending):
        finish(life, ending)
        damage(life)

    monkeypatch.setattr(crash.Life, "finish", finish_badly)
    monkeypatch.setattr(crash.Life, "start_badly", lambda life: None)
    counts = crash.Counter()
    with pytest.raises((Finding, server.Ended)):
        for i in range(10):
            crash.Life(seed_of_this_run() + i, counts, only="kill").rounds(10)
    assert counts["failed rounds"] == 1
