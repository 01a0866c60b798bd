"""A worker that locks a state and ends without unlocking it: `python -m … ENVIRONMENT`."""

import os
import sys

from gromit.bootstrap.worker_backends import owner_watch, state_bucket
from gromit.config.load import load_settings
from gromit.core.environments.terraform_locks import Lock

if __name__ == "__main__":
    bucket = state_bucket(load_settings(os.environ).settings)
    lock = bucket.lock(sys.argv[1], owner_watch().identify(), "sow")
    assert isinstance(lock, Lock)
