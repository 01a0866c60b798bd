"""Input of clients becomes names that are safe everywhere, and no two refs share one."""

import hashlib
import random
import re
import string
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gromit.core.names import (
    NAME_MAX,
    REF_MAX,
    RESERVED,
    environment_name,
    is_environment_name,
    is_tag,
    normalize_dns_name,
    parse_ref,
    parse_repository,
    parse_version,
)
from gromit.errors import InvalidInput
from tests.fakes.refs import NO_BRANCHES


def normalized(leaf: str) -> str:
    """Return a ref's last element without dots and case, which do not count."""
    return leaf.replace(".", "").lower()


def marked(stem: str, leaf: str) -> str:
    """Return the name of a ref that is not a valid name itself."""
    return f"{stem}-{hashlib.sha256(normalized(leaf).encode()).hexdigest()[:12]}"


# ── refs ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "full", "last", "name"),
    [
        ("app-test", "app-test", "app-test", "app-test"),
        ("refs/heads/app-test", "app-test", "app-test", "app-test"),
        ("refs/heads/integration/app-test", "integration/app-test", "app-test", "app-test"),
        ("integration/app-test", "integration/app-test", "app-test", "app-test"),
        ("refs%2Fheads%2Fintegration%2Fapp-test", "integration/app-test", "app-test", "app-test"),
        ("release-3.1.0", "release-3.1.0", "release-3.1.0", "release-310"),
        ("refs/heads/release-3.1.0", "release-3.1.0", "release-3.1.0", "release-310"),
        ("App-Test", "App-Test", "App-Test", "app-test"),
        ("/refs/heads/app-test", "app-test", "app-test", "app-test"),
        ("refs/heads/refs/pull/12/merge", "refs/pull/12/merge", "merge", "merge"),
        ("references/x", "references/x", "x", "x"),
        ("pull/12/merge", "pull/12/merge", "merge", "merge"),
        (" app-test ", "app-test", "app-test", "app-test"),
        ("refs/heads/app-test/", "app-test", "app-test", "app-test"),
        ("1", "1", "1", "1"),
        ("feature+x", "feature+x", "feature+x", marked("feature-x", "feature+x")),
        ("feature_x", "feature_x", "feature_x", marked("feature-x", "feature_x")),
        ("a%252Fb", "a%2Fb", "a%2Fb", marked("a-2fb", "a%2Fb")),
        ("naïve", "naïve", "naïve", marked("na-ve", "naïve")),
        ("../../etc", "../../etc", "etc", "etc"),
    ],
)
def test_a_ref_in_every_form_gives_its_environment(
    text: str, full: str, last: str, name: str
) -> None:
    ref = parse_ref(text)
    assert (ref.full, ref.leaf, ref.environment) == (full, last, name)


@pytest.mark.parametrize(
    ("last", "stem"),
    [
        *((word, word) for word in sorted(RESERVED)),
        ("WWW", "www"),
        ("no.process", "noprocess"),
        ("a--b", "a-b"),
        ("-a", "a"),
        ("a-", "a"),
        ("a_b", "a-b"),
        ("sg-x;rm -rf", "sg-x-rm-rf"),
        ("fix-0123456789ab", "fix-0123456789ab"),
        ("fix-0123.4567.89ab", "fix-0123456789ab"),
        ("a" * 41, "a" * 27),
        ("x" * 26 + "-" + "y" * 20, "x" * 26),
        ("release-3.1.0-" + "x" * 40, "release-310-" + "x" * 15),
    ],
)
def test_what_is_no_name_by_itself_gets_a_stem_and_a_hash(last: str, stem: str) -> None:
    assert environment_name(last) == marked(stem, last)


def test_case_is_unicode_case() -> None:
    assert environment_name("\N{KELVIN SIGN}-unit") == "k-unit"
    assert environment_name("\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}") == marked(
        "i", "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}"
    )


