"""The import contracts of pyproject.toml are complete, and break when they are broken."""

from __future__ import annotations

import ast
import glob
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.places import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LINTER = PROJECT["tool"]["importlinter"]
ROOMS: list[str] = LINTER["root_packages"]
CONTRACTS = {contract["name"]: contract for contract in LINTER["contracts"]}
PURE = CONTRACTS["The floor and the pure files do no I/O"]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FILES = {name_of(path): path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def imports_of(name: str) -> Iterator[str]:
    """Modules that `name` imports anywhere in its text, within functions too."""
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{name}: rooms import by full names"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def pure_modules() -> set[str]:
    """Modules from which no chain of imports leads to a forbidden one."""
    ignored = set(PURE["ignore_imports"])
    imports = {
        name: {module for module in imports_of(name) if f"{name} -> {module.split('.')[0]}" not in ignored}
        for name in FILES
    }
    forbidden = set(PURE["forbidden_modules"])
    impure = {name for name in FILES if forbidden & {module.split(".")[0] for module in imports[name]}}
    while more := {name for name in FILES.keys() - impure if imports[name] & impure}:
        impure |= more
    return FILES.keys() - impure


def listed(module: str) -> bool:
    """Whether the pure list names the module or a package around it."""
    return any(module == source or module.startswith(f"{source}.") for source in PURE["source_modules"])


def test_the_pure_list_names_every_pure_module_and_no_other() -> None:
    files = {name for name, path in FILES.items() if path.name != "__init__.py"}
    assert {name for name in files if listed(name)} == files & pure_modules()


def test_the_modules_that_contracts_name_exist() -> None:
    assert set(PURE["source_modules"]) <= FILES.keys()


def test_pure_modules_open_nothing_and_ask_no_clock() -> None:
    for name in filter(listed, FILES):
        for node in ast.walk(TREES[name]):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in {"open", "print", "input", "__import__"}, f"{name} calls {called}"
                assert not re.search(r"\bdate(time)?\.(now|today|utcnow)$", called), f"{name} calls {called}"


@pytest.mark.parametrize("package", PROJECT["tool"]["setuptools"]["package-data"])
def test_package_data_names_files_that_exist(package: str) -> None:
    for pattern in PROJECT["tool"]["setuptools"]["package-data"][package]:
        matches = glob.glob(pattern, root_dir=ROOT / package, recursive=True)  # as setuptools does
        assert any((ROOT / package / match).is_file() for match in matches), f"{package}: {pattern}"


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rooms and their contracts, to be broken."""
    root = tmp_path_factory.mktemp("rooms")
    for path in FILES.values():
        copy = root / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    shutil.copyfile(ROOT / "pyproject.toml", root / "pyproject.toml")
    return root


def broken(root: Path) -> set[str]:
    """Names of the contracts that `lint-imports` finds broken in `root`."""
    linter = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run(
        [linter, "--no-cache"],
        cwd=root,
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    names = set(re.findall(r"^(.+) BROKEN\b", ran.stdout, re.MULTILINE))
    assert (ran.returncode != 0) == bool(names), ran.stdout + ran.stderr
    return names


def test_the_contracts_are_kept(copied: Path) -> None:
    assert broken(copied) == set()


ORDER = "Rooms stand on each other in one order"
FLOOR_ORDER = "The rooms of the floor stand on each other in one order"
WORDS_ONLY = "dashboards hold words and pictures: they neither calculate nor fit"
NO_IO = "The floor and the pure files do no I/O"


@pytest.mark.parametrize(
    ("module", "imported", "contracts"),
    [
        ("metering.times", "streams.step", {ORDER}),
        ("storage.contract", "ingest.reasons", {ORDER}),
        ("dashboards.grafana.annotate", "streams.step", {"dashboards know storage and metering only"}),
        ("dashboards.contract_rows", "numpy", {WORDS_ONLY}),
        ("dashboards.page.story", "metering.baselines.fit", {WORDS_ONLY}),
        ("metering.savings.worth", "metering.alerts.verdict", {FLOOR_ORDER}),
        ("simulators.publish", "storage.schema", {"simulators know ingest and metering only"}),
        ("metering.times", "socket", {NO_IO}),
        ("streams.steps.virtual", "time", {NO_IO}),
        ("streams.steps.watch", "streams.worker", {NO_IO}),
        ("kvartal.worker", "faust", {"One file knows Faust"}),
        ("kvartal.mock_cluster", "mode.utils", {"One file knows Faust"}),
        ("kvartal.run", "paho.mqtt.client", {"Two files know paho"}),
        ("streams.worker", "confluent_kafka", {"One file knows confluent-kafka"}),
        ("storage.influx_reader", "influxdb_client", {"One file knows influxdb-client"}),
        ("kvartal.audit", "sqlite3", {"Five files of storage know SQLite"}),
        ("kvartal.cli.main", "apprise", {"One file knows Apprise"}),
        ("dashboards.grafana.write", "grafana_client", {"One file knows grafana-client"}),
    ],
)
def test_a_contract_that_is_broken_fails(
    copied: Path, module: str, imported: str, contracts: set[str]
) -> None:
    path = copied / FILES[module].relative_to(ROOT)
    text = path.read_text(encoding="utf-8")
    path.write_text(f"{text}\n\ndef _late() -> None:\n    import {imported}\n", encoding="utf-8")
    try:
        assert contracts <= broken(copied)
    finally:
        path.write_text(text, encoding="utf-8")
