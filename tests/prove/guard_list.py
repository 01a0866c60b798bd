"""Guards whose absence a test must notice, each with a weaker form and the tests that hold it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard."""

    name: str
    """The rule that it enforces."""
    path: str
    """File below `src/gromit/`; one below `hooks/` begins with that."""
    text: str
    """The guard itself. The file has it exactly once."""
    weaker: str
    """The code as if the guard had been forgotten."""
    tests: tuple[str, ...]
    """Files below `tests/`, of which one must fail then; as few as possible."""


_WORK = "core/environments/work.py"
_DESIRED = "core/environments/desired_state.py"
_PROTOCOL = "core/environments/worker_protocol.py"
_CHECKS = "core/environments/full_checks.py"
_BUCKET = "adapters/aws/state_bucket.py"
_OWNERS = "adapters/lock_owners.py"
_TERRAFORM_GUARD = "adapters/terraform/guard.py"
_ROOT = "adapters/config_tree/root.py"
_DNS = "core/dns/plan.py"
_OIDC = "core/security/oidc.py"

_EXEC = (
    Guard(
        "programs of people run only in components that the installation lets",
        "core/stack/component_inputs.py",
        'settings["exec"] = component.exec and sources.platform.lets_exec(component.name)',
        'settings["exec"] = component.exec',
        ("core/stack/test_component_inputs.py",),
    ),
    Guard(
        "serve names no container of a component without `exec: true`",
        "core/environments/exec_access.py",
        "    if not known.exec:\n",
        "    if False:\n",
        ("services/test_exec_access.py",),
    ),
    Guard(
        "serve records who gets access to a container",
        "services/exec_access.py",
        "outcome = self.ledger.write(name, write, exec_access.EXEC)",
        "outcome = WriteAccepted({})",
        ("services/test_exec_access.py",),
    ),
    Guard(
        "tasks of another installation are no containers of this one",
        "adapters/aws/running_containers.py",
        '            and not read_mark(task.get("tags", [])).owner(self._installation)\n',
        "",
        ("adapters/aws/test_running_containers.py",),
    ),
    Guard(
        "the token of a session is no argument of a program",
        "adapters/session_plugin.py",
        "if _version(plugin) >= _READS_VARIABLE:",
        "if False:",
        ("adapters/test_session_plugin.py",),
    ),
    Guard(
        "a session of a local cloud is for one client",
        "local/aws/exec_sessions.py",
        "self._pending.pop(token, (0.0, None))",
        "self._pending.get(token, (0.0, None))",
        ("local/aws/moto_patches/test_exec_command.py",),
    ),
    Guard(
        "the emulator opens sessions only where ECS Exec is on",
        "local/aws/moto_patches/exec_command.py",
        '    if not getattr(task, "enable_execute_command", False):\n',
        "    if False:\n",
        ("local/aws/moto_patches/test_exec_command.py",),
    ),
)

_SLEEP = (
    Guard(
        "what is protected does not sleep",
        "core/environments/sleep.py",
        "is_kept = environment.protected or environment.name in policy.exempt",
        "is_kept = environment.name in policy.exempt",
        ("services/test_sleeping.py",),
    ),
    Guard(
        "a pending build is not parked",
        "core/environments/sleep.py",
        "is_applied = environment.work is None or environment.phase(now_ms) is Phase.DEGRADED",
        "is_applied = True",
        ("services/test_sleeping.py",),
    ),
    Guard(
        "an environment that falls asleep while a person asks for something wakes",
        "core/environments/sleep.py",
        "    return replace(write, conditions=(*write.conditions, NotExists(Attribute.ASLEEP)))\n",
        "    return write\n",
        ("services/test_sleeping.py",),
    ),
    Guard(
        "a replacement that reads nothing does not leave an environment asleep",
        "core/environments/upserts.py",
        "            NotExists(Attribute.ASLEEP),\n",
        "",
        ("services/test_sleeping.py",),
    ),
    Guard(
        "who uses an environment meanwhile keeps it awake",
        "core/environments/sleep.py",
        "conditions=(*LIVE, ROOM, Equals(Attribute.WANT, Want.UP), *unchanged(environment)),",
        "conditions=(*LIVE, ROOM, Equals(Attribute.WANT, Want.UP)),",
        ("services/test_sleeping.py",),
    ),
)

