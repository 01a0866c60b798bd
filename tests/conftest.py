"""What holds for all tests."""

from hypothesis import HealthCheck, settings

# How long an example takes depends on the machine and on what else runs there: what is too slow shows in the suite's own time.
settings.register_profile("gromit", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("gromit")
