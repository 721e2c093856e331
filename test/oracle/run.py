#!/usr/bin/env python3
"""Sends the same random commands to two servers and compares every reply and every message.

    test/oracle/run.py --commands 100000
    test/oracle/run.py --seed 42 --group string,expiry --left build-asan/hark-server
    test/oracle/run.py --left /usr/bin/redis-server        (the harness against itself)

Exit code 0: no difference, 1: differences, 2: cannot run.
"""

import argparse
import os
import random
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from oracle.campaign import Campaign
from oracle.groups import GROUPS
from oracle.servers import ORACLE, Pair, hark


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--commands", type=int, default=int(os.environ.get("COMMANDS", 100_000)))
    parser.add_argument("--seed", type=int, default=os.environ.get("SEED"), help="also SEED=...")
    parser.add_argument("--left", default=hark(), help="the server tested, also HARK_SERVER=...")
    parser.add_argument("--right", default=ORACLE, help="the oracle")
    parser.add_argument("--group", default=",".join(GROUPS), help="some of " + ",".join(GROUPS))
    parser.add_argument("--stop-after", type=int, help="differences; else all commands are played")
    parser.add_argument("--shrink-seconds", type=float, default=20.0)
    chosen = parser.parse_args()
    unknown = [name for name in chosen.group.split(",") if name not in GROUPS]
    if unknown:
        parser.error(f"no such group: {', '.join(unknown)}")
    return chosen


def main():
    chosen = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that the servers are stopped
    seed = int(chosen.seed) if chosen.seed is not None else random.SystemRandom().randrange(10**9)
    try:
        pair = Pair(chosen.left, chosen.right)
    except (OSError, RuntimeError) as why:
        print(f"oracle: {why}", file=sys.stderr)
        return 2
    with pair:
        campaign = Campaign(pair, chosen.group.split(","), chosen.shrink_seconds)
        return 0 if campaign.run(seed, chosen.commands, chosen.stop_after) else 1


if __name__ == "__main__":
    sys.exit(main())
