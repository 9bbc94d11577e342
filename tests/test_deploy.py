"""What deploy/ holds: units and manifests that say what the product does, hardened."""

import re
import shutil
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from etl.daemon_table import DaemonTable
from schedules.cli import tallybook

# By name: it comes without types.
yaml: Any = import_module("yaml")
DEPLOY = Path(__file__).resolve().parent.parent / "deploy"


def manifests(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def pods() -> list[dict[str, Any]]:
    deployment, job = manifests("kubernetes.yaml")
    return [
        deployment["spec"]["template"]["spec"],
        job["spec"]["jobTemplate"]["spec"]["template"]["spec"],
    ]


def test_only_one_daemon_is_deployed_and_snapshots_by_the_clock_never_overlap() -> None:
    deployment, job = manifests("kubernetes.yaml")

    assert (deployment["spec"]["replicas"], deployment["spec"]["strategy"]) == (
        1,
        {"type": "Recreate"},
    )
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    assert job["spec"]["suspend"] is True


@pytest.mark.parametrize("pod", pods(), ids=["daemon", "snapshot"])
def test_pods_have_no_rights_that_they_do_not_need(pod: dict[str, Any]) -> None:
    (container,) = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}
    assert container["args"][-1] in tallybook.commands


def test_probes_ask_where_the_daemon_answers() -> None:
    (container,) = pods()[0]["containers"]
    port = DaemonTable().listen.rpartition(":")[2]

    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["ports"] == [{"name": "http", "containerPort": int(port)}]
    assert f":{port}/healthz" in (DEPLOY / "Dockerfile").read_text()


def test_the_composed_daemon_is_read_only_and_listens_to_no_stranger() -> None:
    (composed,) = manifests("docker-compose.yml")
    service = composed["services"]["tallybook"]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "ports" not in service
    assert all(
        port.startswith("127.0.0.1:")
        for one in composed["services"].values()
        for port in one.get("ports", ())
    )


def test_the_image_runs_as_nobody_in_particular() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()

    assert "USER 10001" in lines
    assert lines[-2:] == ['ENTRYPOINT ["tallybook"]', 'CMD ["daemon"]']
    assert all(re.match(r"FROM \S+:\S*[0-9]", line) for line in lines if line.startswith("FROM"))


def test_the_unit_waits_for_readiness_and_ends_what_hangs() -> None:
    unit = dict(
        line.split("=", 1)
        for line in (DEPLOY / "tallybook.service").read_text().splitlines()
        if "=" in line and not line.startswith("#")
    )

    assert (unit["Type"], unit["ExecReload"]) == ("notify", "/bin/kill -HUP $MAINPID")
    assert unit["ExecStart"].endswith(" daemon")
    assert int(unit["TimeoutStopSec"]) > 10
    assert int(unit["WatchdogSec"]) > 10
    assert unit["ProtectSystem"] == "strict"


ANALYZE = shutil.which("systemd-analyze")


@pytest.mark.slow
@pytest.mark.skipif(ANALYZE is None, reason="no systemd-analyze here")
def test_systemd_finds_the_unit_right_and_safe(tmp_path: Path) -> None:
    unit = tmp_path / "tallybook.service"
    # The program is not installed where the unit says.
    content = (DEPLOY / "tallybook.service").read_text()
    unit.write_text(content.replace("/usr/local/bin/tallybook", "/bin/true"))
    verify, security = (
        subprocess.run(
            ["systemd-analyze", *words, unit], capture_output=True, text=True, check=False
        )
        for words in (["verify"], ["security", "--offline=yes"])
    )

    assert (verify.returncode, verify.stderr) == (0, "")
    level = re.search(r"exposure level for \S+: ([0-9.]+)", security.stdout)
    assert level, security.stdout + security.stderr
    assert float(level[1]) < 2.5
