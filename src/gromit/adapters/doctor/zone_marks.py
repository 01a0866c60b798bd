"""Installations that have ownership records in a zone."""

import time
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gromit.adapters.aws.route53 import Route53Zone, Timing
from gromit.core.dns.ownership import OWNER_LABEL, parse_mark

if TYPE_CHECKING:
    from mypy_boto3_route53.client import Route53Client


def count_marks(client: "Route53Client", zone_id: str, domain: str) -> Mapping[str, int]:
    """Count the ownership records below a domain by installation; empty if they name none.

    One call for 300 records.
    """
    zone = Route53Zone(client, zone_id, domain, Timing(time.monotonic, time.sleep))
    marks = [
        parse_mark(record.values)
        for record in zone.records()
        if record.type == "TXT" and record.name.startswith(f"{OWNER_LABEL}.")
    ]
    return Counter(mark.installation for mark in marks if mark is not None)
