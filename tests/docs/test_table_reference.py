"""The reference of the table lists all attributes, the index, phases and events of the code."""

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest
from moto import mock_aws

from gromit.adapters.aws import client as aws
from gromit.adapters.aws.dynamodb_table import TableSetup
from gromit.adapters.catalogue import file as catalogue_file
from gromit.core.environments import (
    desired_state,
    environment,
    exec_access,
    expiry,
    history,
    observation,
    parking,
    protection,
    rollback,
    sleep,
    sweep,
    upserts,
    work,
)
from gromit.core.environments.attributes import (
    FALLBACK,
    MISSING,
    PIN,
    PIN_NOTE,
    REDEPLOY,
    REF,
    SEQUENCE,
    VERSION,
    Attribute,
)
from gromit.core.environments.claims import Claimant, Fence
from gromit.core.environments.desired_state import Build, NewIncarnation
from gromit.core.environments.environment import (
    WIRE_STATE,
    Environment,
    RepositoryVersion,
    Source,
    parse_environment,
)
from gromit.core.environments.fallbacks import FallbackUpdate
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.lifetime import Lifetime
from gromit.core.environments.observation import Observation
from gromit.core.environments.observed_status import Degradation, Repairs
from gromit.core.environments.phases import Phase, Work
from gromit.core.environments.row_writes import Row, RowWrite, WriteAccepted, apply_write
from gromit.core.environments.run_progress import RunProgress
from gromit.core.environments.v1_rows import STATES
from gromit.core.migration import rows
from gromit.core.names import parse_ref
from gromit.core.stack.contract import StateMark
from gromit.core.stack.made import MadeComponent, MadeStack
from tests.core.environments import lives
from tests.docs.markdown import read, table

TEXT = read("reference/table.md")

STAMP = ChangeContext("operator:alice", 1, StateMark("lineage", 1), requester="id0")
FENCE = Fence("worker", 1)
BUILD = Build("repo", parse_ref("branch"), "v1", 7)
MADE = MadeStack("hash", "recipe", (MadeComponent(name="part", version="v1"),))
FAILURE = {"kind": "temporary", "message": "no"}
FALLBACKS = {"other": RepositoryVersion("master", Source.DEFAULT)}
ENVIRONMENT = environment.parse_environment(lives.in_phase(Phase.DEGRADED))
OBSERVATION = Observation("app-test", 1, {"part": "no task runs"})
REPAIR = {Attribute.REPAIRS: Repairs(1, 1).to_row(), **work.schedule_work(Work.SOW, 1)}
BEFORE: Row = {"revision": 1, "events": [], "gone_at": 1, "v#repo": "v0", "n#part": "1"}

