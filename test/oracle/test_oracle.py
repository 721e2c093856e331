"""The comparison as a test: COMMANDS random commands (100,000), SEED to play one run again."""

import os
import random

import pytest
from oracle.campaign import Campaign
from oracle.servers import ORACLE, Pair, hark

COMMANDS = int(os.environ.get("COMMANDS", 100_000))


@pytest.mark.skipif(not os.path.exists(ORACLE), reason="the oracle, redis-server, is not installed")
def test_same_replies_and_messages_as_redis():
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**9))
    with Pair(hark(), ORACLE) as pair:
        campaign = Campaign(pair)
        assert campaign.run(seed, COMMANDS), f"differences, see above; SEED={seed}"
