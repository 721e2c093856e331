"""Groups of workers on views, of three client libraries, under kill -9: crew.py says what is true of
them whatever happens."""

import copy
import os
import random
import time

import pytest

import crew
from crew import Crew, Dues, Orders, needs_node
from harness import is_redis

pytestmark = pytest.mark.hark_only("Redis has no views")

SEED = int(os.environ.get("SEED", time.time()))


def play(start, tale, kinds, seconds, kills=5, seed=SEED, **options):
    rng = random.Random(seed)
    settings = {"appendfsync": rng.choice(["always", "everysec", "no"])}
    print(f"SEED={seed}", settings)
    c = Crew(start(**settings), tale, kinds, seed, **options)
    c.play(seconds, kills)
    told = c.told()
    for name in sorted(told.counts):
        print(f"{name:<32} {told.counts[name]:>8,}")
    told.check()
    return told


LENGTHS = [pytest.param(4, id="short"), pytest.param(60, id="minute", marks=pytest.mark.long)]
TALES = pytest.mark.parametrize("tale", [Orders, Dues])


@TALES
@pytest.mark.parametrize("seconds", LENGTHS)
def test_a_group_of_three(start, tale, seconds):
    needs_node("ioredis")
    told = play(start, tale, ["python", "node", "shell"], seconds)
    assert {b.worker.kind for b in told.batches} == {"python", "node", "shell"}


@TALES
@pytest.mark.parametrize("seconds", LENGTHS)
def test_a_worker_alone(start, tale, seconds):
    told = play(start, tale, ["python"], seconds, claim_ms=0)
    crew.check_single(told)


# ---- that the checks find what they are for ----

NOTHING = ("order:none:0", "set", "0")


def forge_lost_write(told, _):
    told.written[0][-1].append((NOTHING, True))


def forge_invented_event(told, _):
    told.written[0][-1].pop(-5)


def forge_hole(told, _):
    """What came last may be lost, but not what came before that."""
    writes = told.written[0][-1]
    writes[-2:] = [(NOTHING, False), (writes[-1][0], False)]


def forge_unhandled(told, rng):
    b = rng.choice(told.batches)
    del b.entries[rng.randrange(len(b.entries))]


def forge_foreign(told, rng):
    b = rng.choice(told.batches)
    b.entries[-1] = (b.entries[-1][0], ("order:w0:0", "renamed", "0"))


def forge_twice(told, _):
    told.batches[1].entries = told.batches[0].entries[-1:] + told.batches[1].entries


def forge_disorder(told, _):
    a, b = told.batches[1], told.batches[-2]
    a.entries, b.entries = b.entries, a.entries


def forge_given_again(told, rng):
    a = told.batches[0]
    told.batches.append(crew.Batch(a.worker, "own", a.life, a.acked_us + 1, a.acked_us + 2))
    told.batches[-1].entries = a.entries


@pytest.fixture
def quiet_told(start):
    return play(start, Orders, ["python"], 0.5, kills=0, claim_ms=0)


def test_two_losses_in_a_row_are_right(quiet_told):
    """The server is killed, and again before it has acknowledged anything: what the first
    connection sent last is lost, and what the second one sent is not."""
    [writes] = quiet_told.written[0]
    quiet_told.written[0] = [[*writes[:-20], (NOTHING, False)],
                             [(event, False) for event, _ in writes[-20:]]]
    quiet_told.check()


def test_what_is_wrong_is_noticed(quiet_told):
    for forge in [forge_lost_write, forge_invented_event, forge_hole, forge_unhandled,
                  forge_foreign, forge_twice, forge_disorder, forge_given_again]:
        told = copy.copy(quiet_told)
        told.written = copy.deepcopy(quiet_told.written)
        told.batches = [copy.copy(b) for b in quiet_told.batches]
        for b in told.batches:
            b.entries = list(b.entries)
        forge(told, random.Random(SEED))
        with pytest.raises(AssertionError):
            told.check()
            pytest.fail(f"{forge.__name__} was not noticed", pytrace=False)
