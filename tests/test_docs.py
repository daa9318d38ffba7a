"""Documents cannot lie: their links lead somewhere, their commands exist, their tables are the code's."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from starlette.routing import Route

from dashboards.contract_json import document as contract_document
from dashboards.page.app import create_app
from dashboards.words.contract import LABELS
from kvartal.cli.main import app
from kvartal.settings import Settings
from metering import findings, flags
from metering.report.contract import view_contract
from metering.report.parts import Rows
from metering.savings.conditions import conditions
from metering.site.model import parse_site
from simulators.faults.known import KNOWN
from simulators.faults.meters import METERS
from simulators.faults.table import FAULTS, REGISTER_FAULTS, cases
from tests.places import ROOT

DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def texts() -> dict[str, str]:
    """Everything in which something may be cited, by its path from the root."""
    rooms = ("metering", "ingest", "streams", "storage", "dashboards", "simulators", "kvartal")
    folders = [ROOT / name for name in (*rooms, "bench", "deploy", "docs", "examples", "scripts", "tests")]
    paths = [path for folder in folders for path in folder.rglob("*")] + list(ROOT.iterdir())
    kinds = {".py", ".md", ".toml", ".yml"}
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(paths)
        if path.suffix in kinds and path.is_file()
    }


TEXTS = texts()
DECISIONS = ROOT / "docs" / "decisions"
LAWS = (ROOT / "docs" / "laws.md").read_text(encoding="utf-8")


def anchors(document: Path) -> set[str]:
    """Anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_documents_that_are_cited_exist_with_their_anchors() -> None:
    cited = 0
    for name, text in TEXTS.items():
        for target, anchor in re.findall(r"\b(docs/[\w/-]+\.md)(?:#([\w-]+))?", text):
            assert (ROOT / target).is_file(), f"{name} cites {target}"
            assert not anchor or anchor in anchors(ROOT / target), f"{name} cites {target}#{anchor}"
            cited += bool(anchor)
    assert cited


def test_decisions_that_are_cited_exist() -> None:
    written = {path.name[:3] for path in DECISIONS.glob("0*.md")}
    for name, text in TEXTS.items():
        for numbers in re.findall(r"\b[Dd]ecisions? (\d{3}(?:(?:, | and )\d{3})*)", text):
            assert set(re.findall(r"\d{3}", numbers)) <= written, f"{name} cites decision {numbers}"


def test_laws_that_are_cited_exist() -> None:
    stated = set(re.findall(r"^## Law (\d):", LAWS, re.MULTILINE))
    for name, text in TEXTS.items():
        for number in re.findall(r"\b[Ll]aws? (\d)\b", text):
            assert number in stated, f"{name} cites law {number}"


def test_every_law_names_tests_that_exist() -> None:
    for law in LAWS.split("\n## ")[1:]:
        named = re.findall(r"`(tests/[\w/]+\.py)`", law)
        assert named, law
        assert all((ROOT / path).is_file() for path in named), law


def test_nothing_is_cited_that_a_reader_cannot_open() -> None:
    outside = re.compile(
        r"\bfacts/|(?<!\w)\(facts:|# facts:|(?<![\w-])(?:spb|mv|field|mqtt|faust)\.md\b|\bSTYLE \d|\bDESIGN\.md\b"
    )
    for name, text in TEXTS.items():
        if name != "tests/test_docs.py":
            assert not outside.search(text), name


def test_decisions_have_one_format_and_are_in_the_index() -> None:
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    for path in sorted(DECISIONS.glob("0*.md")):
        text = path.read_text(encoding="utf-8")
        heads = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert text.startswith(f"# {path.name[:3]}. "), path.name
        assert heads[:3] == ["Question", "Measured", "Answer"], path.name
        assert f"[{path.name[:3]}]({path.name})" in index, path.name


def commands() -> set[str]:
    named = {c.name or (c.callback.__name__ if c.callback else "") for c in app.registered_commands}
    return named | {group.name or "" for group in app.registered_groups}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_exist(document: Path) -> None:
    named = set(re.findall(r"`(?:\$ )?kvartal ([a-z]+)\b", document.read_text(encoding="utf-8")))
    assert named <= commands()


def test_the_readme_opens_with_the_two_commands_and_the_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)", README))
    assert {"demo", "test"} <= named <= targets


