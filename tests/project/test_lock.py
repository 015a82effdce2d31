"""The lock files fit pyproject.toml, and every package in them has hashes. To renew them: `bash .ci/relock`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OPTIONAL = PROJECT["project"]["optional-dependencies"]
BUILD = PROJECT["build-system"]["requires"]
CONTROLLER = [line for extra in ("ldap", "google", "controller", "postgres") for line in OPTIONAL[extra]]
EXTRAS = [line for extra in OPTIONAL.values() for line in extra]
RENEW = "pyproject.toml and the lock differ; run: bash .ci/relock"
ENTRY = re.compile(r"^(\S+==\S+(?: ; [^\\\n]+)?)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n", re.MULTILINE)


def locked(file: str) -> dict[str, Requirement]:
    """The requirements of a lock file by name. Fails for anything that has no hash."""
    text = (ROOT / ".ci" / file).read_text(encoding="utf-8")
    assert re.sub(r"^#.*\n", "", ENTRY.sub("", text), flags=re.MULTILINE) == ""
    found = [Requirement(entry[0]) for entry in ENTRY.findall(text)]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("requirements.txt", [*PROJECT["project"]["dependencies"], *BUILD, *OPTIONAL["ldap"]]),
        ("requirements-controller.txt", [*PROJECT["project"]["dependencies"], *BUILD, *CONTROLLER]),
        ("requirements-ci.txt", [*PROJECT["project"]["dependencies"], *BUILD, *EXTRAS]),
    ],
)
def test_the_lock_has_a_version_with_hashes_for_each_dependency(file: str, wanted: list[str]) -> None:
    pins = locked(file)
    for requirement in map(Requirement, wanted):
        pin = pins.get(canonicalize_name(requirement.name))
        assert pin is not None, f"{requirement.name}: {RENEW}"
        (version,) = pin.specifier
        assert requirement.specifier.contains(version.version), f"{requirement}, locked {pin}: {RENEW}"


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-controller.txt"])
def test_all_locks_have_the_same_versions_and_test_tools_are_in_one_only(file: str) -> None:
    ours, everything = locked(file), locked("requirements-ci.txt")
    assert ours.keys() < everything.keys()
    assert all(everything[name].specifier == pin.specifier for name, pin in ours.items()), RENEW
    assert "pytest" not in ours


def test_npm_programs_are_locked_with_integrity() -> None:
    folder = ROOT / ".ci" / "npm"
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    packages = json.loads((folder / "package-lock.json").read_text())["packages"]
    assert packages.pop("")["dependencies"] == wanted
    assert all(re.fullmatch(r"sha512-[\w+/=]+", package["integrity"]) for package in packages.values())
    assert all(re.fullmatch(r"[\d.]+", version) for version in wanted.values())


LINUX = "x86_64-unknown-linux-gnu"
PLATFORMS = (LINUX, "aarch64-unknown-linux-gnu", "x86_64-unknown-linux-musl", "aarch64-apple-darwin")


@pytest.mark.peer
@pytest.mark.parametrize(
    ("file", "python", "platform"),
    [
        *(("requirements.txt", python, LINUX) for python in ("3.11", "3.12", "3.13", "3.14")),
        *(("requirements.txt", "3.13", platform) for platform in PLATFORMS[1:]),
        *(("requirements-controller.txt", "3.13", platform) for platform in PLATFORMS[:2]),
        *(("requirements-ci.txt", python, LINUX) for python in ("3.11", "3.14")),
    ],
)
def test_the_lock_is_complete_and_has_a_wheel_for(tmp_path: Path, file: str, python: str, platform: str) -> None:
    """A missing dependency of a dependency, or one without a wheel, is an error of uv's."""
    words = [
        "--python-version",
        python,
        "--python-platform",
        platform,
        "--target",
        str(tmp_path),
        "--only-binary",
        ":all:",
    ]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "uv",
            "pip",
            "install",
            "--dry-run",
            "--require-hashes",
            *words,
            "-r",
            ROOT / ".ci" / file,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.peer
def test_pip_accepts_the_lock_on_this_python(tmp_path: Path) -> None:
    words = [
        "install",
        "--dry-run",
        "--ignore-installed",
        "--target",
        str(tmp_path),
        "--require-hashes",
        "--only-binary",
        ":all:",
    ]
    done = subprocess.run(
        [sys.executable, "-I", "-m", "pip", *words, "-q", "-r", ROOT / ".ci" / "requirements.txt"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.peer
def test_bandit_finds_nothing_unexplained() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bandit", "-q", "-c", "pyproject.toml", "-r", "portalctl"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
