"""CPU time of serve in its busiest minute."""

from gromit.core.load import CpuUse
from gromit.web.server.core_use import MINUTES, CoreUse


class Minutes:
    """A clock that goes on by minutes, and the CPU time of a process."""

    def __init__(self) -> None:
        self.now = self.cpu = 100.0
        self.use = CoreUse(50.0, lambda: self.cpu, lambda: self.now)
        self.use.look()

    def spend(self, cpu_s: float) -> CpuUse | None:
        """Let a minute go by, in which the process computes for some seconds."""
        self.now += 60
        self.cpu += cpu_s
        self.use.look()
        return self.use.busiest()


def test_the_busiest_minute_counts_for_an_hour() -> None:
    minutes = Minutes()
    assert minutes.use.busiest() is None
    assert minutes.spend(3) == CpuUse(5.0, 50.0)
    assert minutes.spend(30) == CpuUse(50.0, 50.0)
    for _ in range(MINUTES - 1):
        assert minutes.spend(6) == CpuUse(50.0, 50.0)
    assert minutes.spend(6) == CpuUse(10.0, 50.0)


def test_a_look_too_soon_changes_nothing() -> None:
    minutes = Minutes()
    minutes.now += 1
    minutes.cpu += 1
    minutes.use.look()
    assert minutes.use.busiest() is None
    minutes.now += 59
    minutes.cpu += 5
    minutes.use.look()
    assert minutes.use.busiest() == CpuUse(10.0, 50.0)


def test_the_start_of_the_process_does_not_count() -> None:
    cpu_s, clock = [8.0], [10.0]
    use = CoreUse(100.0, lambda: cpu_s[0], lambda: clock[0])
    clock[0] += 60
    cpu_s[0] += 60
    use.look()
    assert use.busiest() is None
