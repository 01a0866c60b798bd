"""Permissions to push to a registry: the expected ones, and where applied policies differ.

The policies are those of `terraform/base`.
"""

import re

from tests.platform.emulator import ACCOUNT, REGION
from tests.platform.policies import Context, Policies, Trust

OWNER_ID = "1234567"
VARIABLES = {
    "account_id": ACCOUNT,
    "region": REGION,
    "organization": "example",
    "organization_id": OWNER_ID,
}
"""Inputs of `terraform/base` in tests."""

PUSH = "ecr:PutImage"
PULL = "ecr:BatchGetImage"
GITHUB = ("Federated", f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com")


def arn(repository: str) -> str:
    """Return the ARN of a repository's registry."""
    return f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{repository}"


RIGHTS = [
    *(
        (action, arn("tyk"), True)
        for action in (
            "ecr:BatchCheckLayerAvailability",
            PULL,
            "ecr:CompleteLayerUpload",
            "ecr:GetDownloadUrlForLayer",
            "ecr:InitiateLayerUpload",
            PUSH,
            "ecr:UploadLayerPart",
        )
    ),
    ("ecr:GetAuthorizationToken", "*", True),
    *(
        (action, arn(other), False)
        for action in (PUSH, PULL)
        for other in ("tyk-pump", "tyk-analytics", "portal", "tyk2", "ty")
    ),
    *(
        (action, arn("tyk"), False)
        for action in (
            "ecr:BatchDeleteImage",
            "ecr:DeleteRepository",
            "ecr:PutLifecyclePolicy",
            "ecr:SetRepositoryPolicy",
            "ecr:PutImageTagMutability",
        )
    ),
    ("ecr:CreateRepository", "*", False),
    ("ecr:DescribeRepositories", "*", False),
    ("ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/gromit/base", False),
    (
        "secretsmanager:GetSecretValue",
        f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:gromit/push/tyk-000000",
        False,
    ),
    (
        "secretsmanager:GetSecretValue",
        f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:gromit/ca-key-000000",
        False,
    ),
    ("s3:GetObject", "arn:aws:s3:::terraform-state-dev/env:/app-test/devenv", False),
    ("iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/gromit-push-tyk", False),
    ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/gromit-push-tyk-pump", False),
]
"""Requests of a principal that pushes for `tyk`, each with the expected decision."""


def wrong_rights(policies: Policies) -> list[tuple[str, str]]:
    """Return the requests on which the policies decide otherwise."""
    return [
        (action, resource)
        for action, resource, wanted in RIGHTS
        if policies.allows(action, resource) is not wanted
    ]


_CLAIM = "token.actions.githubusercontent.com:"


def claims(**values: str) -> Context:
    """Return the claims that AWS reads from GitHub's token."""
    return {_CLAIM + name: value for name, value in values.items()}


def token(
    subject: str,
    audience: str | None = "sts.amazonaws.com",
    repository: str | None = None,
    owner_id: str = OWNER_ID,
) -> Context:
    """Return the claims of a job. Its repository is the subject's, without ids, unless given."""
    found = repository or _repository(subject)
    known = claims(sub=subject, repository=found, repository_owner_id=owner_id)
    return {**known, **claims(aud=audience)} if audience else known


def _repository(subject: str) -> str:
    """Return the repository that a subject in any of GitHub's forms names."""
    owner, name = subject.split(":")[1].split("/")
    return "/".join(re.sub(r"[-@]\d+$", "", part) for part in (owner, name))


SUBJECTS = {
    "repo:example/tyk:ref:refs/heads/app-test": True,
    "repo:example/tyk:ref:refs/heads/integration/app-test": True,
    "repo:example/tyk:ref:refs/tags/v5.3.0": True,
    "repo:example-1234567/tyk-7654321:ref:refs/heads/app-test": True,
    "repo:example@1234567/tyk@7654321:ref:refs/heads/app-test": True,
    "repo:example-1234567/tyk-7654321:ref:refs/tags/v5.3.0": True,
    "repo:example/tyk-pump:ref:refs/heads/app-test": False,
    "repo:example-1234567/tyk-pump-7654321:ref:refs/heads/app-test": False,
    "repo:example@1234567/tyk-pump@7654321:ref:refs/heads/app-test": False,
    "repo:example/tyk2:ref:refs/heads/app-test": False,
    "repo:another/tyk:ref:refs/heads/app-test": False,
    "repo:another-7654321/tyk-1234567:ref:refs/heads/app-test": False,
    "repo:example-7654321/tyk-1234567:ref:refs/heads/app-test": False,
    "repo:example-evil/tyk:ref:refs/heads/app-test": False,
    "repo:Example/tyk:ref:refs/heads/app-test": False,
    "repo:example/tyk:pull_request": False,
    "repo:example-1234567/tyk-7654321:pull_request": False,
    "repo:example@1234567/tyk@7654321:environment:production": False,
    "repo:example/tyk:ref:refs/pull/7/merge": False,
    "repo:example/tyk:environment:production": False,
}
"""Subjects of tokens, and whether they get the role of `tyk`.

The reference's examples are among them.
"""

_MASTER = "repo:example/tyk:ref:refs/heads/master"
_WITH_IDS = "repo:example-1234567/tyk-7654321:ref:refs/heads/master"
_FOREIGN_ID = "7654321"

TOKENS: list[tuple[Context, bool]] = [
    *((token(subject), wanted) for subject, wanted in SUBJECTS.items()),
    (token(_MASTER, "https://github.com/example"), False),
    (token(_MASTER, None), False),
    # The organisation was renamed, and another owner took its name.
    (token(_MASTER, owner_id=_FOREIGN_ID), False),
    (token(_WITH_IDS, owner_id=_FOREIGN_ID), False),
    # Names of foreign organisations and repositories that look like ours with ids.
    (token(_WITH_IDS, repository="example-1234567/tyk-7654321", owner_id=_FOREIGN_ID), False),
    (token(_WITH_IDS, repository="example/tyk-7654321"), False),
    ({k: v for k, v in token(_WITH_IDS).items() if k != f"{_CLAIM}repository"}, False),
    ({k: v for k, v in token(_WITH_IDS).items() if k != f"{_CLAIM}repository_owner_id"}, False),
    (claims(aud="sts.amazonaws.com"), False),
    ({}, False),
]


def wrong_tokens(trust: Trust) -> list[Context]:
    """Return the tokens on which the role decides otherwise."""
    return [
        known
        for known, wanted in TOKENS
        if trust.accepts("sts:AssumeRoleWithWebIdentity", GITHUB, known) is not wanted
    ]