_CLAIMS = (
    Guard(
        "an outcome counts only under the epoch of its claim",
        "core/environments/claims.py",
        "return (Equals(Attribute.HOLDER, self.holder), Equals(Attribute.EPOCH, self.epoch))",
        "return (Equals(Attribute.HOLDER, self.holder),)",
        ("core/environments/test_wanted_and_work.py",),
    ),
    Guard(
        "only a lease that has ended can be claimed again",
        _WORK,
        "AnyOf((NotExists(Attribute.HOLDER), LessThan(Attribute.LEASE_UNTIL, now_ms))),",
        "",
        ("core/environments/test_wanted_and_work.py",),
    ),
    Guard(
        "work is not claimed before it is due",
        _WORK,
        "AtMost(Attribute.DUE, now_ms),",
        "",
        ("core/environments/test_wanted_and_work.py", "services/test_leases.py"),
    ),
    Guard(
        "a protected environment is not claimed for reaping",
        _WORK,
        "Equals(Attribute.WANT, Want.GONE),\n        Equals(Attribute.PROTECTED, value=False),",
        "Equals(Attribute.WANT, Want.GONE),",
        ("core/environments/test_wanted_and_work.py",),
    ),
    Guard(
        "a protected environment is not shown as due for reaping",
        _WORK,
        "phase is Phase.DELETING and not protected",
        "phase is Phase.DELETING",
        ("core/environments/test_pass_plan.py",),
    ),
    Guard(
        "only the lock of a dead owner is removed without a claim",
        "services/stale_locks.py",
        "if found is None or not owners.check_owner(found).dead:",
        "if found is None:",
        ("services/test_stale_locks.py",),
    ),
    Guard(
        "each claim has an epoch of its own",
        _WORK,
        "increments={Attribute.EPOCH: 1, Attribute.REVISION: 1},",
        "increments={Attribute.REVISION: 1},",
        ("core/environments/test_wanted_and_work.py",),
    ),
    Guard(
        "an environment that was revived during its reaping is not a tombstone",
        _WORK,
        "AttributesEqual(Attribute.GENERATION, Attribute.CLAIMED),\n"
        "            Equals(Attribute.WANT, Want.GONE),",
        "Equals(Attribute.WANT, Want.GONE),",
        ("core/environments/test_wanted_and_work.py", "services/test_leases.py"),
    ),
    Guard(
        "a superseded generation does not count as the newest",
        _WORK,
        "AttributesEqual(Attribute.GENERATION, Attribute.CLAIMED),\n"
        "            Equals(Attribute.WANT, Want.UP),",
        "Equals(Attribute.WANT, Want.UP),",
        ("core/environments/test_wanted_and_work.py", "services/test_leases.py"),
    ),
    Guard(
        "a failure makes the hash of what runs unknown",
        _WORK,
        "stamp.event(\"failed\", f\"{failure['kind']}: {failure['message']}\"),)\n"
        "        },\n"
        "        removes=LEASE_ATTRIBUTES | {Attribute.SPEC_HASH},",
        "stamp.event(\"failed\", f\"{failure['kind']}: {failure['message']}\"),)\n"
        "        },\n"
        "        removes=LEASE_ATTRIBUTES,",
        ("core/environments/test_wanted_and_work.py", "services/test_leases.py"),
    ),
    Guard(
        "a hash is trusted only if the last run ended well",
        "core/environments/environment.py",
        "return self.spec_hash if self.hash_epoch == self.epoch - 1 else None",
        "return self.spec_hash",
        ("core/environments/test_wanted_and_work.py", "core/environments/test_environment.py"),
    ),
    Guard(
        "work that a change leaves due wakes its worker",
        "core/environments/wakes.py",
        "if work is not None and work != _claimable(before or {}):",
        "if work is not None and before is None:",
        ("core/environments/test_wakes.py",),
    ),
    Guard(
        "work that is announced during a look is awaited after it",
        "web/announcements.py",
        "        self._awaited.clear()",
        "        self._awaited.clear()\n        self._new.clear()",
        ("web/test_announcements.py",),
    ),
    Guard(
        "a look is repeated while announced work is not claimed, because the index lags",
        "services/watch_loop.py",
        "while self._rechecks and self.is_awaited():",
        "while False:",
        ("services/test_watch_loop.py", "services/test_wake_counts.py"),
    ),
    Guard(
        "a slow watcher is woken for the announcements that it missed",
        "web/line_backlog.py",
        "self._lines.append(MISSED)",
        "pass",
        ("web/api/test_changes.py",),
    ),
    Guard(
        "the end of a suspension wakes every watcher",
        "services/suspensions.py",
        "self.ledger.write(scope.target, event, kind, wakes_all=True)",
        "self.ledger.write(scope.target, event, kind)",
        ("services/test_suspensions.py",),
    ),
    Guard(
        "a change on a row that was not read needs that row unchanged",
        "services/ledger.py",
        "            Equals(Attribute.REVISION, known.revision),\n",
        "",
        ("services/test_build_counts.py",),
    ),
    Guard(
        "a change on a row that was not read leaves a damaged row alone",
        "services/ledger.py",
        "self.write_unread(known.name, write, kind)",
        "self.write(known.name, write, kind)",
        ("services/test_damaged_rows.py",),
    ),
    Guard(
        "a repeated claim gets the work that it has, and nothing of the order that is kept",
        "services/turns.py",
        "            is_repeated = claim_id in self._claims\n",
        "            is_repeated = False\n",
        ("services/test_claim_counts.py",),
    ),
    Guard(
        "work that was made since the last look takes its turn with the next claim",
        "services/kept_order.py",
        " or order.made != made",
        "",
        ("services/test_claim_counts.py",),
    ),
    Guard(
        "what is suspended is not claimed",
        "services/leases.py",
        "if halt and row.get(Attribute.CLAIM_ID) != request.claimant.nonce:",
        "if False:",
        ("services/test_suspensions.py",),
    ),
    Guard(
        "a renewal needs the claim",
        _WORK,
        "return RowWrite(conditions=fence.conditions, sets=",
        "return RowWrite(conditions=(), sets=",
        ("core/environments/test_wanted_and_work.py", "services/test_leases.py"),
    ),
)