WRITES: Mapping[Callable[..., object], Callable[[], list[RowWrite]]] = {
    desired_state.report: lambda: [desired_state.report(BUILD, STAMP)],
    desired_state.take_over: lambda: [desired_state.take_over(BUILD, "old/branch", STAMP)],
    desired_state.record_sequence: lambda: [desired_state.record_sequence(BUILD)],
    desired_state.record_ref: lambda: [desired_state.record_ref(BUILD)],
    desired_state.renew_fallbacks: lambda: [
        desired_state.renew_fallbacks(FallbackUpdate(FALLBACKS, 1), STAMP)
    ],
    desired_state.retry_now: lambda: [desired_state.retry_now(STAMP)],
    desired_state.make_due: lambda: [desired_state.make_due(BEFORE, STAMP)],
    desired_state.create_incarnation: lambda: [
        desired_state.create_incarnation(
            before,
            NewIncarnation("id", protected=False, fallbacks=FALLBACKS),
            desired_state.build_attributes(BUILD),
            STAMP,
            "text",
        )
        for before in (None, BEFORE)
    ],
    desired_state.replace_versions: lambda: [
        desired_state.replace_versions(BEFORE, {"v#repo": "v1"}, FALLBACKS, STAMP)
    ],
    desired_state.merge_versions: lambda: [
        desired_state.merge_versions(desired_state.reported_attributes({"repo": "v1"}), STAMP)
    ],
    desired_state.delete: lambda: [desired_state.delete(STAMP, 1, "text")],
    desired_state.retire: lambda: [desired_state.retire(BEFORE, "repo", "master", STAMP)],
    desired_state.retire_last_repository: lambda: [
        desired_state.retire_last_repository(BEFORE, "repo", "master", STAMP, 1)
    ],
    protection.protect: lambda: [
        protection.protect(protected=yes, stamp=STAMP) for yes in (True, False)
    ],
    protection.unprotect_own: lambda: [protection.unprotect_own(STAMP)],
    protection.only_with_version_of: lambda: [
        protection.only_with_version_of(desired_state.delete(STAMP, 1, "text"), ["repo"])
    ],
    rollback.roll_back: lambda: [rollback.roll_back(_held(), {"repo": "v0"}, "mark", STAMP)],
    desired_state.redeploy: lambda: [desired_state.redeploy(["part"], "1", STAMP)],
    expiry.scheduled: lambda: [
        expiry.scheduled(_read(), step, 1)
        for step in (expiry.LookOff(), expiry.LookAgain(1), expiry.StartIdle())
    ],
    expiry.look_again: lambda: [expiry.look_again(_read(), 1)],
    expiry.postpone_look: lambda: [expiry.postpone_look(1, 2)],
    expiry.touch: lambda: [expiry.touch(_read(), 1)],
    expiry.extend: lambda: [expiry.extend(_read(), 1, STAMP)],
    expiry.warn: lambda: [expiry.warn(_read(), Lifetime(1, "why"), expiry.Warn(2, 3), STAMP)],
    sweep.first_missing: lambda: [sweep.first_missing(_held(), "repo", 1)],
    sweep.found_again: lambda: [sweep.found_again(_held(), "repo")],
    sweep.retire_dead: lambda: [
        sweep.retire_dead(sweep.DeadBranch(_held(), 1), "repo", "master", STAMP, 1)
    ],
    expiry.expire: lambda: [expiry.expire(_read(), "why", STAMP, 1)],
    history.add_event: lambda: [
        history.add_event(STAMP, kind, "text") for kind in ("suspended", "resumed")
    ],
    history.truncate_history: lambda: [history.truncate_history(BEFORE)],
    exec_access.record: lambda: [exec_access.record("tyk", "0a1b", STAMP)],
    parking.park: lambda: [parking.park(STAMP)],
    parking.unpark: lambda: [parking.unpark(STAMP)],
    sleep.fall_asleep: lambda: [sleep.fall_asleep(_read(), sleep.NO_SLEEP, STAMP)],
    sleep.wake: lambda: [sleep.wake(_read(), STAMP)],
    sleep.awakened: lambda: [sleep.awakened(desired_state.report(BUILD, STAMP), 1)],
    sleep.waking: lambda: [sleep.waking(desired_state.report(BUILD, STAMP), _read(), STAMP)],
    parking.build_write: lambda: [
        parking.build_write(desired_state.report(BUILD, STAMP), is_parked=yes)
        for yes in (True, False)
    ],
    work.claim: lambda: [
        work.claim(kind, Claimant("worker", "nonce", "task"), 1, 1) for kind in Work
    ],
    work.put_off: lambda: [work.put_off(kind, 1, 2) for kind in Work],
    work.renew: lambda: [work.renew(FENCE, 1, 1, RunProgress("text", 1, 2))],
    work.forget_state: lambda: [work.forget_state(FENCE, 1, 1)],
    work.record_hooks: lambda: [work.record_hooks(FENCE, ["tyk"], 1, 1)],
    work.release: lambda: [work.release(FENCE)],
    work.sown: lambda: [work.sown(FENCE, "nonce", MADE, STAMP)],
    work.sown_superseded: lambda: [work.sown_superseded(FENCE, "nonce", MADE, STAMP)],
    work.reaped: lambda: [work.reaped(FENCE, "nonce", STAMP)],
    work.reaped_revived: lambda: [work.reaped_revived(FENCE, "nonce", STAMP)],
    work.failed: lambda: [work.failed(FENCE, FAILURE, 1, STAMP)],
    work.failed_superseded: lambda: [work.failed_superseded(FENCE, FAILURE, STAMP)],
    observation.degrade: lambda: [
        observation.degrade(ENVIRONMENT, OBSERVATION, STAMP, REPAIR),
        observation.degrade(ENVIRONMENT, OBSERVATION, STAMP, {}),
    ],
    observation.recover: lambda: [observation.recover(ENVIRONMENT, OBSERVATION, STAMP)],
    observation.replace_problems: lambda: [
        observation.replace_problems(ENVIRONMENT, Degradation(1, {}), OBSERVATION, repair)
        for repair in (REPAIR, {})
    ],
    upserts.upsert_versions: lambda: [
        upserts.upsert_versions(
            ["tyk", "tyk-pump"],
            desired_state.reported_attributes({"tyk": "sha"}),
            NewIncarnation("id", protected=False, fallbacks=FALLBACKS),
            STAMP,
        )
    ],
    rows.plan_row: lambda: [_migrated(state) for state in sorted(STATES)],
}
"""Every function that builds a write, with samples that set all it can set."""