def test_settings_that_are_named_exist() -> None:
    known = {f"KVARTAL_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"\bKVARTAL_[A-Z_]+[A-Z]\b", README)) <= known


def test_benches_that_are_named_exist_and_have_help() -> None:
    named: set[str] = set()
    for document in DOCUMENTS:
        named |= set(re.findall(r"bench/(\w+\.py)", document.read_text(encoding="utf-8")))
    for name in named:
        assert (ROOT / "bench" / name).exists(), name


def test_every_room_is_in_the_layout() -> None:
    for room in ("metering", "ingest", "streams", "storage", "dashboards", "simulators", "kvartal"):
        assert f"| `{room}/` |" in README


def test_the_counts_of_the_faults_page_are_the_tables() -> None:
    text = " ".join((ROOT / "docs" / "faults.md").read_text(encoding="utf-8").split())
    assert f"the meters: {len(METERS)} of heat" in text
    assert f"{len(REGISTER_FAULTS)} faults concern the readings" in text
    assert (
        f"{sum(1 for _ in cases()):,} cases. {len(FAULTS) - len(REGISTER_FAULTS)} more exist only in" in text
    )
    assert f"{len(KNOWN)} cases fail the rule today" in text


def test_the_flags_are_the_codes() -> None:
    text = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    for bit, name in flags.NAMES.items():
        assert f"| `{name}` | {flags.MEANINGS[bit]} |" in text


def test_the_findings_are_the_codes() -> None:
    text = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| `(\w+)` \| (.+) \|$", text.partition("| finding |")[2], re.MULTILINE)
    assert dict(found) == findings.MEANINGS


def test_the_site_file_of_the_meters_page_is_one() -> None:
    text = (ROOT / "docs" / "meters.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert len(parse_site('[site]\nid = "q"\n' + block).meters) == 3


def test_the_savings_command_of_the_readme_runs() -> None:
    block = README[README.index("kvartal savings") :].split("```")[0]
    arguments = block.replace("\\\n", " ").split()[1:]
    done = subprocess.run(
        [sys.executable, "-m", "kvartal", *arguments], cwd=ROOT, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_the_keys_of_the_contracts_page_are_the_site_files() -> None:
    text = (ROOT / "docs" / "contracts.md").read_text(encoding="utf-8")
    block = text[text.index("```toml") + len("```toml") :].split("```")[0]
    example = (ROOT / "examples" / "site.toml").read_text(encoding="utf-8")
    site = parse_site(example + block)
    (contract,) = site.contract
    assert conditions(site, contract).events
    assert conditions(site, contract).statics
    assert site.season
    assert site.co2
    assert contract.formula.hot_water is not None


def test_the_lines_and_keys_of_the_contracts_page_are_the_commands() -> None:
    text = (ROOT / "docs" / "contracts.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([A-Z][^|]*?) \| `(\w+)` \|", text, re.MULTILINE)
    labels = {english.removesuffix(", 90 %") for _, english in LABELS.values()}
    site = parse_site((ROOT / "examples" / "site.toml").read_text(encoding="utf-8"))
    keys = contract_document(view_contract(Rows(), site, site.contract[0]))
    assert len(rows) == 15
    for label, key in rows:
        assert label in labels
        assert key in keys


def test_the_addresses_of_the_page_are_those_that_it_serves(tmp_path: Path) -> None:
    site = parse_site((ROOT / "examples" / "site.toml").read_text(encoding="utf-8"))
    app = create_app(tmp_path / "none.db", lambda: site, stopping=threading.Event())
    served = {route.path for route in app.routes if isinstance(route, Route)} - {"/"}
    text = (ROOT / "docs" / "page.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(/[^`]*)`", text, re.MULTILINE))
    assert named == {re.sub(r":int", "", path) for path in served}


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute or annotated field in one."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            target: object = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            if part in getattr(target, "__annotations__", {}):
                return True
            if not hasattr(target, part):
                return False
            target = getattr(target, part)
        return True
    return False


def test_modules_and_functions_that_are_cited_exist() -> None:
    rooms = "metering|ingest|streams|storage|dashboards|simulators|kvartal"
    cited = {
        (cite, name)
        for name, text in TEXTS.items()
        for cite in re.findall(rf"`((?:{rooms})(?:\.\w+)+)(?:\(\))?`", text)
        if not cite.endswith((".py", ".db", ".toml"))
    }
    assert cited
    assert [each for each in sorted(cited) if not exists(each[0])] == []