_RUNS = (
    Guard(
        "nothing is applied without a verified claim",
        _PROTOCOL,
        "            return Verify(lock)",
        "            return Execute(lock)",
        ("core/environments/test_worker_protocol.py",),
    ),
    Guard(
        "a lost claim applies nothing",
        _PROTOCOL,
        "        case ClaimLost():\n            return Unlock(lock, RunEnding.FENCED)\n"
        "        case StepFailed(problem):\n            # serve did not answer.",
        "        case ClaimLost():\n            return Execute(lock)\n"
        "        case StepFailed(problem):\n            # serve did not answer.",
        ("core/environments/test_worker_protocol.py",),
    ),
    Guard(
        "nothing is applied if serve does not confirm the claim",
        _PROTOCOL,
        "so nothing is applied.\n            return Unlock(lock, RunEnding.FAILED, problem)",
        "so nothing is applied.\n            return Execute(lock)",
        ("core/environments/test_worker_protocol.py",),
    ),
    Guard(
        "a lock of an owner that is not proven dead is left alone",
        _PROTOCOL,
        "        case CheckOwner(), OwnerNotProvenDead(reason):\n"
        "            return ReportFailure(None, Problem(LOCKED, reason))",
        "        case CheckOwner(found), OwnerNotProvenDead():\n"
        "            return ReplaceLock(found)",
        ("core/environments/test_worker_protocol.py",),
    ),
    Guard(
        "a suspended system begins no work between claim and act",
        "services/runs.py",
        "            self.guard()\n            status",
        "            status",
        ("services/test_runs.py",),
    ),
    Guard(
        "a newer generation is not passed over",
        "services/runs.py",
        "ClaimCurrent() if status.generation == claim.generation else NewerDesired()",
        "ClaimCurrent()",
        ("services/test_runs.py",),
    ),
    Guard(
        "a state that is unsafe is not acted on",
        "services/run_states.py",
        "if require_safe_state(name",
        "if judge_state(name",
        ("services/test_states_of_runs.py",),
    ),
    Guard(
        "a run after an unclean end makes a full check",
        _CHECKS,
        "claim.spec_hash is None or claim.checked_s is None",
        "claim.checked_s is None",
        ("core/environments/test_full_checks.py",),
    ),
    Guard(
        "a full check counts for its interval",
        _CHECKS,
        "return claim.checked_s < interval_s",
        "return True",
        ("core/environments/test_full_checks.py",),
    ),
    Guard(
        "only the state that the last run left is trusted without a full check",
        _CHECKS,
        "head is None or head.mark != claim.state",
        "head is None",
        ("core/environments/test_full_checks.py",),
    ),
    Guard(
        "an environment with problems gets a full check",
        _CHECKS,
        "environment.trusted_hash is None or environment.degraded or environment.attempts",
        "environment.trusted_hash is None",
        ("services/test_full_checks.py",),
    ),
    Guard(
        "an image without a mark makes the next check a full one",
        "services/full_checks.py",
        "        if not are_images_kept:\n            return None\n",
        "",
        ("services/test_full_checks.py",),
    ),
    Guard(
        "reap stops at its limit",
        "services/workers.py",
        "        if self._is_at_limit():\n            return NoWork(None)\n",
        "",
        ("services/test_workers.py",),
    ),
    Guard(
        "a lock is taken only if there is none",
        _BUCKET,
        'operation, IfNoneMatch="*")',
        "operation)",
        ("adapters/aws/test_state_bucket.py",),
    ),
    Guard(
        "only the lock that was read is replaced",
        _BUCKET,
        "operation, IfMatch=found.etag)",
        "operation)",
        ("adapters/aws/test_state_bucket.py",),
    ),
    Guard(
        "only our own lock is released",
        _BUCKET,
        "Key=lock_key(lock.environment), IfMatch=lock.etag",
        "Key=lock_key(lock.environment)",
        ("adapters/aws/test_state_bucket.py",),
    ),
    Guard(
        "a state with resources is not deleted",
        _BUCKET,
        "if head is not None and head.resources:",
        "if False:",
        ("adapters/aws/test_state_bucket.py",),
    ),
    Guard(
        "an owner with a surviving terraform is not proven dead",
        _OWNERS,
        "        if survivor is not None:\n",
        "        if False:\n",
        ("adapters/test_lock_owners.py",),
    ),
    Guard(
        "a reused process id proves nothing about the owner",
        _OWNERS,
        "return process.started == owner.started and not process.is_dead",
        "return not process.is_dead",
        ("adapters/test_lock_owners.py",),
    ),
    Guard(
        "a process that hides its environment may be a survivor",
        _OWNERS,
        "if _is_ours(folder):",
        "if False:",
        ("adapters/test_lock_owners.py",),
    ),
    Guard(
        "an interrupt of terraform does not reach the provider beside it",
        _TERRAFORM_GUARD,
        "        os.setsid()\n",
        "",
        ("adapters/terraform/test_provider.py",),
    ),
    Guard(
        "a provider ends with its terraform, however that ends",
        _TERRAFORM_GUARD,
        "if not _signal_at_death_of(terraform, signal.SIGKILL):",
        "if os.getppid() != terraform:",
        ("adapters/terraform/test_provider.py",),
    ),
    Guard(
        "a provider that is configured twice does not run beside terraform",
        "adapters/terraform/folder.py",
        "len(programs) == 1 and blocks == 1",
        "len(programs) == 1",
        ("adapters/terraform/test_folder.py",),
    ),
)

_STATES = (
    Guard(
        "a state of another environment is foreign",
        "core/stack/states.py",
        "    if head.strangers(environment):\n",
        "    if False:\n",
        ("core/stack/test_states.py",),
    ),
    Guard(
        "an older state of the same lineage is not usable",
        "core/stack/states.py",
        "if is_same and head.mark.serial >= recorded.serial:",
        "if is_same:",
        ("core/stack/test_states.py",),
    ),
    Guard(
        "a state of another lineage is not usable",
        "core/stack/states.py",
        "is_same = head.mark.lineage == recorded.lineage",
        "is_same = True",
        ("core/stack/test_states.py",),
    ),
    Guard(
        "what another owns is not adopted",
        "core/stack/adoption.py",
        "if not resource.is_ours or is_persons:",
        "if is_persons:",
        ("core/stack/test_adoption.py",),
    ),
    Guard(
        "what the state has is not imported again",
        "core/stack/adoption.py",
        "if address is None or address in held or address in imports:",
        "if address is None or address in imports:",
        ("core/stack/test_adoption.py",),
    ),
    Guard(
        "what is half created makes room for its replacement",
        "core/stack/adoption.py",
        "        if resource.key in tainted:\n            strays.append(resource)\n",
        "",
        ("core/stack/test_adoption.py",),
    ),
    Guard(
        "only what is the environment's is removed",
        "adapters/aws/resource_removal.py",
        "        if not resource.is_ours:\n",
        "        if False:\n",
        ("contracts/test_environment_resources.py",),
    ),
    Guard(
        "what has only the name is not cleared",
        "services/clearing.py",
        "ours = [resource for resource in found if resource.is_ours]",
        "ours = list(found)",
        ("services/test_clearing.py",),
    ),
    Guard(
        "what remains after a removal is an error",
        "services/clearing.py",
        "                raise _remaining(environment, found, problems)",
        "                return",
        ("services/test_clearing.py",),
    ),
    Guard(
        "a security group needs the tag, not only the name",
        "adapters/aws/environment_resources.py",
        'mark = read_mark(group.get("Tags", []))\n            is_ours = self._is_ours(mark)',
        'mark = read_mark(group.get("Tags", []))\n            is_ours = True',
        ("contracts/test_environment_resources.py",),
    ),
    Guard(
        "a cluster needs the tag, not only the name",
        "adapters/aws/environment_resources.py",
        'mark = read_mark(cluster.get("tags", []))\n            is_ours = self._is_ours(mark)',
        'mark = read_mark(cluster.get("tags", []))\n            is_ours = True',
        ("contracts/test_environment_resources.py",),
    ),
    Guard(
        "what another installation made is not ours",
        "core/stack/marks.py",
        'return "" if self.installation == installation else self.installation',
        'return ""',
        ("contracts/test_environment_resources.py",),
    ),
    Guard(
        "the images of another installation stay marked",
        "core/stack/image_marks.py",
        'owner = f"{installation}." if installation else ""',
        'owner = ""',
        ("services/test_reaping.py",),
    ),
    Guard(
        "the doctor leaves images alone that another installation keeps",
        "core/discrepancies/image_marks.py",
        "        if is_older or mark.installation == inventory.installation:\n",
        "        if True:\n",
        ("core/discrepancies/test_finding.py",),
    ),
    Guard(
        "the doctor releases no images of an environment that has come back",
        "services/repairs.py",
        "            _require_ended(self.rows.find(name), name)\n            self.marks.unmark(",
        "            self.marks.unmark(",
        ("services/test_repairs.py",),
    ),
    Guard(
        "the doctor releases images under the lock of their environment",
        "services/repairs.py",
        "with self._locked(name):  # sow tags images under the same lock",
        "with suppress():",
        ("services/test_repairs.py",),
    ),
    Guard(
        "a name that another installation uses is refused",
        "core/stack/adoption.py",
        "        if resource.owner:\n",
        "        if False:\n",
        ("services/test_sowing.py",),
    ),
    Guard(
        "tasks of another installation are not published",
        "adapters/aws/ecs_tasks.py",
        '                and not read_mark(c.get("tags", [])).owner(self._installation)\n',
        "",
        ("adapters/aws/test_ecs_tasks.py",),
    ),
    Guard(
        "the platform of another installation is not used",
        "adapters/aws/platform_parameter.py",
        "if platform.installation != self._installation and platform.installation:",
        "if False:",
        ("adapters/aws/test_platform_parameter.py",),
    ),
    Guard(
        "the state of another installation is not set aside",
        "core/discrepancies/states.py",
        "        if _is_neighbours(inventory.states[name]):\n",
        "        if False:\n",
        ("core/discrepancies/test_finding.py",),
    ),
)