@pytest.mark.parametrize(
    "last",
    [
        "a",
        "0",
        "a" * 40,
        "a-b-c",
        "sg-x",
        "con",
        "310",
        "fix-0123456789abc",
        "fix-0123456789ag",
        "0123456789ab",
        "x-0123456789a",
    ],
)
def test_a_fitting_name_is_kept(last: str) -> None:
    assert environment_name(last) == last


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "/",
        "refs/heads/",
        "...",
        "-",
        "日本",
        "a/..",
        "%20",
        "%2F",
        "🙂",
        "a\nb",
        "a%00b",
        "a\x7fb",
        "\ud800a",
        "x\u202egpj.exe",
        "refs/heads/a\u2066b\u2069",
        "zero\u200bwidth",
        "zero%E2%80%8Bwidth",
        "\ufeffmaster",
        "soft\u00adhyphen",
        "line\u2028end",
        "paragraph\u2029end",
        "tag\U000e0041",
    ],
)
def test_a_ref_without_a_usable_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_ref(text)


@pytest.mark.parametrize("text", NO_BRANCHES)
def test_what_is_below_refs_and_no_branch_is_refused_with_what_to_send(text: str) -> None:
    with pytest.raises(InvalidInput, match="only branches have environments") as refused:
        parse_ref(text)
    assert NO_BRANCHES[text] in str(refused.value.hint)


def test_a_very_long_ref_is_refused_and_a_long_one_is_cut() -> None:
    assert len(parse_ref("a" * REF_MAX).environment) == NAME_MAX
    with pytest.raises(InvalidInput, match=f"{REF_MAX + 1} characters"):
        parse_ref("a" * (REF_MAX + 1))


refs = st.one_of(
    st.text(max_size=80),
    st.text(alphabet=string.ascii_letters + string.digits + "-._/", max_size=80),
    st.text(alphabet="abAB019-._/%2Ff ", max_size=60),
    st.text(max_size=30).map(quote),
    st.from_regex(r"[a-z0-9-]{1,45}", fullmatch=True),
    st.from_regex(r"[a-z]{1,30}-[0-9a-f]{11,13}", fullmatch=True),
)

_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_ECS_CLUSTER = re.compile(r"[A-Za-z0-9_-]{1,255}")
_LOG_GROUP = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")
_SECURITY_GROUP = re.compile(r"[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}")
_CLOUD_MAP = re.compile(
    r"(?=^.{1,127}$)[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?(\.[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?)*"
)
_S3_KEY = re.compile(r"[A-Za-z0-9!\-_.*'()/:]{1,1024}")
LONGEST_COMPONENT = "c" * 40


@given(refs)
@example("sg-1")
@example("CON")
@example("a" * 41)
@example("x" * 26 + "-" + "y" * 20)
def test_any_ref_gives_a_name_that_is_legal_everywhere_or_is_refused(text: str) -> None:
    try:
        name = parse_ref(text).environment
    except InvalidInput:
        return
    assert parse_ref(text).environment == name
    assert _DNS_LABEL.fullmatch(name)
    assert len(name) <= NAME_MAX
    assert "--" not in name  # our own separator, and the start of punycode
    assert _ECS_CLUSTER.fullmatch(name)
    assert _LOG_GROUP.fullmatch(f"/gromit/{name}")
    group = f"gromit--{name}--{LONGEST_COMPONENT}"
    assert _SECURITY_GROUP.fullmatch(group)
    assert not group.startswith("sg-")
    assert _CLOUD_MAP.fullmatch(f"{LONGEST_COMPONENT}.{name}")
    assert _S3_KEY.fullmatch(f"env:/{name}/devenv")
    assert "/" not in name
    assert name not in {".", "..", ""}
    assert quote(name, safe="") == name  # terraform requires this of a workspace
    assert name not in RESERVED
    assert is_environment_name(name)


@given(refs)
def test_a_name_made_from_a_ref_is_itself_or_marked(text: str) -> None:
    try:
        ref = parse_ref(text)
    except InvalidInput:
        return
    if ref.environment == normalized(ref.leaf):
        assert environment_name(ref.environment) == ref.environment
    else:
        assert re.search(r"-[0-9a-f]{12}$", ref.environment)
        again = environment_name(ref.environment)
        assert again != ref.environment  # no branch gets a marked name by having it as its own


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_two_refs_meet_only_if_they_are_declared_equal(one: str, other: str) -> None:
    try:
        first, second = parse_ref(one), parse_ref(other)
    except InvalidInput:
        return
    assert (first.environment == second.environment) == (
        normalized(first.leaf) == normalized(second.leaf)
    )


