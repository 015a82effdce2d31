"""The examples of operations: they parse, and the flags in them are those of the command line."""

from __future__ import annotations

import configparser
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from portalctl.cli.run import run

EXAMPLES = Path(__file__).parents[2] / "examples" / "controller"
FOLDER = EXAMPLES / "kubernetes"


def kinds() -> dict[str, Any]:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    assert sorted(listed) == sorted(path.name for path in FOLDER.iterdir() if path.name != "kustomization.yaml")
    texts = [(FOLDER / name).read_text(encoding="utf-8") for name in listed]
    return {found["kind"]: found for text in texts for found in yaml.safe_load_all(text)}


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names have capitals
    parser.read(EXAMPLES / "portalctl.service", encoding="utf-8")
    return parser


def words_of(example: str) -> list[str]:
    if example == "systemd":
        return shlex.split(unit()["Service"]["ExecStart"])[1:]
    return [str(word) for word in kinds()["Deployment"]["spec"]["template"]["spec"]["containers"][0]["args"]]


@pytest.mark.parametrize("example", ["systemd", "kubernetes"])
def test_the_flags_are_those_of_the_command_line(example: str) -> None:
    command, *words = words_of(example)
    assert command == "run"
    context = run.make_context("run", list(words), resilient_parsing=False)
    assert context.params["git"] == "https://git.example/portals.git"
    assert context.params["modes"] == ("onboard",)


def test_the_deployment_is_restricted_and_probed() -> None:
    found = kinds()
    assert found.keys() == {"Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"}
    spec = found["Deployment"]["spec"]
    pod, (container,) = spec["template"]["spec"], spec["template"]["spec"]["containers"]
    assert spec["replicas"] == 2
    assert (pod["securityContext"]["runAsNonRoot"], pod["automountServiceAccountToken"]) == (True, False)
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    paths = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
    labels = spec["template"]["metadata"]["labels"]
    for kind, key in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
        assert found[kind]["spec"][key]["matchLabels"] == labels
    assert found["Service"]["spec"]["selector"] == labels