_REAPING = (
    Guard(
        "what is desired is not destroyed",
        "services/reaping.py",
        "        if claim.want is not Want.GONE:\n",
        "        if False:\n",
        ("services/test_reaping.py",),
    ),
    Guard(
        "resources outside of the state are removed before the row says gone",
        "services/reaping.py",
        "        self._clear(claim.name, platform, progress)\n",
        "",
        ("services/test_reaping.py",),
    ),
    Guard(
        "a service outside of the state does not block a destroy",
        "services/reaping.py",
        "if one.kind in _RUNNING and one.is_ours and one.key not in held:",
        "if one.kind is ResourceKind.TASK:",
        ("services/test_reaping.py",),
    ),
    Guard(
        "a protected environment is not deleted",
        _DESIRED,
        "            Equals(Attribute.WANT, Want.UP),\n"
        "            Equals(Attribute.PROTECTED, value=False),\n",
        "            Equals(Attribute.WANT, Want.UP),\n",
        ("services/test_environments.py", "core/environments/test_wanted_and_work.py"),
    ),
    Guard(
        "a developer does not unprotect what an operator protects",
        "core/environments/protection.py",
        "    is_own = Equals(Attribute.PROTECTED_BY, stamp.actor)\n"
        "    return replace(write, conditions=(*write.conditions, is_own))\n",
        "    return write\n",
        ("services/test_developers.py",),
    ),
    Guard(
        "a developer deletes only where one of their repositories is",
        "core/environments/protection.py",
        "    return replace(write, conditions=(*write.conditions, one))\n",
        "    return write\n",
        ("services/test_developers.py",),
    ),
    Guard(
        "a request with wrong headers of a person has no right of the gateway",
        "web/api/origin.py",
        "    if not given:\n        return None\n",
        "    if len(given) < len(_PERSON_NAMES):\n        return None\n",
        ("web/api/test_people.py",),
    ),
    Guard(
        "a build that was rolled back from does not come back by itself",
        _DESIRED,
        "is_new, same_ref, is_newer, *not_older,",
        "is_new, same_ref, *not_older,",
        ("services/test_rollbacks.py",),
    ),
    Guard(
        "a rollback does not undo a build that came meanwhile",
        "core/environments/rollback.py",
        "            Equals(Attribute.REVISION, environment.revision),\n",
        "",
        ("services/test_rollbacks.py",),
    ),
    Guard(
        "a repeated rollback counts once",
        "services/rollbacks.py",
        "            if environment.rollback == mark:\n                return environment\n",
        "",
        ("services/test_rollbacks.py",),
    ),
    Guard(
        "an image that is gone does not come back",
        "services/rollbacks.py",
        "            self._check_images(name, versions)\n",
        "",
        ("services/test_rollbacks.py",),
    ),
    Guard(
        "a deletion has a grace period",
        _DESIRED,
        "**schedule_work(Work.REAP, stamp.now_ms + grace_ms),",
        "**schedule_work(Work.REAP, stamp.now_ms),",
        ("services/test_environments.py", "core/environments/test_wanted_and_work.py"),
    ),
    Guard(
        "a retired branch does not delete a protected environment",
        "services/environments.py",
        "            if environment.protected:\n"
        "                raise refusals.is_protected(name)\n",
        "",
        ("services/test_environments.py",),
    ),
    Guard(
        "an unusable config root stops all work",
        _ROOT,
        "            if marker is None or not stat.S_ISREG(marker):\n",
        "            if False:\n",
        ("adapters/config_tree/test_root.py",),
    ),
    Guard(
        "an unclear suspension stops all work",
        _ROOT,
        "            if not stat.S_ISREG(mode):\n"
        "                raise ConfigRootUnusable(\n"
        '                    f"{self._root / suspension.FILE}',
        "            if False:\n"
        "                raise ConfigRootUnusable(\n"
        '                    f"{self._root / suspension.FILE}',
        ("adapters/config_tree/test_root.py",),
    ),
    Guard(
        "a suspension is raised",
        _ROOT,
        "        if (found := self.suspension()) is not None:\n            raise Suspended(",
        "        if (found := self.suspension()) is not None and not found:\n"
        "            raise Suspended(",
        ("adapters/config_tree/test_root.py",),
    ),
    Guard(
        "an error of the root's file system stops all work",
        _ROOT,
        "        except OSError as error:\n            raise ConfigRootUnusable(\n"
        '                f"cannot use config root',
        "        except FileNotFoundError as error:\n            raise ConfigRootUnusable(\n"
        '                f"cannot use config root',
        ("adapters/config_tree/test_root.py",),
    ),
)

