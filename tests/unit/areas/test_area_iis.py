from __future__ import annotations

import base64
import importlib.util
import json
import pathlib

import pytest

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer, backup_folder, batch, observed
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.areas import iis

_spec = importlib.util.spec_from_file_location("area_answers", pathlib.Path(__file__).with_name("answers.py"))
answers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(answers)

FIELD = pathlib.Path(__file__).resolve().parents[4] / "shared/real/platform/iis.jsonl"
CANARY = "Not'A\"Sec&ret<1"
HOST = """<?xml version="1.0" encoding="UTF-8"?>
<configuration>
  <configProtectedData><providers>
    <add name="AesProvider" type="Microsoft.ApplicationHost.AesProtectedConfigurationProvider" keyContainerName="iisConfigurationKey" sessionKey="AQ==" />
    <add name="IISWASOnlyAesProvider" type="x" keyContainerName="iisWasKey" />
    <add name="IISWASOnlyCngProvider" type="Microsoft.ApplicationHost.CngProtectedConfigurationProvider" keyContainerName="iisCngWasKey" />
  </providers></configProtectedData>
  <system.applicationHost>
    <applicationPools>
      <add name="BTS" managedRuntimeVersion="v4.0" enable32BitAppOnWin64="true">
        <processModel identityType="SpecificUser" userName="C\\a" password="[enc:A:x=:enc]" /></add>
      <add name="Old"><processModel identityType="SpecificUser" userName="C\\b" password="PASSWORD" /></add>
      <add name="Own"><processModel /></add>
    </applicationPools>
    <configHistory path="%systemdrive%\\ConfSnapshots" maxHistories="20" />
    <sites>
      <site name="Default Web Site" id="1">
        <application path="/"><virtualDirectory path="/" physicalPath="%SystemDrive%\\inetpub\\wwwroot" /></application>
        <application path="/In" applicationPool="BTS"><virtualDirectory path="/" physicalPath="D:\\BizTalk\\In\\" /></application>
        <application path="/Sub" applicationPool="BTS"><virtualDirectory path="/" physicalPath="d:\\biztalk\\in\\sub" /></application>
        <application path="/Far" applicationPool="BTS"><virtualDirectory path="/" physicalPath="\\\\fs01\\web" /></application>
        <bindings><binding protocol="http" bindingInformation="*:80:" /><binding protocol="https" bindingInformation="*:443:" /></bindings>
      </site>
    </sites>
  </system.applicationHost>
</configuration>""".replace("PASSWORD", CANARY.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;"))
LOCAL = '<configuration><configurationRedirection enabled="false" /></configuration>'
SHARED = r'<configuration><configurationRedirection enabled="true" path="\\vault01\c$" userName="u" password="%s" /></configuration>'


def file(name, folder=r"C:\Windows\System32\inetsrv\config"):
    return {"Name": name, "FullName": f"{folder}\\{name}", "Length": 10, "LastWriteTimeUtc": "2026-11-01T00:00:00Z"}


def said(text="", code=0):
    return [code, {"$bytes": base64.b64encode(text.encode()).decode()}, {"$bytes": ""}, False]


ROWS = {
    "iis_root": [[{"Value": r"C:\Windows"}]], "iis_drive": [[{"Value": "C:"}]], "iis_setup": [[{"VersionString": "Version 10.0"}]],
    "iis_components": [[{"PSChildName": "Components", "Property": ["W3SVC", "ASPNET45"]}]],
    "iis_files": [[file("redirection.config"), file("applicationHost.config")]], "iis_files_texts": [[{".": LOCAL}], [{".": HOST}]],
    "iis_backup_root": [[{".": r"C:\Windows\System32\inetsrv\backup"}]],
    "iis_backups": [[{"Name": name, "FullName": rf"C:\b\{name}", "CreationTimeUtc": "2026-11-20T00:00:00Z"}
                     for name in ("Before patch", "CFGHISTORY_0000000004")]],
    "iis_backup_files": [[{"DirectoryName": r"c:\b\before patch", "Name": "applicationHost.config", "Length": 7}]],
    "iis_appcmd": [[said('BACKUP "Before patch"\r\nBACKUP "CFGHISTORY_0000000004"\r\n')]],
    "iis_bindings": [[{"PSChildName": "0.0.0.0:443", "SslCertHash": {"$bytes": base64.b64encode(b"\xab" * 20).decode()}}],
                     [answers.error(fqid="PathNotFound,X")]],
    "iis_certificates": [[{"Thumbprint": "AB" * 20, "Subject": "CN=x", "NotAfter": "2027-01-01T00:00:00Z", "HasPrivateKey": True,
                           "PrivateKey.CspKeyContainerInfo.Exportable": True}], []],
    "iis_set_folder": [[{".": r"C:\Windows\biztalk.fault_tolerance\backup"}]],
}


def answered(**changes):
    rows, steps = {**ROWS, **changes}, {}
    for step in iis.steps({}):
        runs = []
        for run in rows.get(step["id"], [[]]):
            values = [part for part in run if not (isinstance(part, dict) and "fqid" in part)]
            runs.append(answer.Run([value if "exe" in step else answers.row(step.get("select", ()), value) for value in values],
                                   [part for part in run if isinstance(part, dict) and "fqid" in part], []))
        steps[step["id"]] = answer.StepAnswer(step["id"], "ok", "", runs)
    return iis.shape(answer.AreaAnswer("iis", 0.1, steps, 850))


def test_the_batch_is_of_the_agreed_form():
    texts = [json.dumps(batch.batch({"iis": iis.steps(variables)}, "0" * 16)) for variables in ({}, {"backup_folder": r"E:\sets"})]
    assert ['"ChildPath": "sets"' in text for text in texts] == [False, True]


def test_a_web_server_is_told_by_its_files():
    found = answered()
    assert not list(observed.holes(found))
    assert found["history"] == {"enabled": True, "path": r"%systemdrive%\ConfSnapshots", "kept": 20}
    assert [(one["name"], one["cng"]) for one in found["key_containers"]] == [
        ("iisCngWasKey", True), ("iisConfigurationKey", False), ("iisWasKey", False)]
    assert [(pool["name"], pool["identity"], pool["account"], pool["only_32_bit"]) for pool in found["pools"]] == [
        ("BTS", "SpecificUser", "C\\a", True), ("Old", "SpecificUser", "C\\b", False), ("Own", "ApplicationPoolIdentity", None, False)]
    site, = found["sites"]
    assert site["bindings"] == ["http/*:80:", "https/*:443:"]
    assert [one["pool"] for one in site["applications"]] == ["DefaultAppPool", "BTS", "BTS", "BTS"]
    assert found["content"] == [{"path": r"\\fs01\web", "remote": True}, {"path": r"C:\inetpub\wwwroot", "remote": False},
                                {"path": r"D:\BizTalk\In", "remote": False}]
    assert found["backups"] == [{"name": "Before patch", "path": r"C:\b\Before patch", "created": "2026-11-20T00:00:00Z", "whole": True, "listed": True}]
    assert found["bindings"] == [{"address": "0.0.0.0:443", "thumbprint": "AB" * 20, "store": "My"}]
    assert found["components"] == ["ASPNET45", "W3SVC"] and found["sets"] == []


def test_a_password_in_clear_text_is_told_by_its_place_only():
    found = answered(iis_files_texts=[[{".": SHARED.replace("%s", "P&amp;" + "canary")}], [{".": HOST}]],
                     iis_shared_files=[[file("applicationHost.config", r"\\vault01\c$")]], iis_shared_files_texts=[[{".": HOST}]])
    assert found["shared"] == {"enabled": True, "path": r"\\vault01\c$", "user": "u", "clear_text_password": True}
    assert found["clear_text"] == ["redirection.config: configurationRedirection",
                                   "applicationHost.config: system.applicationHost/applicationPools/Old/processModel"]
    text = json.dumps(found)
    assert "canary" not in text and "ret<1" not in text and "[enc:" not in text and "AQ==" not in text


def test_shared_configuration_that_was_not_read_leaves_its_sites_unknown():
    found = answered(iis_files_texts=[[{".": SHARED}], [{".": HOST}]], iis_shared_files=[[answers.error(native=5)]])
    for name in ("sites", "pools", "key_containers", "content", "history"):
        assert found[name]["$unknown"]["reason"] == "denied", name
    assert observed.is_hole(found["files"][1]) and observed.is_hole(found["clear_text"][-1])


@pytest.mark.parametrize("text", ["<a", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "", "<a/><b/>"])
def test_what_is_no_plain_xml_is_refused_without_its_text(text):
    with pytest.raises(ValueError) as refused:
        iis.parse(text + ("" if text in ("", "<a") else f"<!--{CANARY}-->"))
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize(("step", "named"), [("iis_files", "files"), ("iis_backups", "backups"), ("iis_certificates", "certificates"),
                                             ("iis_bindings", "bindings"), ("iis_components", "components"), ("iis_frameworks", "frameworks")])
def test_what_was_not_read_is_unknown(step, named):
    found = answered(**{step: [[answers.error(native=5)]]})
    assert [hole["$unknown"]["reason"] for _path, hole in observed.holes(found[named])][:1] == ["denied"]


def test_a_list_of_appcmd_that_failed_proves_nothing():
    found = answered(iis_appcmd=[[said("ERROR", 5)]])
    assert observed.is_hole(found["backups"][0]["listed"])


NAME = "IIS01-iis-20261124T080000Z"


def sets(*texts, access="O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"):
    names = [f"IIS01-iis-2026112{number}T080000Z" for number in range(len(texts))]
    there = [(name, text) for name, text in zip(names, texts) if text is not None]
    return answered(iis_sets=[[{"Name": name, "FullName": rf"E:\{name}"} for name in [*names, "notes-iis-old"]]],
                    iis_set_index=[[{"DirectoryName": rf"E:\{name}"} for name, _text in there]],
                    iis_set_text=[[{".": text}] for _name, text in there], iis_set_access=[[{"Sddl": access}] for _name in [*names, ""]])["sets"]


def index(name, **changes):
    return json.dumps({"schema": 1, "set": name, "kind": "iis", "host": "IIS01", "parts": [
        {"name": "configuration", "path": "configuration", "complete": True, "why_not": ""}], **changes})


def test_a_set_counts_only_with_its_own_whole_index():
    good, other = index("IIS01-iis-20261120T080000Z"), index("IIS01-iis-20261120T080000Z")
    found = sets(good, None, other, good[:-5], index("IIS01-iis-20261124T080000Z", schema=9))
    assert [one["complete"] for one in found] == [True, False, False, False, False]
    assert found[0]["parts"][0]["complete"] and found[0]["protected"] and found[0]["taken_at"] == "2026-11-20T08:00:00Z"
    assert all(one["why_not"] for one in found[1:])


@pytest.mark.parametrize(("access", "closed"), [
    ("O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)", True), ("O:BAG:SYD:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)", False),
    ("D:PAI(A;OICI;FA;;;SY)(A;OICI;0x1200a9;;;BU)", False), ("O:BAG:SYD:P", False), ("O:BAG:SY", False)])
def test_a_set_is_closed_when_only_system_and_administrators_may_open_it(access, closed):
    assert backup_folder.only_administrators(access) is closed


def test_the_sets_that_may_go_are_never_the_last_complete_one():
    def one(day, complete=True, host="IIS01"):
        return {"path": f"E:\\{host}{day}", "host": host, "taken_at": f"2026-11-{day:02}T08:00:00Z", "complete": complete}
    kept = [one(1), one(2), one(3, False), one(4), one(5, False), one(1, host="OTHER")]
    gone = backup_folder.surplus(kept, "iis01", 1, "2026-11-30T00:00:00Z")
    assert [part["path"] for part in gone] == ["E:\\IIS011", "E:\\IIS012", "E:\\IIS013"]
    assert backup_folder.surplus([one(1), one(2, False)], "IIS01", 0, "2026-11-30T00:00:00Z") == []
    assert backup_folder.surplus([one(1, False)], "IIS01", 1, "2026-11-30T00:00:00Z") == []


def test_every_record_of_the_field_is_read_to_its_truth():
    if not FIELD.exists():
        pytest.skip(f"{FIELD} is not here: 15 records of the field are not compared")
    readers = {
        "iis/appcmd": lambda text: {"name": iis.listed_names(text)[0], "verb": "list"},
        "iis/redirection": lambda text: iis.redirection(iis.parse(text)),
        "iis/configProtectedData": lambda text: {"key_containers": [one["name"] for one in iis.key_containers(iis.parse(f"<a>{text}</a>"))]},
        "iis/listing": lambda text: {"snapshots": sorted(number for line in text.splitlines() for number in [iis.history_number(line)] if number is not None)},
    }
    untaken = {"iis/cmdlet": "the configuration is read from its files, not by cmdlets that answer text", "iis/doc": "prose",
               "iis/confighistory": ""}
    for line in FIELD.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if record["id"] == "iis-009":
            seen = iis.history(iis.parse(f"<a>{record['text']}</a>"))
            assert (seen["kept"], seen["path"]) == (record["truth"]["max"], record["truth"]["path"])
            continue
        if record["topic"] not in readers:
            assert record["topic"] in untaken
            continue
        seen = readers[record["topic"]](record["text"])
        assert record.get("truth", {}).get("must_not_echo", CANARY) not in json.dumps(seen)
        assert {key: seen[key] for key in record.get("truth", {}) if key != "must_not_echo"} == {
            key: value for key, value in record.get("truth", {}).items() if key != "must_not_echo"}, record["id"]
