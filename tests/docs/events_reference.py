"""Make the reference of log events (`make docs`).

Names, levels and keys come from the source, and the meanings from this file.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.docs.log_events import Event, events

SOURCE = Path(__file__).parents[2] / "src" / "gromit"

# The formatter would join the wrapped texts.
# fmt: off
MEANINGS: Mapping[str, str] = {
    "aws.paced": (
        "this process waits before a call, because its share of the rate is used up: "
        "[rates of AWS](aws-rates.md)"
    ),
    "canary.failed": (
        "serve could not create or redeploy the canary; logged once while it stays so, and tried "
        "again each minute"
    ),
    "catalogue.repositories_without_component": (
        "`repos` names repositories without a component, which are deployed nowhere"
    ),
    "changes.interrupted": (
        "the stream of changes from serve broke; the client reconnects after a second"
    ),
    "claim.lost": (
        "another worker holds the claim now; terraform's lock protects the running work, "
        "which continues"
    ),
    "claim.not_renewed": "the claim could not be renewed at serve; the worker retries",
    "config.environment_removed": "an environment was reaped and its config folder removed",
    "config.kept": "a person has changed this config file, so it was kept",
    "config.root_marked": "an empty config volume was marked as the config root, by `pki ensure`",
    "config.set_aside": "a config folder without an environment was renamed, by `--fix`",
    "config.note_unreadable": (
        "the note of rendered files is unreadable, so every file in the folder counts as a "
        "person's and is kept"
    ),
    "config.removed": (
        "an unchanged config file was removed, because its template does not exist any more"
    ),
    "config.legacy_keys_ignored": (
        "the config file has keys that only gromit v1 knew; they mean nothing now"
    ),
    "config.written": "a config file was rendered from its template",
    "connection.cut": (
        "a client was too slow, sent too much, did not read or had too many connections, and its "
        "connection was closed"
    ),
    "connection.not_accepted": (
        "a connection could not be accepted; `left_out` counts the same events in the second "
        "before"
    ),
    "connection.refused": (
        "a listener has too many connections; `left_out` counts the same events in the second "
        "before"
    ),
    "dns.blocked": (
        "a record cannot be written or deleted, with the reason; logged once while it stays "
        "so"
    ),
    "environment.degraded": (
        "a part of a ready environment does not run: the reason, and the pause before the repair"
    ),
    "observation.dropped": "an observation was not recorded, because the row cannot be read",
    "health.unreachable": (
        "no program of any of several environments can be reached, so that chitragupta reports no"
        " health: check that it reaches public addresses on the ports of components"
    ),
    "observation.failed": "what runs could not be looked at or reported; records are kept as ever",
    "dns.changed": "a pass changed the zone: numbers of created, updated and deleted records",
    "dns.pass_failed": (
        "a pass did not start or did not complete, with the number of failures in a row; a "
        "watching chitragupta retries"
    ),
    "dns.passed": (
        "a pass ended: numbers of gromit's address records before it, of changed records and of "
        "records that could not be changed, and the reason if the list of tasks is incomplete"
    ),
    "records.not_updated": (
        "sow could not bring the public records of its environment up to date, with the reason; "
        "chitragupta's next pass does"
    ),
    "dns.put_off": "Route53 throttles or is busy with an earlier change; the request is repeated",
    "dns.record": "one record was created, updated or deleted",
    "dns.refused": (
        "Route53 refused a batch because another client has changed the zone; chitragupta "
        "lists the zone once more"
    ),
    "doctor.bug": (
        "a check of the doctor hit a bug; the other checks ran, and the traceback is in "
        "`exception`"
    ),
    "doctor.checked": (
        "`gromit doctor aws` has made all its checks: numbers of findings, and of wrong ones"
    ),
    "doctor.compared": (
        "`gromit doctor environments` has compared everything: numbers of rows, of discrepancies, "
        "and of those that no build's own failure explains"
    ),
    "doctor.discrepancy": (
        "the table and what exists disagree, with the repair: "
        "[kinds](doctor.md#environments)"
    ),
    "doctor.finding": (
        "something is wrong with the installation: the check, the observation and the remedy"
    ),
    "doctor.looking": "the check that the doctor is running; plain text on a terminal",
    "doctor.quota": (
        "an AWS quota: usage, and the number of environments that fit; wrong from 80 % on "
        "(`doctor.quota_percent`)"
    ),
    "doctor.not_repaired": (
        "a repair was not made, because something has changed since the look, or AWS refused it"
    ),
    "doctor.not_reported": (
        "serve did not take the report of a doctor, which people then do not see on the page of "
        "the platform"
    ),
    "doctor.repaired": "an operator's `--fix` has repaired a discrepancy",
    "doctor.untold": "AWS did not report a quota or its usage, with AWS's own message",
    "fallbacks.defaults": (
        "registries cannot be asked for the fallbacks of a new environment, so it gets the"
        " default branch until the next lookup"
    ),
    "fallbacks.kept": (
        "registries cannot be asked for the fallbacks of a branch, so the previous ones stay"
    ),
    "state.lost": (
        "the state that the last run left is missing or empty, so this run starts without one"
    ),
    "state.copied": "the state of a renamed environment of gromit v1 was copied to the new name",
    "state.moved": "a resource of gromit v1 has the address of gromit's stack from now on",
    "state.taken_over": (
        "the state of gromit v1 was changed for gromit's stack; a copy of it stays in the bucket"
    ),
    "state.not_recorded": (
        "the state that a run left could not be read, so what was recorded before stays"
    ),
    "environment.changed": (
        "serve accepted a change: its kind, actor and reason, and the row's numbers after it, "
        "with the `serial`, `requester`, `run` and `client` of the request; part of the audit"
    ),
    "failure.recorded": (
        "an attempt failed; its class decides the pause, and which alarm counts it"
    ),
    "gateway.checked": (
        "the gateway answers health checks; at most one line a minute, and none if no check arrives"
    ),
    "gateway.job_refused": "an OIDC token was refused, with the reason",
    "gateway.keys_fetched": (
        "the gateway fetched the public keys of the OIDC issuer; number of usable keys"
    ),
    "gateway.keys_unavailable": (
        "the issuer's public keys are unavailable; the gateway uses the previous keys for up "
        "to a day"
    ),
    "gateway.login": (
        "a person logged in, in a browser or with the command line (`way`); part of the audit"
    ),
    "gateway.login_refused": "a login failed, with the reason; part of the audit",
    "gateway.logout": "a person logged out in a browser; part of the audit",
    "gateway.code_refused": "the login provider did not accept the code of a login",
    "gateway.provider_found": "the gateway fetched the addresses of the login provider",
    "gateway.provider_unavailable": (
        "the login provider is unavailable, or describes itself wrongly; the gateway uses its "
        "previous addresses for up to a day"
    ),
    "gateway.request": (
        "one request at the gateway, refused ones included, except successful ones to "
        "`/healthcheck`: the token (its id, or a job's run) or the person, the repository, the "
        "branch, the version and the result (`status` null: the client had disconnected); part "
        "of the audit"
    ),
    "gateway.stream_broken": (
        "the stream of changes from serve broke, and the gateway ended those of people"
    ),
    "gateway.tokens_unreadable": (
        "the token file is unreadable; the gateway answers every request with 503 until it "
        "can read the file"
    ),
    "gateway.upstream_failed": "serve is unreachable, or something else than serve answered",
    "gateway.upstream_slow": "serve did not answer within `gateway.timeout`",
    "page.changes_interrupted": (
        "the page lost serve's stream of changes, and opens it again; until then it reads all "
        "environments every 5 s while people look"
    ),
    "lines.left_out": (
        "a client caused more lines `of` an event than are written: their number in this "
        "second, and by reason or status; part of the audit"
    ),
    "loglevel.changed": "an operator changed the log level of serve; part of the audit",
    "hook.ended": "the task of a hook has ended, well or not",
    "hook.failed": (
        "a hook has failed in all attempts of a run; without `required`, the run goes on"
    ),
    "hook.left_over": "a task of a hook that an earlier attempt has left is stopped",
    "lock.judged": "a lock was in the way: the verdict on its owner",
    "output.unreadable": (
        "the output of a task that stopped could not be read; its failure is recorded without it"
    ),
    "lock.left": "the worker could not release its own lock; it retries before the next run",
    "lock.lost": (
        "the worker's own lock was missing at its release, because another process removed it "
        "during the run"
    ),
    "lock.removed": "a person removed a lock (`gromit env unlock`)",
    "lock.not_removed": "the worker could not check or remove a lock; the next pass tries again",
    "lock.replaced": "the worker took over the lock of a dead owner",
    "lock.stale_removed": (
        "at the end of a pass, the worker removed the lock of a dead owner from an environment "
        "without work"
    ),
    "locks.unknown": "the worker could not list the locks; the next pass tries again",
    "pki.ca_made": "a CA was created",
    "pki.ca_trusted": "the certificate of another CA was added, for all parts",
    "pki.issued": "a certificate was issued or renewed",
    "image.gone": (
        "the image of a desired version is gone from its registry, so that another tag runs instead"
    ),
    "images.not_marked": (
        "a registry refuses the tags that keep images of an environment from expiring; it works "
        "all the same"
    ),
    "images.not_released": (
        "reap may not remove the tags of an environment, so that its images do not expire"
    ),
    "sleep.slept": "an environment that no one uses was parked outside of `environments.sleep`",
    "sleep.woken": "an environment that slept is brought back",
    "lifetime.limited": "`lifetime.limit` is reached; those environments expire later",
    "lifetime.set_aside": (
        "a row whose lifetime is due cannot be read; it is looked at again in an hour"
    ),
    "pki.revoked": "a certificate was added to the deny list",
    "pki.standing": (
        "remaining days of a certificate that `gromit pki ensure` manages; `ca` is the CA's "
        "own"
    ),
    "processing.resumed": "an operator ended a suspension; its text is in `was`",
    "processing.suspended": (
        "an operator suspended all processing, an environment or a repository (`scope`, `target`)"
    ),
    "provider.unpacked": "the embedded AWS provider was unpacked, once for this user",
    "request.bug": "a request hit a bug; the traceback is in `exception`",
    "request.refused": (
        "serve refused a request (400 to 499, except 404 to a question), with the `serial`, "
        "`requester`, `run` and `client` of the request; part of the audit"
    ),
    "resource.adopted": "a resource that no state contains is imported by the apply",
    "resource.removed": "a resource that no state contains was removed directly",
    "revisions.unknown": (
        "the registry did not return the commits of images; the environment is shown without them"
    ),
    "run.bug": (
        "a run hit a bug; the environment counts as failed, and the traceback is in "
        "`exception`"
    ),
    "run.finished": (
        "a run on an environment ended; `ending` is done, failed, fenced, superseded or "
        "stopped"
    ),
    "run.folder_gone": (
        "another process removed files from the worker's terraform folder; the worker "
        "prepares the folder again"
    ),
    "run.progress": "current activity of a run, in words",
    "row.set_aside": (
        "a row that cannot be read is left alone; no worker takes its environment until a "
        "person corrects the row, and serve checks it again after this time"
    ),
    "run.step": "one step of the protocol and its result",
    "run.swept": "files of a killed run were removed from the work folder",
    "secret.written": "a secret of environments got a value, which is not logged",
    "service.restarted": "a service with a failed deployment and without changes was started again",
    "server.started": "a server accepts connections at these addresses",
    "server.stopped": "a server has stopped",
    "state.rescued": (
        "terraform could not save a state; a copy is beside the real state in the bucket, for "
        "a person to inspect"
    ),
    "state.set_aside": (
        "a state that no run may use was renamed, by `--fix`; it stays in the bucket for people"
    ),
    "state.stranded": (
        "neither terraform nor gromit could save a state; it is in this file on the worker"
    ),
    "peers.interrupted": (
        "the changes of another process of serve are not heard; tried again each second, and "
        "watchers here find its changes at their backstop"
    ),
    "peers.unresolved": "a name in `serve.peers` has no address now; tried again after 10 s",
    "turns.unknown": (
        "serve may not look up which repository made work due, so age decides; logged once while"
        " it lasts"
    ),
    "table.lacks_lifetimes": (
        "the table has no index of lifetimes, so no environment expires; all else works"
    ),
    "sweep.done": (
        "a repository has listed its branches; numbers of its branches in environments that the "
        "list lacks, that were retired, and that wait for the next list"
    ),
    "task.unknown": (
        "ECS did not identify this task; if the task dies, only its own machine can prove it"
    ),
    "terraform.chosen": "the terraform in use, and the source of its providers",
    "terraform.ended": (
        "an apply or destroy of an environment ended, with its exit code, and product and version "
        "of the program"
    ),
    "terraform.interrupted": "terraform was asked to stop and saves its state",
    "tls.denylist_unreadable": (
        "the deny list is unreadable; serve answers every request with 503 until it can read "
        "the list"
    ),
    "tls.handshake_failed": (
        "a TLS handshake failed: wrong certificate, old TLS version, or too slow"
    ),
    "tls.peer_refused": (
        "a client's certificate expired or was revoked while its connection was open"
    ),
    "tls.reload_failed": "new certificate files are unusable; the old ones stay in force",
    "tls.reloaded": "new certificate files are in use",
    "tls.role_refused": "a certificate names an unknown role, or two roles, and therefore has none",
    "token.made": "a token was created (its id, never the token itself)",
    "token.revoked": "a token was revoked",
    "work.overdue": (
        "an environment waits longer than `sow.overdue` or `reap.overdue`; logged once while it "
        "does, and again when serve starts"
    ),
    "work.age": (
        "every minute (`serve.age_interval`), for each kind of work: how long the oldest due and "
        "unclaimed work has been waiting, and (`undone_seconds`) the age of the oldest unfinished "
        "work, failures and claims included"
    ),
    "work.age_unknown": "the table does not report the due work",
    "work.claim_failed": (
        "serve answered a claim with an error; the pass goes on, and ends with this error"
    ),
    "work.halted": (
        "a watching worker starts nothing, with the reason; logged once while it stays so"
    ),
    "work.upkeep_failed": (
        "serve could not look at the deadlines of environments; logged once while it stays so"
    ),
    "work.limited": "`reap.limit` is reached; the next run continues",
    "work.pass_failed": "a single pass of a worker ended early, with the reason",
    "work.passed": (
        "a worker has started all due work, and the number of environments; with --watch "
        "logged once for each `sow.backstop`"
    ),
    "periodic.failed": "the look at ages of work and at the canary hit a bug; the next one follows",
}
"""Events of the product."""

LOCAL: Mapping[str, str] = {
    "aws.ready": "the emulated AWS and the DNS server answer",
    "exec.started": "a program of a person runs in a container of the local cloud",
    "exec.ended": "it has ended, its client has left, or its task has stopped",
    "name_proxy.failed": "the proxy for public names could not forward a request because of a bug",
    "dns.failed": "a DNS question hit a bug",
    "fargate.service_failed": "a service of the Fargate simulator hit a bug",
    "worker_logs.not_copied": (
        "lines of sow or reap could not be copied to the emulated log group; the next round does"
    ),
    "part.ended": "a part ended by itself and is started again",
    "part.killed": "a part did not stop when asked and was killed",
    "state.not_saved": "the state of the emulated AWS could not be written to disk; it is retried",
}
"""Events of the local cloud's own processes."""
# fmt: on