_ORDER = (
    Guard(
        "an older build changes nothing",
        _DESIRED,
        "not_older = (AnyOf((NotExists(sequence), LessThan(sequence, build.sequence))),)",
        "not_older = ()",
        ("services/test_environments.py", "core/environments/test_wanted_and_work.py"),
    ),
    Guard(
        "two branches of a repository do not share a name unnoticed",
        _DESIRED,
        "NotExists(ref), Equals(ref, build.ref.full))",
        "NotExists(ref), Exists(ref))",
        ("services/test_environments.py", "services/test_precedence.py"),
    ),
    Guard(
        "a nested branch never gets a protected name",
        "core/environments/precedence.py",
        "    if ref.is_nested and is_protected_name(ref.environment, patterns):\n",
        "    if False:\n",
        ("services/test_precedence.py",),
    ),
    Guard(
        "only a whole name takes the place of a nested branch",
        "core/environments/precedence.py",
        "if is_held_nested and not ref.is_nested:",
        "if not ref.is_nested:",
        ("services/test_precedence.py",),
    ),
    Guard(
        "only branches make environments",
        "core/names.py",
        "        _refuse_other_refs(ref)\n",
        "        pass\n",
        ("core/test_names.py",),
    ),
    Guard(
        "reserved names are no environments",
        "core/names.py",
        '        and "--" not in text\n        and text not in RESERVED\n',
        '        and "--" not in text\n',
        ("core/test_names.py",),
    ),
    Guard(
        "control characters are no part of a ref",
        "core/text.py",
        "return unicodedata.category(character) in UNSAFE",
        "return False",
        ("core/test_names.py",),
    ),
)

_DNS_GUARDS = (
    Guard(
        name="only the key of a CA that all parts trust signs certificates",
        path="adapters/security/pki_files.py",
        text="if each is not None and key_matches_certificate(key, each):",
        weaker="if each is not None:",
        tests=("services/test_pki.py",),
    ),
    Guard(
        "unexplained deletes of records are limited",
        "core/dns/limits.py",
        "if count <= free or count * 100 <= percent * changes.ours:",
        "if True:",
        ("core/dns/test_plan.py",),
    ),
    Guard(
        "records of others are not changed",
        _DNS,
        "        if obstacle := records.obstacle(name):\n",
        "        if (obstacle := records.obstacle(name)) and not records.plain:\n",
        ("core/dns/test_plan.py",),
    ),
    Guard(
        "records of another installation are not changed",
        _DNS,
        "    if mark.excludes(owner.installation):\n",
        "    if False:\n",
        ("core/dns/test_plan.py",),
    ),
    Guard(
        "records that no installation claims stay",
        _DNS,
        "    if records.is_unclaimed and records.name not in wanted:\n",
        "    if False:\n",
        ("core/dns/test_plan.py",),
    ),
    Guard(
        "an address that was there before is not ours",
        _DNS,
        "if _label(name) in listed}",
        "if not _label(name)}",
        ("core/dns/test_plan.py",),
    ),
    Guard(
        "an incomplete listing deletes nothing",
        _DNS,
        "    if incomplete:\n        reason =",
        "    if False:\n        reason =",
        ("core/dns/test_plan.py",),
    ),
    Guard(
        "an incomplete listing does not prove the last record",
        _DNS,
        "if is_last and records.marked and not incomplete:",
        "if is_last and records.marked:",
        ("core/dns/test_plan.py",),
    ),
    Guard(
        "records of an unreadable row stay",
        _DNS,
        "    if wanted.get(records.name, False) is None:\n",
        "    if False:\n",
        ("core/dns/test_plan.py",),
    ),
    Guard(
        "a routed record is not ours",
        _DNS,
        'elif record.type == "A" and not record.routing:',
        'elif record.type == "A":',
        ("core/dns/test_plan.py",),
    ),
    Guard(
        "a pass checks the limit on deletes",
        "services/chitragupta.py",
        "            if not force:\n                self.check(found)\n",
        "",
        ("services/test_chitragupta.py",),
    ),
    Guard(
        "a pass replaces only the record that it has seen",
        _DNS,
        "                replaced.append(old)\n",
        "",
        ("services/test_chitragupta.py",),
    ),
    Guard(
        "the zone gets the record that an update may replace",
        "core/dns/batches.py",
        "replaced.get((r.name, r.type))",
        "None",
        ("contracts/test_record_store.py",),
    ),
    Guard(
        "what sow publishes has the limit on deletes, too",
        "services/chitragupta.py",
        "            self.check(found)\n            return found\n\n        return self._carry_out",
        "            return found\n\n        return self._carry_out",
        ("services/test_chitragupta.py",),
    ),
    Guard(
        "names follow the tasks before an environment is reported as done, or as failed",
        "services/sowing.py",
        "            self.records.update(claim.name, progress)\n        return",
        "            pass\n        return",
        ("services/test_sowing.py",),
    ),
    Guard(
        "the records of a parked environment go before its tasks",
        "services/sowing.py",
        "            self.records.remove(claim.name, progress)\n",
        "            pass\n",
        ("services/test_sowing.py",),
    ),
    Guard(
        "an environment has no records only if the zone is the right one",
        "adapters/aws/route53.py",
        "        if not found:\n            self._check_zone()\n",
        "",
        ("adapters/aws/test_route53.py",),
    ),
)

