"""Classes of failures, from real messages of AWS, terraform and gromit."""

import pytest

from gromit.core.environments.failures import (
    FailureClass,
    classify_failure,
    first_pause_ms,
)

RETRY_MS, LONGEST_MS = 30_000, 21_600_000

CASES: tuple[tuple[FailureClass, str, str], ...] = (
    (FailureClass.TRANSIENT, "temporary", "could not list images: ThrottlingException"),
    (
        FailureClass.TRANSIENT,
        "terraform",
        "creating EC2 Security Group: RequestLimitExceeded: Request limit exceeded",
    ),
    (
        FailureClass.TRANSIENT,
        "terraform",
        "api error TooManyRequestsException: Too Many Requests (aws_ecs_service.this tyk)",
    ),
    (FailureClass.TRANSIENT, "terraform", "read tcp 10.0.0.1:443: connection reset by peer"),
    (FailureClass.TRANSIENT, "terraform", "interrupted after 20 min"),
    (FailureClass.QUOTA, "rollout", "tyk: Capacity is unavailable at this time"),
    (
        FailureClass.TRANSIENT,
        "rollout",
        "tyk: CannotPullContainerError: pull image manifest: dial tcp: i/o timeout",
    ),
    (FailureClass.TRANSIENT, "conflict", "the state of app has changed meanwhile"),
    (FailureClass.TRANSIENT, "locked", "the owner may be alive"),
    (FailureClass.TRANSIENT, "of a later release", "what it says"),
    (
        FailureClass.QUOTA,
        "terraform",
        "creating Service Discovery Service: ServiceQuotaExceeded: quota exceeded",
    ),
    (
        FailureClass.QUOTA,
        "terraform",
        "creating Security Group: SecurityGroupLimitExceeded: The maximum number of security",
    ),
    (FailureClass.QUOTA, "terraform", "LimitExceededException: Services limit exceeded"),
    (FailureClass.QUOTA, "rollout", "tyk: You've reached the limit on the number of tasks"),
    (FailureClass.QUOTA, "rollout", "redis: InsufficientFreeAddressesInSubnet"),
    (
        FailureClass.QUOTA,
        "rollout",
        "redis: CannotPullContainerError: toomanyrequests: You have reached your pull rate limit",
    ),
    (FailureClass.PLATFORM, "hook", "hook on_reap of tyk failed 3 times: exit code 1"),
    (FailureClass.BUILD, "invalid", "there is no image tyk:sha-1 in the registry"),
    (
        FailureClass.BUILD,
        "rollout",
        "tyk: CannotPullContainerError: tyk@sha256:0 not found: manifest unknown",
    ),
    (FailureClass.BUILD, "rollout", "tyk: Essential container in task exited: exit code 1"),
    (FailureClass.BUILD, "rollout", "tyk: OutOfMemoryError: container killed"),
    (FailureClass.BUILD, "rollout", "not running after 600 s: tyk: 0 of 1 tasks run"),
    (
        FailureClass.PLATFORM,
        "terraform",
        "AccessDeniedException: User is not authorized to perform ecs:CreateService",
    ),
    (FailureClass.PLATFORM, "terraform", "UnauthorizedOperation: You are not authorized"),
    (FailureClass.PLATFORM, "terraform", "InvalidSubnetID.NotFound: subnet-1"),
    (FailureClass.PLATFORM, "temporary", "[Errno 28] no space left on device"),
    (
        FailureClass.PLATFORM,
        "rollout",
        "tyk: ResourceInitializationError: AccessDeniedException: secretsmanager",
    ),
    (FailureClass.PLATFORM, "denied", "could not read /gromit/platform"),
    (FailureClass.PLATFORM, "config", "there is no parameter /gromit/platform"),
    (FailureClass.PLATFORM, "bug", "KeyError in gromit; see the worker's log"),
    (FailureClass.PERSON, "unsafe_state", "the state of app belongs to other"),
    (FailureClass.PERSON, "conflict", "the state of app still has 3 resources"),
    (FailureClass.PERSON, "unreadable", "the row of app cannot be read"),
)


@pytest.mark.parametrize(("expected", "kind", "message"), CASES)
def test_a_failure_is_of_its_class(expected: FailureClass, kind: str, message: str) -> None:
    assert classify_failure(kind, message) is expected


def test_every_class_has_cases() -> None:
    assert {case[0] for case in CASES} == set(FailureClass)


@pytest.mark.parametrize("kind", ["invalid", "config", "unsafe_state", "bug"])
def test_words_of_aws_in_our_own_messages_are_a_coincidence(kind: str) -> None:
    said = "there is no image app:ThrottlingException in the registry"
    assert classify_failure(kind, said) is classify_failure(kind, "x")


def test_the_pause_is_the_longer_the_less_a_repetition_helps() -> None:
    pauses = [
        first_pause_ms(failure, RETRY_MS, LONGEST_MS)
        for failure in (
            FailureClass.TRANSIENT,
            FailureClass.PLATFORM,
            FailureClass.QUOTA,
            FailureClass.BUILD,
            FailureClass.PERSON,
        )
    ]
    assert pauses == [RETRY_MS, RETRY_MS, 15 * 60_000, 30 * 60_000, LONGEST_MS]
    assert all(first_pause_ms(f, RETRY_MS, 1000) == 1000 for f in FailureClass)
