"""Series with which each alert fires, and healthy ones with which none does.

Values are in promtool's notation: `0+60x90` is 0, 60, … with 90 steps, one step a minute.
"""

from collections.abc import Mapping

STEPS = 24 * 60
DAY_S = 86_400
HEALTHY: Mapping[str, str] = {
    'gromit_unfinished_work{kind="sow"}': f"0x{STEPS}",
    'gromit_last_pass_timestamp_seconds{part="sow"}': f"0+60x{STEPS}",
    'gromit_last_pass_timestamp_seconds{part="reap"}': f"0+60x{STEPS}",
    'gromit_last_pass_timestamp_seconds{part="chitragupta"}': f"0+60x{STEPS}",
    'gromit_failed_passes{part="sow"}': f"0x{STEPS}",
    'gromit_oldest_work_age_seconds{kind="sow"}': f"30x{STEPS}",
    'gromit_oldest_undone_age_seconds{kind="sow"}': f"60x{STEPS}",
    'gromit_oldest_undone_age_seconds{kind="reap"}': f"60x{STEPS}",
    'gromit_run_duration_seconds_count{kind="sow",outcome="platform"}': f"0x{STEPS}",
    'gromit_run_duration_seconds_count{kind="sow",outcome="build"}': f"0+1x{STEPS}",
    'gromit_run_duration_seconds_count{kind="reap",outcome="transient"}': f"0x{STEPS}",
    'gromit_run_duration_seconds_count{kind="sow",outcome="person"}': f"0x{STEPS}",
    'gromit_environments{phase="unreadable"}': f"0x{STEPS}",
    'gromit_certificate_expires_timestamp_seconds{job="serve"}': f"{30 * DAY_S}x{STEPS}",
    'gromit_certificate_expires_timestamp_seconds{job="plain"}': f"0x{STEPS}",
    'gromit_client_certificate_expires_timestamp_seconds{role="worker"}': f"{30 * DAY_S}x{STEPS}",
    'gromit_client_certificate_expires_timestamp_seconds{role="viewer"}': f"{2 * DAY_S}x{STEPS}",
    "gromit_canary_success_timestamp_seconds": f"0+60x{STEPS}",
    "gromit_canary_interval_seconds": f"3600x{STEPS}",
    "gromit_ca_expires_timestamp_seconds": f"{900 * DAY_S}x{STEPS}",
    'gromit_suspensions{scope="all"}': f"0x{STEPS}",
    'gromit_dns_records{state="blocked"}': f"0x{STEPS}",
    'gromit_public_names{state="missing"}': f"0x{STEPS}",
    'gromit_build_ready_seconds_bucket{le="3600"}': f"0+1x{STEPS}",
    'gromit_build_ready_seconds_bucket{le="14400"}': f"0+1x{STEPS}",
    'gromit_build_ready_seconds_bucket{le="+Inf"}': f"0+1x{STEPS}",
    'gromit_requests_total{job="serve",status="200"}': f"0+100x{STEPS}",
    'gromit_requests_total{job="serve",status="500"}': f"0+1x{STEPS}",
    'gromit_aws_calls_total{part="sow",service="ecs",outcome="denied"}': f"0x{STEPS}",
    'gromit_aws_calls_total{part="sow",service="ecs",outcome="throttled"}': f"0x{STEPS}",
}

_NEVER = "_"
"""No value, in promtool's notation."""
CASES: Mapping[str, Mapping[str, str]] = {
    "GromitServeSilent": {'gromit_unfinished_work{kind="sow"}': _NEVER},
    "GromitSowNotRun": {'gromit_last_pass_timestamp_seconds{part="sow"}': f"0x{STEPS}"},
    "GromitReapNotRun": {'gromit_last_pass_timestamp_seconds{part="reap"}': f"0x{STEPS}"},
    "GromitChitraguptaNotRun": {'gromit_last_pass_timestamp_seconds{part="chitragupta"}': _NEVER},
    "GromitPassesFail": {'gromit_failed_passes{part="sow"}': f"3x{STEPS}"},
    "GromitOldestSow": {'gromit_oldest_work_age_seconds{kind="sow"}': f"0+60x{STEPS}"},
    "GromitUndoneSow": {'gromit_oldest_undone_age_seconds{kind="sow"}': f"172801x{STEPS}"},
    "GromitUndoneReap": {'gromit_oldest_undone_age_seconds{kind="reap"}': f"43201x{STEPS}"},
    "GromitFailedSow": {
        'gromit_run_duration_seconds_count{kind="sow",outcome="platform"}': f"0+1x{STEPS}"
    },
    "GromitFailedReap": {
        'gromit_run_duration_seconds_count{kind="reap",outcome="transient"}': f"0+1x{STEPS}"
    },
    "GromitNeedsPerson": {
        'gromit_run_duration_seconds_count{kind="sow",outcome="person"}': f"0+1x{STEPS}"
    },
    "GromitCanary": {"gromit_canary_success_timestamp_seconds": f"0x{STEPS}"},
    "GromitSetAside": {'gromit_environments{phase="unreadable"}': f"1x{STEPS}"},
    "GromitCertificate": {
        'gromit_client_certificate_expires_timestamp_seconds{role="worker"}': (
            f"{6 * DAY_S}x{STEPS}"
        )
    },
    "GromitCa": {"gromit_ca_expires_timestamp_seconds": f"{59 * DAY_S}x{STEPS}"},
    "GromitForgottenSuspension": {'gromit_suspensions{scope="all"}': f"1x{STEPS}"},
    "GromitDnsBlocked": {'gromit_dns_records{state="blocked"}': f"1x{STEPS}"},
    "GromitNamesMissing": {'gromit_public_names{state="missing"}': f"1x{STEPS}"},
    "GromitSlowBuilds": {'gromit_build_ready_seconds_bucket{le="3600"}': f"0x{STEPS}"},
    "GromitRequestsFail": {'gromit_requests_total{job="serve",status="500"}': f"0+50x{STEPS}"},
    "GromitAwsDenied": {
        'gromit_aws_calls_total{part="sow",service="ecs",outcome="denied"}': f"0+1x{STEPS}"
    },
    "GromitAwsThrottled": {
        'gromit_aws_calls_total{part="sow",service="ecs",outcome="throttled"}': f"0+1x{STEPS}"
    },
}
"""By alert: the series that differ from the healthy ones."""