_SECURITY = (
    Guard(
        "a request needs a role that may send it",
        "core/security/roles.py",
        "            return role in rule.roles",
        "            return True",
        ("core/security/test_roles.py",),
    ),
    Guard(
        "what no rule admits is refused",
        "core/security/roles.py",
        "            return role in rule.roles\n    return False",
        "            return role in rule.roles\n    return True",
        ("core/security/test_roles.py",),
    ),
    Guard(
        "a certificate with two roles has none",
        "core/security/roles.py",
        "if len(named) > 1 or not named <= set(Role):",
        "if not named <= set(Role):",
        ("core/security/test_roles.py",),
    ),
    Guard(
        "a worker's claims are not for operators",
        "core/security/roles.py",
        '    _rule("POST", "/v1/claims/**", Role.WORKER),\n',
        '    _rule("POST", "/v1/claims/**", Role.WORKER, Role.OPERATOR),\n',
        ("core/security/test_roles.py",),
    ),
    Guard(
        "an expired certificate is refused on an open connection",
        "web/server/gate.py",
        "    if now >= peer.expires_ms:\n",
        "    if False:\n",
        ("web/server/test_server.py", "web/test_tls.py"),
    ),
    Guard(
        "a revoked certificate is refused on an open connection",
        "web/server/gate.py",
        "    if denylist is not None and denylist.denies(peer.serial):\n",
        "    if False:\n",
        ("web/server/test_server.py", "web/test_tls.py"),
    ),
    Guard(
        "an expired token is refused",
        "core/security/tokens.py",
        "if found is None or found.expired(now):",
        "if found is None:",
        ("core/security/test_tokens.py",),
    ),
    Guard(
        "a job token is for one audience",
        _OIDC,
        '    if claims.get("aud") != terms.audience:\n',
        "    if False:\n",
        ("core/security/test_oidc.py",),
    ),
    Guard(
        "a job token expires",
        _OIDC,
        "    if now >= (expires + LEEWAY_S) * 1000:\n",
        "    if False:\n",
        ("core/security/test_oidc.py",),
    ),
    Guard(
        "a job reports only its own branch",
        _OIDC,
        "    if parse_ref(ref).full != _full(job.ref):\n",
        "    if False:\n",
        ("core/security/test_oidc.py",),
    ),
    Guard(
        "a job reports only its own commit",
        _OIDC,
        "    if job.sha is not None and sha != job.sha:\n",
        "    if False:\n",
        ("core/security/test_oidc.py",),
    ),
    Guard(
        "a job claims only its own place in the order of builds",
        _OIDC,
        "if sequence is None or job.sequence is None or sequence == job.sequence:",
        "if True:",
        ("core/security/test_oidc.py",),
    ),
    Guard(
        "a job of another owner is refused",
        _OIDC,
        "    if not _is_ours(claims, job.owner, terms):\n",
        "    if False:\n",
        ("core/security/test_oidc.py",),
    ),
    Guard(
        "a token reports only for its repositories",
        "web/gateway/app.py",
        "    if not grant.allows(repository, verb):\n",
        "    if False:\n",
        ("web/gateway/test_app.py",),
    ),
    Guard(
        "a token has a limit of requests",
        "web/gateway/app.py",
        "            if wait_ms:\n",
        "            if False:\n",
        ("web/gateway/test_app.py",),
    ),
    Guard(
        "a body has a longest length",
        "web/server/limits.py",
        "            if len(body) > self._max:\n",
        "            if False:\n",
        ("web/server/test_limits.py", "web/server/test_server.py"),
    ),
    Guard(
        "a certificate has a share of the connections",
        "web/server/capacity.py",
        "if len(others) >= self._limits.peer_connections:",
        "if False:",
        ("web/server/test_capacity.py",),
    ),
    Guard(
        "some connections are kept for gateway and workers",
        "web/server/capacity.py",
        "if is_kept and not _displace_greedier(peer.serial, current):",
        "if False:",
        ("web/server/test_capacity.py",),
    ),
    Guard(
        "the oldest young connection makes room",
        "web/server/capacity.py",
        "            young[0].displace()\n",
        "            pass\n",
        ("web/server/test_capacity.py",),
    ),
    Guard(
        "YAML has a greatest depth",
        "documents.py",
        "        if self._depth > _DEPTH_MAX:\n",
        "        if False:\n",
        ("test_documents.py",),
    ),
    Guard(
        "secrets are masked in logs",
        "log.py",
        'return _SECRETS.sub("***", text)',
        "return text",
        ("core/security/test_tokens.py",),
    ),
)

_CARE = (
    Guard(
        "a repair takes nothing away beyond its limit",
        "services/repairs.py",
        "if len(losing) > self.limit:",
        "if False:",
        ("services/test_repairs.py",),
    ),
    Guard(
        "an empty table is no reason to take anything away",
        "services/repairs.py",
        "if losing and not inventory.rows:",
        "if False:",
        ("services/test_repairs.py",),
    ),
    Guard(
        "a repair leaves a protected environment's resources",
        "services/repairs.py",
        "if row is None or not row.is_settled or row.protected:",
        "if row is None or not row.is_settled:",
        ("services/test_repairs.py",),
    ),
    Guard(
        "a repair leaves the lock of a living owner",
        "services/repairs.py",
        "if not verdict.dead:",
        "if False:",
        ("services/test_repairs.py",),
    ),
    Guard(
        "a branch that one list lacks is not dead yet",
        "services/sweeps.py",
        "is_dead = now_ms - since_ms >= self.policy.pause_ms",
        "is_dead = True",
        ("services/test_sweeps.py",),
    ),
    Guard(
        "a sweep retires only a share",
        "services/sweeps.py",
        "if len(result.retired) >= share:",
        "if False:",
        ("services/test_sweeps.py",),
    ),
    Guard(
        "only some environments expire in an hour",
        "services/lifetimes.py",
        "if self._room(now_ms) <= len(done.expired):",
        "if False:",
        ("services/test_lifetimes.py",),
    ),
    Guard(
        "a warning that comes late moves the deadline",
        "core/environments/expiry.py",
        "ends_ms = max(ends_ms, now_ms + lead_ms // 2)",
        "ends_ms = max(ends_ms, now_ms)",
        ("core/environments/test_lifetime.py",),
    ),
    Guard(
        "a repository has a greatest number of environments",
        "services/creation_limits.py",
        "if limit and count >= limit:",
        "if False:",
        ("services/test_creation_limits.py",),
    ),
)

_DOCTOR = (
    Guard(
        "nothing is repaired while processing is suspended",
        "services/repairs.py",
        "            self.guard()\n            problem",
        "            problem",
        ("services/test_repairs.py",),
    ),
    Guard(
        "a suspended environment is not repaired",
        "services/repairs.py",
        "if suspension := self.rows.suspension(name):",
        "if suspension := None:",
        ("services/test_repairs.py",),
    ),
    Guard(
        "what has a row again is not taken away",
        "services/repairs.py",
        "if row is not None and not row.is_tombstone:\n        raise",
        "if False:\n        raise",
        ("services/test_repairs.py",),
    ),
    Guard(
        "only a lock that is still the same is removed",
        "services/repairs.py",
        "if found is None or found.id != one.subject:",
        "if found is None:",
        ("services/test_repairs.py",),
    ),
    Guard(
        "a state is set aside only if it is still foreign",
        "services/repairs.py",
        "elif not self._is_foreign(name):",
        "elif False:",
        ("services/test_repairs.py",),
    ),
    Guard(
        "no repair works under the lock of another process",
        "services/repairs.py",
        "if isinstance(lock, FoundLock):\n            raise",
        "if False:\n            raise",
        ("services/test_repairs.py",),
    ),
    Guard(
        "a stray of a protected environment is not removed",
        "core/discrepancies/resources.py",
        "may_remove = not row.protected and listed.is_here is not False",
        "may_remove = listed.is_here is not False",
        ("core/discrepancies/test_finding.py",),
    ),
    Guard(
        "resources without a row are reaped only if they are proven to be ours",
        "core/discrepancies/resources.py",
        "return False not in places and (True in places or has_state)",
        "return True",
        ("core/discrepancies/test_finding.py",),
    ),
    Guard(
        "nothing is concluded from a row that is unclear",
        "core/discrepancies/finding.py",
        "if check is rows.unreadable or d.environment not in unclear",
        "",
        ("core/discrepancies/test_finding.py",),
    ),
    Guard(
        "a row of gromit v1 is not taken for none",
        "services/inventory.py",
        "                unreadable |= {name}",
        "                pass",
        ("services/test_repairs.py",),
    ),
    Guard(
        "a desired environment is no leftover",
        "core/environments/leftovers.py",
        "if before.want is not Want.GONE:",
        "if False:",
        ("services/test_leftovers.py",),
    ),
    Guard(
        "a protected name is no leftover",
        "services/leftovers.py",
        "if precedence.is_protected_name(name, self.policy.protected):",
        "if False:",
        ("services/test_leftovers.py",),
    ),
)

