"""Finds out how many small mutations of the core the tests notice: `make mutate SAMPLE=200 SEED=1`.

Each mutant is imported in place of its module by a process of its own, in which the tests of that module
run (`mutation_tests.py`) until one fails. Nothing is written to the source tree. What came out is kept in
`build/mutation`, so that a run that was broken off goes on where it was; mutants that survived are tried
again, as tests may have come since.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import hashlib
import importlib
import importlib.machinery
import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml
from mutants import Mutant, mutant_at, places_of
from mutation_tests import MUTATED, tests_of

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "build" / "mutation"
EQUIVALENT = ROOT / "scripts" / "equivalent_mutants.yaml"
PASSED, TOO_LONG = 0, -1


def main() -> int:
    """Try a sample of mutants, print the survivors and the share that was killed."""
    options = _options()
    users = load_everything()
    mutants = list(sample(options.sample, options.seed, options.only))
    log = RESULTS / "results.jsonl"
    known = _read(log)
    due = [mutant for mutant in mutants if known.get(digest(mutant), PASSED) == PASSED]
    print(f"{len(mutants)} mutants, {len(mutants) - len(due)} of them killed before", flush=True)
    for number, (mutant, status) in enumerate(tried(due, users, options.jobs, options.timeout), 1):
        known[digest(mutant)] = status
        _write(log, status, mutant)
        verdict = {PASSED: "SURVIVED", TOO_LONG: "killed (too long)"}.get(status, "killed")
        place = mutant.place
        print(f"{number}/{len(due)} {place.path}:{place.line} {place.operator}: {verdict}", flush=True)
    _report(mutants, [m for m in mutants if known[digest(m)] == PASSED])
    return 0


def sample(count: int, seed: int, only: str) -> Iterator[Mutant]:
    """Yield so many mutants, drawn from all places of all files whose path has `only` in it."""
    names = [str(path.relative_to(ROOT)) for path in _files(MUTATED)]
    sources = {name: (ROOT / name).read_text() for name in names if only in name}
    places = [place for name, source in sources.items() for place in places_of(name, source)]
    random.Random(seed).shuffle(places)
    print(f"{len(places)} places in {len(sources)} files", flush=True)
    found = 0
    for place in places:
        if found == count:
            return
        mutant = mutant_at(place, sources[place.path])
        if mutant is not None:
            found += 1
            yield mutant


def tried(
    mutants: Sequence[Mutant], users: dict[str, set[str]], jobs: int, timeout_s: float
) -> Iterator[tuple[Mutant, int]]:
    """Yield each mutant with the exit status of its tests; `TOO_LONG` if they had to be ended."""
    waiting, running = list(mutants[::-1]), dict[int, tuple[Mutant, float]]()
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            running[_start(mutant, users)] = mutant, time.monotonic() + timeout_s
        for child, (mutant, end) in list(running.items()):
            done, status = os.waitpid(child, os.WNOHANG)
            is_late = not done and time.monotonic() > end
            if is_late:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
            if done or is_late:
                del running[child]
                yield mutant, os.waitstatus_to_exitcode(status) if done else TOO_LONG
        time.sleep(0.1)


def _start(mutant: Mutant, users: dict[str, set[str]]) -> int:
    child = os.fork()
    if child == 0:
        os.setsid()
        _run_tests(mutant, users)
    return child


def _run_tests(mutant: Mutant, users: dict[str, set[str]]) -> None:
    """Import the mutant in place of its module, run its tests, and exit with their status."""
    import pytest

    os.chdir(ROOT)
    output = os.open(os.devnull, os.O_WRONLY)
    os.dup2(output, 1)
    os.dup2(output, 2)
    _replace(str(ROOT / mutant.place.path), mutant.source.encode())
    _forget(_module_of(mutant.place.path), users)
    code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests_of(mutant.place.path)])
    os._exit(int(code))


def load_everything() -> dict[str, set[str]]:
    """Import the core as the tests do, once for all processes to come; return who imports each module."""
    sys.path[:0] = [str(ROOT), str(ROOT / "test")]
    for module in ("numpy", "pytest", "scipy.cluster", "scipy.spatial", "scipy.optimize", "conftest"):
        importlib.import_module(module)
    users: dict[str, set[str]] = {}
    for path in _files(MUTATED):
        importlib.import_module(_module_of(str(path.relative_to(ROOT))))
    for name in [name for name in sys.modules if name.startswith("autoseg3d_core.")]:
        file = sys.modules[name].__file__
        for node in ast.walk(ast.parse(Path(file).read_text())) if file else ():
            if isinstance(node, ast.ImportFrom) and node.module:
                for used in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                    users.setdefault(used, set()).add(name)
    return users


def _forget(name: str, users: dict[str, set[str]]) -> None:
    """Let a module and all that use it be imported anew."""
    if name in sys.modules:
        del sys.modules[name]
        package, _, short = name.rpartition(".")
        if package in sys.modules:
            vars(sys.modules[package]).pop(short, None)
        for user in users.get(name, ()):
            _forget(user, users)


def _module_of(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


def _files(patterns: Sequence[str]) -> list[Path]:
    found = [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    return [path for path in found if path.name != "__init__.py"]


def _replace(path: str, source: bytes) -> None:
    """Let Python's own loader read this source for a path, and no compiled file of it."""
    loader = importlib.machinery.SourceFileLoader
    get_data, path_stats = loader.get_data, loader.path_stats
    sys.dont_write_bytecode = True

    def mutated_data(self: importlib.machinery.SourceFileLoader, asked: str) -> bytes:
        return source if asked == path else get_data(self, asked)

    def mutated_stats(self: importlib.machinery.SourceFileLoader, asked: str) -> object:
        return {"mtime": 1, "size": len(source)} if asked == path else path_stats(self, asked)

    loader.get_data, loader.path_stats = mutated_data, mutated_stats  # type: ignore[method-assign,assignment]


def digest(mutant: Mutant) -> str:
    """Return what tells a mutant from all others."""
    return hashlib.sha256((mutant.place.path + mutant.source).encode()).hexdigest()


def _read(log: Path) -> dict[str, int]:
    if not log.exists():
        return {}
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    return {row["key"]: row["status"] for row in rows}


def _write(log: Path, status: int, mutant: Mutant) -> None:
    row = {"key": digest(mutant), "status": status, **dataclasses.asdict(mutant.place)}
    with log.open("a") as file:
        file.write(json.dumps({**row, "before": mutant.before, "after": mutant.after}) + "\n")


def _report(mutants: list[Mutant], survivors: list[Mutant]) -> None:
    entries = yaml.safe_load(EQUIVALENT.read_text()) or []
    equivalent = {(entry["file"], entry["before"], entry["after"]) for entry in entries}
    same = [m for m in survivors if (m.place.path, m.before, m.after) in equivalent]
    for mutant in survivors:
        kind = "equivalent" if mutant in same else "SURVIVED"
        print(f"\n{kind} {mutant.place.path}:{mutant.place.line}\n- {mutant.before}\n+ {mutant.after}")
    others = len(mutants) - len(same)
    killed = len(mutants) - len(survivors)
    print(
        f"\n{killed} of {others} mutants killed ({100 * killed / max(others, 1):.1f} %); "
        f"{len(same)} more change nothing that anyone could see ({EQUIVALENT.name})"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sample", type=int, default=200, help="mutants to try")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--only", default="", help="in files whose path holds this")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds after which a mutant is killed")
    options = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    return options


if __name__ == "__main__":
    sys.exit(main())