def _migrated(state: str) -> RowWrite:
    flat = {"name": "old", "state": state, "tyk": "sha", "tyk-pump": "master"}
    terms = rows.MigrationDefaults(catalogue_file.load_catalogue(), STAMP, 1, "id")
    step = rows.plan_row(flat, rows.MigrationFacts(protected=False), terms)
    assert isinstance(step, rows.RowMigration)
    return step.write


def _held() -> Environment:
    return _read(desired_state.build_attributes(BUILD))


def _read(reported: Mapping[str, Any] | None = None) -> Environment:
    create = desired_state.create_incarnation(
        None,
        NewIncarnation("id", protected=False, fallbacks=FALLBACKS),
        reported or {},
        STAMP,
        "text",
    )
    outcome = apply_write(create, None, {"name": "app"})
    assert isinstance(outcome, WriteAccepted)
    return parse_environment(outcome.row)


_PREFIXES = {VERSION, SEQUENCE, REF, FALLBACK, REDEPLOY, MISSING, PIN, PIN_NOTE}


def _samples() -> list[RowWrite]:
    return [write for make in WRITES.values() for write in make()]


def _named(attribute: str) -> str:
    """An attribute as the reference calls it."""
    for prefix in _PREFIXES - {REDEPLOY}:
        if attribute.startswith(prefix):
            return f"{prefix}REPO"
    return f"{REDEPLOY}COMPONENT" if attribute.startswith(REDEPLOY) else attribute


def _type(value: object) -> str:
    match value:
        case bool():
            return "BOOL"
        case int():
            return "N"
        case str():
            return "S"
        case dict():
            return "M"
        case list() | tuple():
            return "L"
        case _:
            raise TypeError(f"no type of DynamoDB: {value!r}")


def _written() -> Iterator[tuple[str, str]]:
    """Yield written attributes with their types."""
    for write in _samples():
        given = {**write.defaults, **write.sets}
        yield from ((_named(a), _type(v)) for a, v in given.items())
        yield from ((a, "N") for a in write.increments)
        yield from ((a, "L") for a in write.appends)
        yield from ((a, "N") for a in write.copies)


MODULES = (
    history,
    desired_state,
    expiry,
    observation,
    exec_access,
    parking,
    protection,
    rollback,
    sleep,
    sweep,
    upserts,
    work,
)


def test_every_function_that_makes_a_write_is_sampled() -> None:
    functions = {
        function
        for module in MODULES
        for _, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
    }
    makers = {
        f
        for f in functions
        if inspect.signature(f).return_annotation is RowWrite and not f.__name__.startswith("_")
    }
    assert makers - {desired_state.desired_up} == set(WRITES) - {rows.plan_row}


def test_every_attribute_is_there_with_its_type() -> None:
    documented = {(name, row[0]) for name, row in table(TEXT, "## Attributes").items()}
    assert documented == {*_written(), ("name", "S")}


def test_every_write_but_renewals_and_looks_adds_to_the_revision() -> None:
    silent = {
        f
        for f, make in WRITES.items()
        if any("revision" not in {*w.increments, *w.sets} for w in make())
    }
    looks = {sweep.first_missing, sweep.found_again} | {
        expiry.scheduled,
        expiry.look_again,
        expiry.postpone_look,
    }
    assert silent == {work.renew, work.put_off, expiry.touch} | looks