_HEALTH = (
    Guard(
        "no program is asked at a name that is not gromit's",
        "services/observing.py",
        "if s.state is NameState.PUBLISHED and c not in stopped[k.name]",
        "if c not in stopped[k.name]",
        ("services/test_health.py",),
    ),
    Guard(
        "what only says that it does not work is not applied again",
        "core/environments/observation.py",
        "if not components_to_repair(seen.problems, seen.health):",
        "if not seen.problems:",
        ("core/environments/test_observation.py",),
    ),
    Guard(
        "no answer of a component that does not run counts",
        "services/observing.py",
        "if s.state is NameState.PUBLISHED and c not in stopped[k.name]",
        "if s.state is NameState.PUBLISHED",
        ("services/test_health.py",),
    ),
    Guard(
        "a bad answer counts only after the grace of an apply",
        "core/environments/health_book.py",
        "entry.bad = 0 if is_grace else entry.bad + 1",
        "entry.bad += 1",
        ("core/environments/test_health_book.py",),
    ),
    Guard(
        "where the observer's own network fails, no environment is degraded",
        "core/environments/health_book.py",
        "if self.is_blind():\n            return {}\n        return {key: e.counts",
        "return {key: e.counts",
        ("core/environments/test_health_book.py", "services/test_health.py"),
    ),
)

_IMAGES = (
    Guard(
        "images are tagged before an apply uses them, and those that are gone are noticed",
        "services/image_resolution.py",
        "gone = set(self._keep(claim, {i: d for i, d in digests.items() if i not in trusted}))",
        "gone: set[BuiltImage] = set()",
        ("services/test_sowing.py",),
    ),
    Guard(
        "the images of the last success stay tagged while an attempt fails",
        "services/image_keeping.py",
        "images, next_mark(environment, self.installation))",
        "images, used_mark(environment, self.installation))",
        ("services/test_sowing.py",),
    ),
    Guard(
        "a build that was never pushed has no fallback",
        "services/image_resolution.py",
        "            if has_existed(claim.made, repository, tag)\n",
        "",
        ("services/test_sowing.py",),
    ),
    Guard(
        "no image is tagged for an environment that does not run it any more",
        "services/repairs.py",
        "if row is None or not row.is_desired or digest not in row.built.values():",
        "if row is None:",
        ("services/test_repairs.py",),
    ),
    Guard(
        "no fallback is an image that a deleted branch of the same name left",
        "core/environments/fallbacks.py",
        "    if dead_before(environment.row) is not None:\n        return ()\n",
        "",
        ("web/api/test_views.py",),
    ),
)

_SESSIONS = "web/gateway/sessions.py"
_GATEWAY_PEOPLE = "web/gateway/people.py"
_LOGIN = "web/gateway/login.py"
_PROVIDER = "web/gateway/provider.py"
_LOGIN_TESTS = ("web/gateway/test_login.py",)
_PEOPLE_TESTS = ("web/gateway/test_people_api.py",)

_LOGINS = (
    Guard(
        "a text that the gateway signed is good for one purpose",
        _SESSIONS,
        'b"gromit %s\\n%s" % (purpose.encode(), self._scope)',
        'b"gromit %s" % self._scope',
        _LOGIN_TESTS,
    ),
    Guard(
        "new rules of logins end the sessions that old ones gave",
        _SESSIONS,
        'b"gromit %s\\n%s" % (purpose.encode(), self._scope)',
        'b"gromit %s" % purpose.encode()',
        _LOGIN_TESTS,
    ),
    Guard(
        "a session ends",
        _SESSIONS,
        'return facts if self._now_ms() < facts["exp"] else None',
        "return facts",
        _LOGIN_TESTS,
    ),
    Guard(
        "a session of a person who is denied is none",
        _SESSIONS,
        'if facts is None or self._rules.denies(facts["sub"], facts["name"]):',
        "if facts is None:",
        _LOGIN_TESTS,
    ),
    Guard(
        "an answer of the provider is for the browser that asked",
        _LOGIN,
        'if facts is None or not hmac.compare_digest(facts["state"].encode(), state):',
        "if facts is None:",
        _LOGIN_TESTS,
    ),
    Guard(
        "an answer of another provider begins no session",
        _LOGIN,
        "        await self._check_issuer(request)\n",
        "",
        _LOGIN_TESTS,
    ),
    Guard(
        "an ID token is for the login that asked for it",
        _PROVIDER,
        'params = {"nonce": nonce, ',
        "params = {",
        _LOGIN_TESTS,
    ),
    Guard(
        "an ID token is for this client",
        _PROVIDER,
        '            "aud": {"essential": True, "value": audience},\n',
        "",
        _LOGIN_TESTS,
    ),
    Guard(
        "an ID token is of this provider",
        _PROVIDER,
        '            "iss": {"essential": True, "value": (await self.endpoints()).issuer},\n',
        "",
        _LOGIN_TESTS,
    ),
    Guard(
        "a login goes on to a path of the gateway",
        _GATEWAY_PEOPLE,
        'text.startswith("/") and not text.startswith("//")',
        'text.startswith("/")',
        _LOGIN_TESTS,
    ),
    Guard(
        "a login goes on to no path that a browser reads as an address",
        _GATEWAY_PEOPLE,
        'return None if "\\\\" in text or " " in text else text',
        "return text",
        _LOGIN_TESTS,
    ),
    Guard(
        "logins of one address are bounded",
        _LOGIN,
        'if self._deps.attempts.wait_ms(address or "", self._deps.now_ms()):',
        "if False:",
        _LOGIN_TESTS,
    ),
    Guard(
        "scripts do not read the cookie of a session",
        _GATEWAY_PEOPLE,
        "            httponly=True,\n",
        "            httponly=False,\n",
        _LOGIN_TESTS,
    ),
    Guard(
        "an address that the provider has not verified is no one's",
        "core/security/logins.py",
        "if claim == _ADDRESS and claims.get(_VERIFIED) is not True:",
        "if False:",
        _LOGIN_TESTS,
    ),
    Guard(
        "who has no role gets no session",
        "core/security/logins.py",
        "        return None\n\n    def _repositories",
        "        return Role.VIEWER\n\n    def _repositories",
        _LOGIN_TESTS,
    ),
)

