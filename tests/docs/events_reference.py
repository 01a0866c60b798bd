"""Makes the reference of log events: names, levels and keys from the source, and what each one means from here: `make docs`."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.docs.log_events import Event, events

SOURCE = Path(__file__).parents[2] / "src" / "gromit"

MEANINGS: Mapping[str, str] = {
    "catalogue.repositories_without_component": "`repos` names repositories without a component: they are deployed nowhere",
    "changes.interrupted": "the stream of changes from serve broke; it is taken up again after a second",
    "claim.lost": "somebody else holds the claim now; what runs is protected by terraform's lock and goes on",
    "claim.not_renewed": "serve could not be told that the work goes on; it is tried again",
    "config.environment_removed": "an environment was reaped, and its config folder removed",
    "config.kept": "a person has changed this config file: it was left as it is",
    "config.note_unreadable": "the note of what was rendered cannot be read: every file there counts as a person's, and is kept",
    "config.removed": "a config file that nobody had changed was removed, for its template is gone",
    "config.written": "a config file was rendered from its template",
    "connection.cut": "a client was too slow, sent too much or did not read, and its connection was ended",
    "connection.not_accepted": "a connection could not be accepted; `left_out` counts the same in the second before",
    "connection.refused": "a listener has too many connections; `left_out` counts the same in the second before",
    "dns.blocked": "a record cannot be written or deleted, with why; said once while it stays so",
    "dns.changed": "a pass has changed the zone: how many records were created, updated and deleted",
    "dns.pass_failed": "a pass was not made, or not to its end; a watching chitragupta tries again",
    "dns.passed": "a pass is over: how many records could not be written or deleted, and why the tasks were not seen whole, if so",
    "dns.put_off": "Route53 is busy with an earlier change, or throttles; the request is sent again",
    "dns.record": "one record was created, updated or deleted",
    "dns.refused": "Route53 refused a batch: somebody else has changed the zone, which is looked at once more",
    "doctor.bug": "a look of the doctor has met a bug; the others were made, and the traceback is in `exception`",
    "doctor.finding": "something is wrong with the installation: which check, what was seen, and what to do",
    "doctor.looking": "what the doctor is looking at; on a terminal it is plain text",
    "doctor.quota": "one of AWS's quotas: how much is used, and how many environments fit; 80 % are wrong (`doctor.quota_percent`)",
    "doctor.untold": "AWS has not told a quota or how much of it is used, and why in its own words",
    "fallbacks.kept": "registries cannot be asked what a branch's other repositories have: what they had stays",
    "environment.changed": "serve has accepted a change: of what kind, by whom, why, and the row's numbers after it",
    "environments.unreadable": "rows of the table that this release cannot understand; they are left out",
    "gateway.job_refused": "an OIDC token opened nothing, and why",
    "gateway.keys_fetched": "the public keys of the issuer of OIDC tokens were fetched, and how many can be used",
    "gateway.keys_unavailable": "the issuer's public keys could not be had; those had before serve for a day",
    "gateway.request": "one request at the gateway, however it was refused, but for good answers to `/healthcheck`: "
    "whose token (its id, or a job's run), which repository, what came of it (`status` null: the client was gone)",
    "gateway.tokens_unreadable": "the file of tokens cannot be read: every request is answered 503 until it can",
    "gateway.upstream_failed": "serve could not be reached, or what has answered is not serve",
    "gateway.upstream_slow": "serve did not answer within `gateway.timeout`",
    "lock.judged": "a lock was in the way, and whether its owner is proven dead",
    "lock.left": "our own lock could not be released; it is tried again before the next run",
    "lock.lost": "our own lock was not there any more when it was to be released: somebody has removed it while we worked",
    "lock.removed": "a person has removed a lock (`gromit env unlock`)",
    "lock.replaced": "the lock of a dead owner was taken over",
    "pki.ca_made": "a CA was made",
    "pki.issued": "a certificate was issued or renewed",
    "pki.revoked": "a certificate was put on the deny list",
    "pki.standing": "how many days a certificate that `gromit pki ensure` sees to is good for; `ca` is the CA's own",
    "processing.resumed": "processing goes on, and what had stopped it",
    "processing.suspended": "an operator has stopped all processing",
    "provider.unpacked": "the embedded AWS provider was unpacked, once for this user",
    "request.bug": "a request has met a bug; the traceback is in `exception`",
    "run.bug": "a run has met a bug; the environment counts as failed, and the traceback is in `exception`",
    "run.finished": "the work on an environment is over: `ending` is done, failed, fenced, superseded or stopped",
    "run.folder_gone": "something has removed files of a worker's folder for terraform; it is prepared anew",
    "run.progress": "what is being done just now, in words",
    "run.step": "one step of the protocol and its answer",
    "run.swept": "what a killed run had left in the work folder was removed",
    "service.restarted": "a service whose deployment had failed, and in which nothing was changed, was started again",
    "server.started": "a server accepts connections at these addresses",
    "server.stopped": "a server has ended",
    "state.rescued": "terraform could not save a state; it lies beside the real one in the bucket, for a person to look at",
    "state.stranded": "a state could be saved neither by terraform nor by us; it lies in this file of the worker",
    "task.unknown": "ECS did not say which task this is; if it dies, only its own machine can prove it",
    "terraform.chosen": "which terraform runs, and where providers come from",
    "terraform.ended": "one apply or destroy is over, with its exit code",
    "terraform.interrupted": "terraform was told to stop, and saves its state",
    "tls.denylist_unreadable": "the deny list cannot be read: every request is answered 503 until it can",
    "tls.handshake_failed": "a client did not get in: wrong certificate, old TLS, or too slow",
    "tls.peer_refused": "a certificate has expired, or was revoked, while its connection was open",
    "tls.reload_failed": "new certificate files are not usable; the old ones stay in force",
    "tls.reloaded": "new certificate files were taken over",
    "tls.role_refused": "a certificate names an unknown role, or two: it has none",
    "token.made": "a token was made (its id; never the token itself)",
    "token.revoked": "a token was revoked",
    "work.age": "every minute, for each kind of work: how long the oldest that is due, and that nobody holds, has been waiting; "
    "and (`undone_seconds`) how long the oldest has been asked for, failures and claims included",
    "work.age_unknown": "the table does not say what is due",
    "work.halted": "a watching worker begins nothing, with why; said once while it stays so",
    "work.limited": "`reap.limit` is reached: the rest is for the next run",
    "work.passed": "a worker has begun all that was due (with --watch: said once per `sow.backstop`); on how many environments",
}
"""Events of the product."""

LOCAL: Mapping[str, str] = {
    "aws.ready": "the emulated AWS and the DNS server answer",
    "dns.failed": "a DNS question has met a bug",
    "fargate.service_failed": "a service of the Fargate simulator has met a bug",
    "part.ended": "a part has ended by itself; it is started again",
    "part.killed": "a part did not end when told to, and was killed",
    "state.not_saved": "what the emulated AWS holds could not be written to disk; it is tried again",
}
"""Events of the local cloud's own processes."""

