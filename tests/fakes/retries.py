"""Repetition of requests for tests: as often as in production, without pauses."""

import math

from gromit.web.clients.retries import Retries

AT_ONCE = Retries(within_s=math.inf, sleep=lambda _pause: None)
