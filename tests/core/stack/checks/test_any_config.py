"""Any config file and any variable is checked without an exception."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gromit.adapters.catalogue.program_keys import load_program_keys
from gromit.adapters.catalogue.programs import load_program, program_names
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.checks.check import ProgramFacts, check_catalogue
from gromit.core.stack.config_templates import sample_variables

FACTS = ProgramFacts(
    programs={name: load_program(name) for name in program_names()}, keys=load_program_keys()
)
KEYS = sorted({name for keys in FACTS.keys.values() for name in keys.root.below})
TEXTS = st.one_of(
    st.text(max_size=20),
    st.from_regex(r"[a-z]{1,8}://[a-z.0-9:@,\[\]]{0,20}", fullmatch=True),
    st.from_regex(r"[0-9a-f.:]{1,12}", fullmatch=True),
)
NAMES = st.one_of(st.sampled_from(KEYS), st.sampled_from(["meta", "type", "host", "port"]), TEXTS)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS),
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(NAMES, below, max_size=4)),
    max_leaves=12,
)
VARIABLES = st.one_of(
    st.sampled_from(sorted({v for keys in FACTS.keys.values() for v in keys.variables})),
    st.from_regex(r"TYK_(GW|DB|PMP|IB|MDCB)_[A-Z_]{1,12}", fullmatch=True),
)


@pytest.mark.parametrize("program", sorted(FACTS.programs))
@settings(max_examples=40)
@given(document=JSON, variables=st.dictionaries(VARIABLES, TEXTS, max_size=4))
def test_any_config_is_checked(program: str, document: object, variables: dict[str, str]) -> None:
    component = Component(
        name="any",
        program=program,
        image="any:1",
        port=80,
        config_path="/conf",
        command=("--conf=/conf/any.conf",),
        templates={"any.conf": "x"},
        environment=variables,
    )
    catalogue = Catalogue({"any": component})
    sample = sample_variables(catalogue)
    raw = "{% raw %}" + json.dumps(document) + "{% endraw %}"
    written = Catalogue({"any": replace(component, templates={"any.conf": raw})})
    report = check_catalogue(written, sample, FACTS)
    assert all(fault.reason and fault.remedy for fault in report.faults)
