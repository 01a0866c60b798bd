"""Take-over of a state of gromit v1, for sow and reap alike."""

from collections.abc import Mapping
from typing import Any

import pytest

from gromit.core.environments.terraform_locks import Lock
from gromit.core.stack.contract import StateHead, StateMark
from gromit.errors import UnsafeState
from gromit.services.v1_states import take_over_state
from tests.core.stack.test_v1_states import entry, left
from tests.fakes.owners import owner
from tests.fakes.states import FakeStates

SERVICE = "aws_ecs_service"
V1 = StateHead(5, StateMark("abc", 7), is_v1=True)
OURS = StateHead(5, StateMark("abc", 7))


def locked(head: StateHead | None, body: Mapping[str, Any]) -> tuple[FakeStates, Lock]:
    """Return a state under a lock."""
    states = FakeStates()
    if head is not None:
        states.heads["app"] = head
    states.bodies["app"] = body
    lock = states.lock("app", owner(1), "apply")
    assert isinstance(lock, Lock)
    return states, lock


def test_a_state_is_taken_over_and_that_is_said() -> None:
    (states, lock), lines = locked(V1, left()), list[str]()
    head = take_over_state(states, V1, lock, ["tyk"], lines.append)
    assert head is not None
    assert not head.is_v1
    assert states.kept == [left()]
    assert lines == [
        "taking over the state of gromit v1, which is kept as kept-1",
        "aws_ecs_cluster.env becomes aws_ecs_cluster.this",
        f'module.gateway.{SERVICE}.service becomes module.component["tyk"].{SERVICE}.this',
    ]


@pytest.mark.parametrize("head", [None, OURS], ids=["none", "ours"])
def test_any_other_state_costs_no_call(head: StateHead | None) -> None:
    states, lock = locked(head, left())
    states.calls.clear()
    assert take_over_state(states, head, lock, ["tyk"], lambda _line: None) is head
    assert states.calls == []


def test_a_state_that_cannot_be_taken_over_stays_as_it_is() -> None:
    body = left(entry("random_id", "key", provider="provider.random"))
    states, lock = locked(V1, body)
    with pytest.raises(UnsafeState, match=r"random_id\.key"):
        take_over_state(states, V1, lock, ["tyk"], lambda _line: None)
    assert (states.bodies["app"], states.kept) == (body, [])
