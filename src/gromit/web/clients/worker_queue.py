"""Queue of work at serve, for workers."""

import socket
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from gromit.core.environments.claims import Claim, ClaimStatus, NoWork
from gromit.core.environments.phases import Want, Work
from gromit.core.environments.run_progress import RunProgress
from gromit.core.environments.worker_protocol import Problem
from gromit.core.stack.contract import StateMark
from gromit.core.stack.made import MadeComponent, MadeStack
from gromit.core.stack.task_output import LAST_TASKS
from gromit.errors import InvalidInput, Suspended
from gromit.web.clients.connections import ClientResponse
from gromit.web.clients.serve import ServeClient, response_json


class ServeQueue:
    """The port `WorkQueue`."""

    def __init__(self, client: ServeClient, holder: str, task: str | None = None) -> None:
        self._client = client
        self._holder = holder
        self._task = task
        self._records_states = True
        self._records_made = True
        self._records_hooks = True
        self._records_checks = True

    def claim(self, kind: Work) -> Claim | NoWork:
        """Claim due work of a kind, of the repository whose turn it is."""
        nonce = uuid.uuid4().hex
        task = {"task": self._task} if self._task else {}
        answer = self._client.call(
            "POST", "/v1/claims", {"kind": kind, "holder": self._holder, "nonce": nonce, **task}
        )
        if answer.status_code == 204:
            retry = answer.headers.get("retry-after")
            return NoWork(float(retry) if retry else None)
        found = response_json(answer)
        # A serve of an earlier release refuses a report with a field that it does not know.
        self._records_states = "state" in found
        self._records_made = "made" in found
        self._records_hooks = "hooks" in found
        self._records_checks = "checked_s" in found
        return Claim(
            name=found["name"],
            kind=kind,
            holder=self._holder,
            nonce=nonce,
            epoch=found["epoch"],
            generation=found["claimed"],
            want=Want(found["want"]),
            versions=found["versions"],
            redeploys=found["redeploys"],
            spec_hash=found["spec_hash"],
            parked=found.get("parked", False),
            state=StateMark(**found["state"]) if found.get("state") else None,
            made=tuple(MadeComponent.from_row(m["name"], m) for m in found.get("made", ())),
            hooks=tuple(found.get("hooks", ())),
            branch_tags=tuple(found.get("branch_tags", ())),
            recipe=found.get("recipe", ""),
            checked_s=found.get("checked_s"),
            takes_progress="progress" in found,
        )

    def report_halt(self, kind: Work, halt: Suspended) -> None:
        """Report a halt as a request for work that serve refuses."""
        if halt.file is None:
            return
        reason, by, at = halt.file
        file = {"reason": reason, "by": by, "at": at}
        body = {"kind": kind, "holder": self._holder, "nonce": uuid.uuid4().hex, "suspended": file}
        with suppress(Suspended):
            self._client.call("POST", "/v1/claims", body)

    def renew(self, claim: Claim, progress: RunProgress | None = None) -> ClaimStatus:
        """Extend a claim, with the progress of its run."""
        found = response_json(self._renew(claim, progress))
        return ClaimStatus(found["generation"], Want(found["want"]))

    def _renew(self, claim: Claim, progress: RunProgress | None) -> ClientResponse:
        if progress is not None and claim.takes_progress:
            # A serve of an earlier release, which has taken the place of a newer one, refuses it.
            with suppress(InvalidInput):
                return self._post(claim, "renew", progress=asdict(progress))
        return self._post(claim, "renew")

    def forget_state(self, claim: Claim) -> None:
        """Extend a claim, and forget the recorded state."""
        self._post(claim, "renew", state_lost=True)

    def record_hooks(self, claim: Claim, components: Sequence[str]) -> None:
        """Extend a claim, and record its hooks."""
        if self._records_hooks:
            self._post(claim, "renew", hooks=list(components))

    def release(self, claim: Claim) -> None:
        """Give a claim back."""
        self._post(claim, "release")

    def done(self, claim: Claim, made: MadeStack, state: StateMark | None = None) -> None:
        """Report success."""
        self._post(
            claim,
            "done",
            kind=claim.kind,
            nonce=claim.nonce,
            spec_hash=made.spec_hash,
            **self._made_fields(made),
            **self._state_field(state),
        )

    def failed(self, claim: Claim, problem: Problem, state: StateMark | None = None) -> None:
        """Report a failure, with the tasks whose output says why."""
        report = {
            "error_kind": problem.kind,
            "message": problem.message[:2000],
            **self._state_field(state),
        }
        if problem.stopped:
            stopped = [asdict(task) for task in problem.stopped[:LAST_TASKS]]
            # A serve of an earlier release refuses it.
            with suppress(InvalidInput):
                self._post(claim, "fail", stopped=stopped, **report)
                return
        self._post(claim, "fail", **report)

    def _made_fields(self, made: MadeStack) -> dict[str, Any]:
        if not made.components or not self._records_made:
            return {}
        components = [_made_body(component) for component in made.components]
        checked = {"checked_s": made.checked_s} if self._records_checks else {}
        return {"recipe": made.recipe, "made": components, "program": made.program, **checked}

    def _state_field(self, state: StateMark | None) -> dict[str, Any]:
        if state is None or not self._records_states:
            return {}
        return {"state": {"lineage": state.lineage, "serial": state.serial}}

    def _post(self, claim: Claim, action: str, **more: Any) -> ClientResponse:
        return self._client.call(
            "POST",
            f"/v1/claims/{claim.name}/{action}",
            {"holder": claim.holder, "epoch": claim.epoch, **more},
        )


def _made_body(component: MadeComponent) -> dict[str, Any]:
    body = asdict(component)
    # A serve of an earlier release refuses the field.
    return {key: value for key, value in body.items() if key != "gone" or value is not None}


def new_worker_id() -> str:
    """Return a unique name for this worker."""
    return f"{socket.gethostname()[:60]}-{uuid.uuid4().hex[:12]}"