_HEAD = """\
# Log events

`make docs` generates this page from the source and from `tests/docs/events_reference.py`.
A test compares the two.

gromit writes its logs to standard error.
A terminal gets text, everything else one JSON object a line (`log.format`).
`event` is one of the names below and never contains data. Data are in keys of their own.
Every line has `level` and `timestamp` (UTC).
The lines of a run of `sow` or `reap` also have `env` and `epoch`, the number of the claim.
`log.level` (and `PUT /loglevel/{level}` at a running serve) sets the level.
`-v` logs everything except trace.
gromit masks keys and tokens, and cuts long texts.
Libraries log lines of their own, whose `event` is a sentence.

The row of an environment also keeps [its events](table.md#events).
`gromit env history` shows them.

The audit says who changed what, and who was refused. No log level silences it.
Its events are `environment.changed`, `gateway.login`, `gateway.login_refused`, `gateway.logout`,
`gateway.request`, `lines.left_out`, `loglevel.changed` and `request.refused`. They name the serial
of the certificate, the person, the id of the token or the run of the job, and the address of the
client.
If a client causes more than 10 lines about refusals in a second, the rest of that second and every
further one is a single line with counts. So no client can fill the log.

"""


def page() -> str:
    """Return the whole page. Raises `ValueError` unless each event has one meaning."""
    product = _table(events(p for p in _modules() if not _is_local(p)), MEANINGS)
    local = _table(events(p for p in _modules() if _is_local(p)), LOCAL)
    return f"{_HEAD}{product}\n## Events of the local cloud\n\n{local}"


def _modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def _is_local(path: Path) -> bool:
    return path.is_relative_to(SOURCE / "local")


def _table(found: Mapping[str, Event], meanings: Mapping[str, str]) -> str:
    if strange := sorted(found.keys() ^ meanings.keys()):
        names = ", ".join(strange)
        raise ValueError(
            f"logged, or described in tests/docs/events_reference.py, but not both: {names}"
        )
    return "".join(
        ["| event | level | keys | meaning |\n|---|---|---|---|\n", *_rows(found, meanings)]
    )


def _rows(found: Mapping[str, Event], meanings: Mapping[str, str]) -> Iterator[str]:
    for name, event in found.items():
        keys = " ".join(f"`{key}`" for key in event.keys) or "-"
        yield f"| `{name}` | {', '.join(event.levels)} | {keys} | {meanings[name]} |\n"
