"""The comparison as a test. COMMANDS says how many, SEED plays one run again."""

import os
import random

import pytest
from oracle.campaign import Campaign
from oracle.servers import ORACLE, Pair, hark

pytestmark = pytest.mark.skipif(not os.path.exists(ORACLE), reason="redis-server is not installed")


def differs_nowhere(commands):
    commands = int(os.environ.get("COMMANDS") or commands)
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**9))
    with Pair(hark(), ORACLE) as pair:
        assert Campaign(pair).run(seed, commands), f"differences, see above; SEED={seed}"


def test_same_replies_and_messages_as_redis():
    differs_nowhere(100_000)


@pytest.mark.long
def test_same_replies_and_messages_as_redis_for_long():
    differs_nowhere(10_000_000)