def test_every_attribute_that_is_removed_or_read_is_there() -> None:
    documented = set(table(TEXT, "## Attributes"))
    removed = {_named(a) for write in _samples() for a in write.removes}
    assert removed - documented - {"state", "tyk", "tyk-pump"} == set()
    read_by_parser = set(_read_from_rows())
    assert read_by_parser
    assert read_by_parser - documented == set()


def _read_from_rows() -> Iterator[str]:
    """Yield the attributes that `parse_environment` takes from a row."""
    for node in ast.walk(ast.parse(inspect.getsource(environment))):
        match node:
            case ast.Attribute(value=ast.Name(id="Attribute"), attr=name):
                yield Attribute[name]
            case _:
                pass


def test_every_attribute_of_the_vocabulary_is_there() -> None:
    prefixed = {_named(p) for p in _PREFIXES}
    assert set(table(TEXT, "## Attributes")) == {*Attribute, *prefixed}


def test_every_kind_of_event_is_there() -> None:
    kinds = {event["kind"] for write in _samples() for event in _events(write)}
    assert set(table(TEXT, "## Events")) == kinds


def _events(write: RowWrite) -> list[Any]:
    return [*write.appends.get("events", ()), *write.sets.get("events", ())]


def test_numbers_of_the_history_are_right() -> None:
    assert f"At most {history.HISTORY_MAX} are kept" in TEXT
    assert f"all but the newest {history.HISTORY_KEPT} are dropped" in TEXT
    assert f"A text is cut after {history.EVENT_TEXT_MAX} characters" in TEXT
    assert f"{history.TOMBSTONE_MS // 86_400_000} days after `gone_at`" in TEXT


def test_every_phase_is_there_as_the_old_wire_calls_it() -> None:
    documented = {name: row[1].strip("`") for name, row in table(TEXT, "## Phases").items()}
    assert documented == {str(phase): WIRE_STATE.get(phase, "not found") for phase in Phase}


@pytest.fixture
def made() -> Iterator[dict[str, Any]]:
    """Describe a new table, as DynamoDB reports it."""
    with mock_aws():
        session = boto3.Session("none", "none", region_name="eu-central-1")
        client = session.client(
            "dynamodb",
            config=aws.CLIENT,
            endpoint_url="https://dynamodb.eu-central-1.amazonaws.com",
        )
        TableSetup(client, "environments", lambda _: None).ensure()
        backups = client.describe_continuous_backups(TableName="environments")[
            "ContinuousBackupsDescription"
        ]
        yield {
            **client.describe_table(TableName="environments")["Table"],
            "expiry": client.describe_time_to_live(TableName="environments")[
                "TimeToLiveDescription"
            ],
            "recovery": backups.get("PointInTimeRecoveryDescription", {}).get(
                "PointInTimeRecoveryStatus"
            ),
        }


def test_keys_and_settings_are_those_of_a_fresh_table(made: dict[str, Any]) -> None:
    types = {a["AttributeName"]: a["AttributeType"] for a in made["AttributeDefinitions"]}
    indexes = {i["IndexName"]: i for i in made["GlobalSecondaryIndexes"]}
    (key,) = made["KeySchema"]
    shown = {name: row[0] for name, row in table(TEXT, "## Keys and settings").items()}
    assert shown == {
        "key": f"`{key['AttributeName']}` ({types[key['AttributeName']]})",
        "index": _keys(indexes["work"], types),
        "index projection": _projection(indexes["work"]),
        "index of lifetimes": _keys(indexes["life"], types),
        "projection of lifetimes": _projection(indexes["life"]),
        "expiry (TTL)": f"`{made['expiry']['AttributeName']}`",
        "billing": f"`{made['BillingModeSummary']['BillingMode']}`",
        "point-in-time recovery": "on" if made["recovery"] == "ENABLED" else "off",
    }


def _keys(index: dict[str, Any], types: dict[str, str]) -> str:
    key, sort = index["KeySchema"]
    assert (key["KeyType"], sort["KeyType"]) == ("HASH", "RANGE")
    name, by = key["AttributeName"], sort["AttributeName"]
    return f"`{index['IndexName']}`: key `{name}` ({types[name]}), sorted by `{by}` ({types[by]})"


def _projection(index: dict[str, Any]) -> str:
    return ", ".join(f"`{a}`" for a in index["Projection"]["NonKeyAttributes"]) + ", and the keys"