_CHANGES_OF_PEOPLE = (
    Guard(
        "a change with a cookie comes from a page of the gateway",
        _GATEWAY_PEOPLE,
        "if not self._is_own_page(request):",
        "if False:",
        _PEOPLE_TESTS,
    ),
    Guard(
        "a browser that says nothing of the page has none of the gateway",
        _GATEWAY_PEOPLE,
        "return bool(origins or sites)",
        "return True",
        _PEOPLE_TESTS,
    ),
    Guard(
        "a change with a cookie needs the proof of its page",
        _GATEWAY_PEOPLE,
        "if not self._signer.is_proof(session.id, given):",
        "if False:",
        _PEOPLE_TESTS,
    ),
    Guard(
        "a proof is of one session",
        _SESSIONS,
        "session_id.encode(), sha256)",
        'b"", sha256)',
        _PEOPLE_TESTS,
    ),
    Guard(
        "two authorisations count as none",
        _GATEWAY_PEOPLE,
        'bearer_value(values[0]) if len(values) == 1 else ""',
        "bearer_value(values[0])",
        _PEOPLE_TESTS,
    ),
    Guard(
        "the requests of one person are bounded",
        "web/gateway/people_api.py",
        "if wait_ms := self._people.wait_ms(session):",
        "if wait_ms := 0:",
        _PEOPLE_TESTS,
    ),
    Guard(
        "the gateway forwards what the role may send",
        "web/gateway/people_api.py",
        "if not is_allowed(role, request.method, route):",
        "if False:",
        _PEOPLE_TESTS,
    ),
    Guard(
        "no part of a path leads to another one",
        "web/gateway/people_api.py",
        'any(part in {"", ".", ".."} for part in str(value).split("/"))',
        "False",
        _PEOPLE_TESTS,
    ),
    Guard(
        "serve believes the gateway no higher role than its setting names",
        "web/api/admission.py",
        "if not person.has_role_up_to(highest):",
        "if False:",
        _PEOPLE_TESTS,
    ),
    Guard(
        "only the gateway vouches for people",
        "web/api/origin.py",
        "if peer is None or peer.role is not Role.GATEWAY:\n        return None\n    given",
        "if peer is None:\n        return None\n    given",
        ("web/api/test_people.py",),
    ),
    Guard(
        "a token of a repository reads its own environments only",
        "web/api/visibility.py",
        "VisibleEnvironments(deps.environments, trusted_repository(caller, repository))",
        "VisibleEnvironments(deps.environments, None)",
        ("web/gateway/test_with_serve.py",),
    ),
    Guard(
        "only a trusted proxy says whose request it is",
        "web/gateway/forwarded.py",
        ' and scope["client"][0] in self._proxies:',
        ":",
        ("web/gateway/test_forwarded.py",),
    ),
)

_PAGE = (
    Guard(
        "a form of the page has the token of its session",
        "web/page/security.py",
        'if not hmac.compare_digest(form.get("csrf", "").encode(), visitor.csrf.encode()):',
        "if False:",
        ("web/page/test_environment.py",),
    ),
    Guard(
        "a form that names another origin is not of the page",
        "web/page/security.py",
        "if origin is not None and urlsplit(origin).netloc != host:",
        "if False:",
        ("web/page/test_environment.py",),
    ),
    Guard(
        "a form that the browser calls another site's is not of the page",
        "web/page/security.py",
        'request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}',
        "False",
        ("web/page/test_environment.py",),
    ),
    Guard(
        "texts of others are no HTML",
        "web/page/rendering.py",
        "autoescape=True",
        "autoescape=False",
        ("web/page/test_list.py",),
    ),
    Guard(
        "the key of the page is good once",
        "web/page/local_guard.py",
        "            self._key = None\n",
        "",
        ("web/page/test_local_guard.py",),
    ),
    Guard(
        "a website that takes the page's address for its own gets nothing",
        "web/page/local_guard.py",
        'if request.headers.getlist("host") not in [',
        "if [] in [",
        ("web/page/test_local_guard.py",),
    ),
)

_COMMENTS = "hooks/notify-gromit/gromit_action/comments.py"
_ACTION = (
    Guard(
        "what a person wrote is no comment of the action",
        _COMMENTS,
        'return user.get("type") == "Bot" and str(',
        "return str(",
        ("hooks/test_showing.py",),
    ),
    Guard(
        "an older run leaves the comment of a newer one",
        _COMMENTS,
        "        if _run(found) > self._sequence:\n            return False\n",
        "",
        ("hooks/test_showing.py",),
    ),
    Guard(
        "the last text of a run stays",
        _COMMENTS,
        "        for _ in range(_REWRITES):\n",
        "        for _ in range(1):\n",
        ("hooks/test_showing.py",),
    ),
    Guard(
        "two jobs leave one comment",
        _COMMENTS,
        """        github.call("DELETE", f"/issues/comments/{int(made['id'])}")\n""",
        "",
        ("hooks/test_showing.py",),
    ),
    Guard(
        "a pull request of a fork gets no comment",
        _COMMENTS,
        'bool(head["ref"] == branch and repository and repository["id"] == base["repo"]["id"])',
        'bool(head["ref"] == branch and repository and repository["id"])',
        ("hooks/test_showing.py",),
    ),
    Guard(
        "foreign text is no Markdown",
        "hooks/notify-gromit/gromit_action/markdown.py",
        "{''.join(map(_reference, line))}",
        "{line}",
        ("hooks/test_showing.py",),
    ),
    Guard(
        "secrets are masked in comments",
        "hooks/notify-gromit/gromit_action/markdown.py",
        "masked(str(text))",
        "str(text)",
        ("hooks/test_showing.py",),
    ),
)

GUARDS = (
    *_IMAGES,
    *_LOGINS,
    *_CHANGES_OF_PEOPLE,
    *_PAGE,
    *_ACTION,
    *_CLAIMS,
    *_RUNS,
    *_STATES,
    *_REAPING,
    *_CARE,
    *_ORDER,
    *_DNS_GUARDS,
    *_SECURITY,
    *_DOCTOR,
    *_HEALTH,
    *_EXEC,
    *_SLEEP,
)
