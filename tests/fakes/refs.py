"""Refs that are no branches, as workflows send them by mistake: every door must refuse each."""

NO_BRANCHES = {
    "refs/pull/12/merge": "github.head_ref",
    "refs/pull/12/head": "github.head_ref",
    "/refs/pull/13/merge": "github.head_ref",
    "refs%2Fpull%2F12%2Fmerge": "github.head_ref",
    " refs/pull/7/merge": "github.head_ref",
    "refs/tags/app-test": "send the branch",
    "refs/tags/release/v1.2.3": "send the branch",
    "refs%2Ftags%2Fv1.2.3": "send the branch",
    "refs/notes/commits": "refs/heads/NAME",
    "refs/remotes/origin/app-test": "refs/heads/NAME",
    "refs/merge-requests/3/head": "refs/heads/NAME",
    "refs/changes/34/1234/1": "refs/heads/NAME",
    "refs/stash": "refs/heads/NAME",
    "refs/Heads/app-test": "refs/heads/NAME",
    "refs/heads": "refs/heads/NAME",
    "refs//heads/app-test": "refs/heads/NAME",
}
"""By ref: a part of the answer, which says what to send instead."""