_HEAD = """\
# Log events

This page is made from the source and from what `tests/docs/events_reference.py` says (`make docs`), and a test compares the two.

Logs are written to standard error: text on a terminal, one JSON object a line elsewhere (`log.format`).
`event` is one of the names below, and never holds data; the data are keys of their own.
Every line has `level` and `timestamp` (UTC); lines of a run of `sow` or `reap` also have `env` and `epoch`, the claim's number.
`log.level` (and `PUT /loglevel/{level}` at a running serve) says what is written; `-v` writes all but trace.
What looks like a key or a token is masked, and long texts are cut.
Libraries write lines of their own, whose `event` is a sentence.

What happened to an environment is also kept in its row: [its events](table.md#events) are what `gromit env history` shows.

"""


def page() -> str:
    """The whole page. Raises `ValueError` where an event has no meaning here, or a meaning no event."""
    product = _table(events(p for p in _modules() if not _is_local(p)), MEANINGS)
    local = _table(events(p for p in _modules() if _is_local(p)), LOCAL)
    return f"{_HEAD}{product}\n## Of the local cloud\n\n{local}"


def _modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def _is_local(path: Path) -> bool:
    return path.is_relative_to(SOURCE / "local")


def _table(found: Mapping[str, Event], meanings: Mapping[str, str]) -> str:
    if strange := sorted(found.keys() ^ meanings.keys()):
        raise ValueError(f"logged, or described in tests/docs/events_reference.py, but not both: {', '.join(strange)}")
    return "".join(["| event | level | keys | meaning |\n|---|---|---|---|\n", *_rows(found, meanings)])


def _rows(found: Mapping[str, Event], meanings: Mapping[str, str]) -> Iterator[str]:
    for name, event in found.items():
        keys = " ".join(f"`{key}`" for key in event.keys) or "-"
        yield f"| `{name}` | {', '.join(event.levels)} | {keys} | {meanings[name]} |\n"
