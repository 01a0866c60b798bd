"""Permissions to push to a registry: the expected ones, and where applied policies differ.

The policies are those of `terraform/base`.
"""

from tests.platform.emulator import ACCOUNT, REGION
from tests.platform.policies import Context, Policies, Trust

VARIABLES = {"account_id": ACCOUNT, "region": REGION, "organization": "example"}
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


def token(subject: str, audience: str | None = "sts.amazonaws.com") -> Context:
    """Return the claims that AWS reads from GitHub's token."""
    claims = {"sub": subject} | ({"aud": audience} if audience else {})
    return {f"token.actions.githubusercontent.com:{name}": value for name, value in claims.items()}


SUBJECTS = {
    "repo:example/tyk:ref:refs/heads/app-test": True,
    "repo:example/tyk:ref:refs/heads/integration/app-test": True,
    "repo:example/tyk:ref:refs/tags/v5.3.0": True,
    "repo:example/tyk-pump:ref:refs/heads/app-test": False,
    "repo:example/tyk2:ref:refs/heads/app-test": False,
    "repo:another/tyk:ref:refs/heads/app-test": False,
    "repo:example-evil/tyk:ref:refs/heads/app-test": False,
    "repo:Example/tyk:ref:refs/heads/app-test": False,
    "repo:example/tyk:pull_request": False,
    "repo:example/tyk:ref:refs/pull/7/merge": False,
    "repo:example/tyk:environment:production": False,
}
"""Subjects of tokens, and whether they get the role of `tyk`.

The reference's examples are among them.
"""

TOKENS: list[tuple[Context, bool]] = [
    *((token(subject), wanted) for subject, wanted in SUBJECTS.items()),
    (token("repo:example/tyk:ref:refs/heads/app-test", "https://github.com/example"), False),
    (token("repo:example/tyk:ref:refs/heads/app-test", None), False),
    ({"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}, False),
    ({}, False),
]


def wrong_tokens(trust: Trust) -> list[Context]:
    """Return the tokens on which the role decides otherwise."""
    return [
        claims
        for claims, wanted in TOKENS
        if trust.accepts("sts:AssumeRoleWithWebIdentity", GITHUB, claims) is not wanted
    ]
