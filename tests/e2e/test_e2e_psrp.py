"""The same audit over PowerShell Remoting, by changing only the inventory: with an account that administers nothing."""
from __future__ import annotations

import yaml

READER = {"ansible_user": "CONTOSO\\svc-reader", "ansible_password": "Lab-only-2"}
NAMES = {"ansible_winrm_path": "ansible_psrp_path", "ansible_winrm_scheme": "ansible_psrp_protocol", "ansible_winrm_transport": "ansible_psrp_auth",
         "ansible_winrm_ca_trust_path": "ansible_psrp_ca_cert"}


def change(estate, **variables):
    """Gives every Windows host these variables; returns what is done with the inventory's other ones by *NAMES* under psrp."""
    def renamed(node):
        if not isinstance(node, dict):
            return node
        over = NAMES if variables.get("ansible_connection") == "psrp" else {}
        return {over.get(key, key): renamed(value) for key, value in node.items()}
    inventory = renamed(yaml.safe_load(estate.inventory.read_text(encoding="utf-8")))
    inventory["all"]["vars"].update(variables)
    estate.inventory.write_text(yaml.safe_dump(inventory), encoding="utf-8")


def findings(report):
    return {(f["control"], f["subject"]): f["status"] for f in report["findings"]}


ADMINISTRATORS_ONLY = {"farm", "master_secret", "vault", "web_server", "windows_backup"}


def test_a_non_administrator_audits_over_psrp_as_an_administrator_does_over_winrm(healthy):
    """What only administrators may read - files, images, access lists - is unknown then, and nothing is told otherwise."""
    by_winrm = findings(healthy.audit(check=0))
    change(healthy, ansible_connection="psrp", **READER)
    before = healthy.state_hash()
    by_psrp = findings(healthy.audit(name="psrp", check=0))
    assert set(by_psrp) == set(by_winrm)
    other = {key for key in by_winrm if by_psrp[key] != by_winrm[key]}
    assert {by_psrp[key] for key in other} == {"unknown"}
    assert {subject.partition(":")[0] for _control, subject in other} == ADMINISTRATORS_ONLY
    assert healthy.state_hash() == before
    assert {call["user"] for call in healthy.lab.call(healthy.lab.state.calls)} >= {"CONTOSO\\svc-reader"}


def test_winrm_refuses_the_same_account_and_the_message_names_psrp(healthy):
    change(healthy, **READER)
    report = healthy.audit()
    of_windows = {status for (_control, subject), status in findings(report).items() if subject.partition(":")[0] in ("host", "cluster", "dtc")}
    assert report["verdict"] == "cannot tell" and of_windows <= {"unknown", "not_applicable"}
    assert "psrp" in (healthy.last.stdout + healthy.last.stderr).replace("\n", " ")
