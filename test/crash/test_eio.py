"""Hark's part of eio.py: after one EIO it acknowledges nothing more and ends, and what it had
promised is there."""

import pytest

import eio
import server


@pytest.mark.parametrize("sync", ["everysec", "always"])
def test_one_eio(sync):
    trial = eio.Trial(server.server_binary(), sync).play()
    assert trial.status == server.EXIT_OF_DISK_FAILURE, trial.says
    assert "Input/output error" in trial.says
    assert trial.status_again is None, trial.says_again
    last_synced = [k for k in trial.acknowledged("before")]
    assert last_synced
    if sync == "always":
        assert trial.lost() == []
    else:  # the last second, as promised, and all of it from one moment on
        lost = trial.lost()
        assert lost == trial.acknowledged()[len(trial.acknowledged()) - len(lost) :]
        assert set(trial.early()) <= set(trial.there)


def test_two_claims():
    """That the script shows what it is to show of Redis."""
    trial = eio.Trial(eio.REDIS, "everysec").play()
    assert trial.status is None and trial.info["aof_last_write_status"] == "ok"
    assert len(trial.lost("after")) == len(trial.acknowledged("after")) > 0