def _many_refs(rng: random.Random) -> set[str]:
    """Return a hundred thousand last elements: random ones, and similar ones."""
    alphabets = [
        "ab-",
        "abc0123456789-_.",
        string.ascii_letters + "-",
        "a-é_日",
        "0123456789abcdef-",
    ]
    lengths = [1, 2, 3, 5, 8, 13, 26, 27, 28, 39, 40, 41, 60]
    made = {
        "".join(rng.choices(rng.choice(alphabets), k=rng.choice(lengths))) for _ in range(70_000)
    }
    for last in rng.sample(sorted(made), 10_000):
        made |= {
            last + "-",
            last + "_",
            last.replace("-", "_"),
            last.replace("-", "--"),
            last[:27],
            last[:40],
            last + "x",
            "-" + last,
        }
    return made


def test_of_a_hundred_thousand_refs_no_two_meet() -> None:
    rng = random.Random(20_260_731)
    made = _many_refs(rng)
    names: dict[str, str] = {}
    for generation in range(2):
        for leaf in made:
            try:
                name = environment_name(leaf)
            except InvalidInput:
                continue
            assert names.setdefault(name, normalized(leaf)) == normalized(leaf)
        # second round: branches with the names of the first round, and similar ones
        marked_names = sorted(n for n in names if re.search(r"-[0-9a-f]{12}$", n))
        made = (
            {*marked_names, *(n + "0" for n in marked_names), *(n[:-1] for n in marked_names)}
            if generation == 0
            else set()
        )
    assert len(names) > 100_000


# ── names, repositories, versions ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("app-test", True),
        ("a" * 40, True),
        ("fix-0123456789ab", True),
        ("a" * 41, False),
        ("", False),
        ("A", False),
        ("a.b", False),
        ("a--b", False),
        ("-a", False),
        ("a-", False),
        ("a\n", False),
        ("..", False),
        *((word, False) for word in RESERVED),
    ],
)
def test_only_what_can_be_a_name_is_taken_for_one(text: str, fits: bool) -> None:
    assert is_environment_name(text) is fits


@pytest.mark.parametrize(
    "text",
    [
        "tyk-pump",
        "TykTechnologies/tyk-pump",
        "TykTechnologies%2Ftyk-pump",
        " tyk-pump ",
        "/tyk-pump/",
        "a/b/tyk-pump",
    ],
)
def test_the_last_element_of_a_repository_counts(text: str) -> None:
    assert parse_repository(text) == "tyk-pump"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "/",
        "..",
        "a b",
        "-a",
        "ty\nk",
        "tÿk",
        "a" * 101,
        "x" * (REF_MAX + 1),
        "a/%2e%2e",
        "tyk;ls",
    ],
)
def test_what_is_no_repository_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_repository(text)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("master", True),
        ("release-3.1.0", True),
        ("3b6a51", True),
        ("_x", True),
        ("a" * 128, True),
        ("a" * 129, False),
        ("", False),
        (".a", False),
        ("-a", False),
        ("a:b", False),
        ("a/b", False),
        ("a b", False),
        ("a\n", False),
        ('a","x":"', False),
        ("é", False),
    ],
)
def test_a_version_is_what_a_registry_takes_as_a_tag(text: str, fits: bool) -> None:
    assert is_tag(text) is fits
    if fits:
        assert parse_version(text) == text
    else:
        with pytest.raises(InvalidInput, match="is not an image tag"):
            parse_version(text)


@given(st.text(max_size=200))
def test_any_repository_and_version_is_taken_whole_or_refused(text: str) -> None:
    for parse in (parse_repository, parse_version):
        try:
            taken = parse(text)
        except InvalidInput:
            continue
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", taken)


@pytest.mark.parametrize("text", ["Example.COM.", "example.com", "example.com."])
def test_spellings_of_a_dns_name_are_one(text: str) -> None:
    assert normalize_dns_name(text) == "example.com"
