"""Files of hosts and shares: what cmdlets see, change and are refused, on drives and over the network; and what a failing disk does."""
from __future__ import annotations

import hashlib
import time

import pytest

from lab import files, operator
from lab.backend import Backend
from lab.state import State
from lab.values import Instant

M, UTILITY, SECURITY = "Microsoft.PowerShell.Management\\", "Microsoft.PowerShell.Utility\\", "Microsoft.PowerShell.Security\\"
ESTATE = {"users": {"{domain}\\admin": {"password": "x"}, "{domain}\\reader": {"password": "y", "admin": False}},
          "hosts": {"n1": {}, "n2": {"drives": ["C", "E"]}},
          "shares": {r"\\n2\in$": {"path": r"E:\in", "access": {r"{domain}\N1$": "Change", "Everyone": "Read"}}, r"\\nas\old": {"writers": [r"CONTOSO\N1$"]}}}
READER = r"CONTOSO\reader"


@pytest.fixture
def host(console_of):
    return Disk(console_of(ESTATE))


class Disk:
    """Cmdlets on n1, named without their module, paths without their parameter."""

    def __init__(self, console):
        self.console, self.state = console, console.state

    def ok(self, name, path, host="n1", **given):
        return self.console.ok(host, name if "\\" in name else M + name, LiteralPath=[path], **given)

    def refused(self, name, path, user=None, **given):
        err = self.console.refused("n1", name if "\\" in name else M + name, user=user, LiteralPath=[path], **given)
        return err.fqid.split(",")[0], err.category

    def make(self, path, text="", host="n1"):
        self.console.ok(host, M + "New-Item", Path=[path], ItemType="File", Value=text, Force=True)

    def tree(self, path, host="n1"):
        return self.ok("Get-ChildItem", path, host=host, Recurse=True, Name=True)


# --- reading

def test_items_have_the_properties_of_windows(host):
    host.make(r"D:\data\Web.Config", "<a/>")
    seen, = host.ok("Get-Item", r"d:\DATA\web.config")
    expected = {"Name": "Web.Config", "FullName": r"D:\data\Web.Config", "Length": 4, "Extension": ".Config", "BaseName": "Web",
                "DirectoryName": r"D:\data", "IsReadOnly": False, "PSIsContainer": False}
    assert {name: seen.properties[name] for name in expected} == expected
    assert seen.properties["LastWriteTimeUtc"] == Instant(host.state.clock) and seen.properties["Attributes"].name == "Archive"
    folder, = host.ok("Get-Item", r"D:\data\.")
    assert (folder.type, folder.properties["Attributes"].number, "Length" in folder.properties) == ("System.IO.DirectoryInfo", 16, False)


def test_children_come_by_filter_depth_kind_and_wildcard(host):
    for path in (r"D:\a\b\c\deep.txt", r"D:\a\b\mid.log", r"D:\a\top.txt"):
        host.make(path)
    assert host.tree(r"D:\a") == ["b", "top.txt", r"b\c", r"b\mid.log", r"b\c\deep.txt"]
    assert host.ok("Get-ChildItem", r"D:\a", Depth=1, Name=True) == ["b", "top.txt", r"b\c", r"b\mid.log"]
    assert host.ok("Get-ChildItem", r"D:\a", Recurse=True, File=True, Filter="*.txt", Name=True) == ["top.txt", r"b\c\deep.txt"]
    assert [obj.properties["FullName"] for obj in host.console.ok("n1", M + "Get-ChildItem", Path=[r"D:\a\*\*.log"])] == [r"D:\a\b\mid.log"]
    assert host.console.ok("n1", M + "Get-ChildItem", Path=[r"D:\a\*.none"]) == []


def test_content_is_read_as_lines_as_one_text_and_as_bytes(host):
    host.ok("Set-Content", r"D:\t.txt", Value=["eins", "zw\u00f6lf"], Encoding="UTF8")
    assert host.ok("Get-Content", r"D:\t.txt") == ["eins", "zw\u00f6lf"] and host.ok("Get-Content", r"D:\t.txt", Tail=1) == ["zw\u00f6lf"]
    assert host.ok("Get-Content", r"D:\t.txt", TotalCount=1) == ["eins"] and host.ok("Get-Content", r"D:\t.txt", Raw=True) == ["eins\r\nzw\u00f6lf\r\n"]
    assert host.ok("Get-Item", r"D:\t.txt")[0].properties["Length"] == 17       # a mark, nine letters of which one takes two bytes, two line ends
    host.ok("Set-Content", r"D:\t.txt", Value=["\u00f6\u20ac\u4e00"], NoNewline=True)
    assert host.state.files.get("n1", r"D:\t.txt").content == b"\xf6\x80?"      # the host's own code page
    host.ok("Set-Content", r"D:\t.txt", Value=[0, 255], Encoding="Byte")
    assert host.ok("Get-Content", r"D:\t.txt", Encoding="Byte") == [0, 255]
    host.ok("Add-Content", r"D:\t.txt", Value=["x"], Encoding="Ascii")
    digest, = host.ok(UTILITY + "Get-FileHash", r"D:\t.txt")
    assert digest.properties["Hash"] == hashlib.sha256(b"\0\xffx\r\n").hexdigest().upper()
    host.ok("Clear-Content", r"D:\t.txt")
    assert host.ok("Get-Content", r"D:\t.txt", Raw=True) == []


def test_what_is_not_there_is_said_as_windows_says_it(host):
    assert host.refused("Get-ChildItem", r"D:\no") == ("PathNotFound", "ObjectNotFound")
    assert host.refused("Get-Content", r"Q:\no.txt") == ("DriveNotFound", "ObjectNotFound")
    assert host.refused("Set-Content", r"D:\no\x.txt", Value="x") == ("GetContentWriterDirectoryNotFoundError", "WriteError")
    assert host.refused("Get-Item", r"\\n2\none\x") == ("PathNotFound", "ObjectNotFound")
    assert host.ok("Test-Path", r"D:\no") == [False] and host.ok("Test-Path", "C:\\Windows", PathType="Leaf") == [False]
    assert host.refused("Get-Item", r"Env:\nothing")[0] == "PathNotFound"
    assert [obj.properties["Value"] for obj in host.ok("Get-Item", r"Env:\systemroot")] == [r"C:\Windows"]
    assert host.console.refused("n1", M + "Get-Item", Path=["file.txt"]).fqid.startswith("LabDoesNotModel")


@pytest.mark.parametrize("given, seen", [({}, "D:\\a"), ({"Leaf": True}, "b.txt"), ({"Qualifier": True}, "D:"), ({"NoQualifier": True}, "\\a\\b.txt"),
                                         ({"IsAbsolute": True}, True)])
def test_parts_of_paths(host, given, seen):
    assert host.console.ok("n1", M + "Split-Path", Path=[r"D:\a\b.txt"], **given) == [seen]
    assert host.console.ok("n1", M + "Join-Path", Path=["D:\\"], ChildPath=r"\a\b.txt") == [r"D:\a\b.txt"]
    assert host.console.refused("n1", M + "Join-Path", Path=["Q:\\"], ChildPath="x").fqid.startswith("DriveNotFound")


# --- changing

def test_copying_keeps_the_time_and_overwrites_and_moving_does_not(host):
    host.make(r"D:\a\x.txt", "old")
    host.state.move_clock(3600)
    host.ok("Copy-Item", r"D:\a", Destination=r"D:\b", Recurse=True)
    source, target = (host.ok("Get-Item", path)[0].properties for path in (r"D:\a\x.txt", r"D:\b\x.txt"))
    assert source["LastWriteTime"] == target["LastWriteTime"] and source["CreationTime"].iso < target["CreationTime"].iso
    host.ok("Set-Content", r"D:\a\x.txt", Value="new", NoNewline=True)
    host.ok("Copy-Item", r"D:\a\x.txt", Destination=r"D:\b")
    assert host.ok("Get-Content", r"D:\b\x.txt") == ["new"]
    assert host.refused("Move-Item", r"D:\a\x.txt", Destination=r"D:\b") == ("MoveFileInfoItemIOError", "WriteError")
    host.ok("Move-Item", r"D:\a\x.txt", Destination=r"D:\b", Force=True)
    assert host.tree(r"D:\a") == [] and host.refused("Copy-Item", r"D:\b\x.txt", Destination=r"D:\no\x.txt")[0] == "System.IO.DirectoryNotFoundException"


def test_a_folder_is_renamed_and_deleted_with_all_in_it_and_nothing_else(host):
    for path in (r"D:\set.partial\a\b.txt", r"D:\set.partial\c.txt", r"D:\set.partial2\other.txt", r"D:\setx.txt"):
        host.make(path, path)
    host.console.ok("n1", M + "Rename-Item", Path=r"D:\set.partial", NewName="set")
    assert host.tree(r"D:\set") == ["a", "c.txt", r"a\b.txt"] and host.ok("Test-Path", r"D:\set.partial") == [False]
    assert host.console.refused("n1", M + "Rename-Item", Path=r"D:\set", NewName="setx.txt").fqid.startswith("RenameItemIOError")
    assert host.refused("Remove-Item", r"D:\set")[0] == "LabDoesNotModel"       # it would ask
    host.ok("Remove-Item", r"D:\set", Recurse=True)
    assert host.tree("D:\\") == ["set.partial2", "setx.txt", r"set.partial2\other.txt"]


def test_new_items_say_what_is_there_already(host):
    host.make(r"D:\f.txt", "x")
    new = {"Path": [r"D:\f.txt"], "ItemType": "File"}
    assert host.console.refused("n1", M + "New-Item", **new).fqid.startswith("NewItemIOError")
    folder = {"Path": [r"D:\a\b"], "ItemType": "Directory"}
    host.console.ok("n1", M + "New-Item", **folder)
    assert host.console.refused("n1", M + "New-Item", **folder).category == "ResourceExists"
    assert host.console.ok("n1", M + "New-Item", **folder, Force=True)[0].properties["FullName"] == r"D:\a\b"
    assert host.console.refused("n1", M + "New-Item", Path=[r"Q:\a"], ItemType="Directory").fqid.startswith("DriveNotFound")


def test_times_and_the_read_only_attribute_are_assigned_to_the_live_object(host):
    host.make(r"D:\f.txt", "x")
    backend = Backend(host.state, "n1")
    seen, = host.ok("Get-Item", r"D:\f.txt")
    assert backend.assign(seen, "LastWriteTimeUtc", Instant("2026-01-02T03:04:05.0000000Z")).errors == []
    assert backend.assign(seen, "IsReadOnly", True).errors == []
    assert host.ok("Get-Item", r"D:\f.txt")[0].properties["LastWriteTime"].iso == "2026-01-02T03:04:05.0000000Z"
    assert host.refused("Set-Content", r"D:\f.txt", Value="y")[1] == "PermissionDenied" and host.refused("Remove-Item", r"D:\f.txt")[1] == "PermissionDenied"
    host.ok("Remove-Item", r"D:\f.txt", Force=True)


# --- rights

def test_who_may_read_write_and_delete_is_as_the_access_list_says(host):
    host.make(r"D:\keep\f.txt", "x")
    assert host.refused("Set-Content", r"D:\keep\f.txt", user=READER, Value="y") == ("GetContentWriterUnauthorizedAccessError", "PermissionDenied")
    assert host.refused("Remove-Item", r"D:\keep", user=READER, Recurse=True) == ("RemoveFileSystemItemUnAuthorizedAccess", "PermissionDenied")
    assert host.console.run("n1", M + "Get-Content", user=READER, LiteralPath=[r"D:\keep\f.txt"]).objects == ["x"]
    icacls(host, r"D:\keep", "/grant", READER + ":(OI)(CI)W")
    assert host.console.run("n1", M + "Set-Content", user=READER, LiteralPath=[r"D:\keep\f.txt"], Value="y").errors == []
    assert host.refused("Remove-Item", r"D:\keep\f.txt", user=READER)[1] == "PermissionDenied"        # writes, and may not delete
    icacls(host, r"D:\keep", "/inheritance:r", "/remove", READER, "/grant:r", r"*S-1-5-18:F", r"*S-1-5-32-544:(OI)(CI)F")
    assert host.refused("Get-Content", r"D:\keep\f.txt", user=READER)[0] == "GetContentReaderUnauthorizedAccessError"
    assert host.refused("Get-ChildItem", r"D:\keep", user=READER)[0] == "DirUnauthorizedAccessError"
    seen, = host.ok(SECURITY + "Get-Acl", r"D:\keep\f.txt")
    assert [(rule.properties["IdentityReference"].properties["Value"], rule.properties["IsInherited"]) for rule in seen.properties["Access"]] == [
        (files.SYSTEM, True), (files.ADMINISTRATORS, True)]
    icacls(host, r"D:\keep", "/deny", r"BUILTIN\Administrators:(DE,DC)")       # either right would do
    assert host.ok("Test-Path", r"D:\keep") == [True] and host.refused("Remove-Item", r"D:\keep\f.txt")[1] == "PermissionDenied"


def icacls(host, *arguments):
    answer, = host.console.steps("n1", {"exe": r"%SystemRoot%\System32\icacls.exe", "arguments": list(arguments)})
    assert answer["status"] == "ok" and answer["runs"][0]["items"][0][0] == 0, answer


# --- the network

def test_a_session_goes_to_no_other_server_and_its_own_shares_are_no_other(host):
    for name in ("Get-Item", "Get-ChildItem", "Get-Content"):
        assert host.refused(name, r"\\n2\in$") == ("ItemExistsUnauthorizedAccessError", "PermissionDenied")
    seen = host.console.run("n1", M + "Test-Path", LiteralPath=[r"\\n2\in$"])
    assert seen.objects == [False] and seen.errors[0].fqid.startswith("ItemExistsUnauthorizedAccessError")
    host.make(r"E:\in\x.txt", "x", host="n2")
    assert host.ok("Get-Content", r"\\N2.contoso.test\IN$\x.txt", host="n2") == ["x"]


def view(host, network):
    return files.View(host.state, "n1", files.SYSTEM, network)


def test_share_and_file_system_have_both_to_allow(host):
    computer = view(host, r"CONTOSO\N1$")
    computer.write(r"\\n2\in$\x.txt", b"from n1")
    assert host.tree(r"E:\in", host="n2") == ["x.txt"] and computer.read(r"\\n2\in$\x.txt") == b"from n1"
    for account in (READER, r"CONTOSO\N9$"):        # everyone may read the share, and Modify on the folder is for N1$ alone
        with pytest.raises(files.Problem, match="denied"):
            view(host, account).write(r"\\n2\in$\y.txt", b"")
    with pytest.raises(files.Problem, match="denied"):
        computer.list(r"\\n2\E$")
    computer.write(r"\\nas\old\z.txt", b"outside of the lab")
    assert [entry.name for entry in computer.list(r"\\nas\old")] == ["z.txt"]
    host.state.power("n2", False)
    with pytest.raises(files.Problem, match="missing"):
        computer.read(r"\\n2\in$\x.txt")


# --- damage

@pytest.mark.parametrize("size", [5, 10**12])
def test_a_failing_disk_changes_what_is_read_and_not_when_it_was_written(host, size):
    host.make(r"D:\f.bak")
    host.state.files.put(files.Entry("n1", r"D:\f.bak", content=b"whole", size=size, created=host.state.clock, modified=host.state.clock))
    seen = []
    for how in (None, "flip", "cut"):
        if how:
            host.state.move_clock(60)
            host.state.damage("n1", r"D:\f.bak", how)
        item, = host.ok("Get-Item", r"D:\f.bak")
        digest, = host.ok(UTILITY + "Get-FileHash", r"D:\f.bak")
        seen.append((item.properties["LastWriteTimeUtc"], digest.properties["Hash"], item.properties["Length"]))
    assert len({modified for modified, _hash, _size in seen}) == 1 and len({sha for _modified, sha, _size in seen}) == 3
    assert [length for _modified, _hash, length in seen] == [size, size, size - 1]
    host.state.damage("n1", r"D:\f.bak", "lose")
    assert host.ok("Test-Path", r"D:\f.bak") == [False]
    with pytest.raises(files.Problem, match="missing"):
        host.state.damage("n1", r"D:\f.bak")


def test_an_operator_works_with_files_over_the_wire(wire):
    endpoint = f"http://127.0.0.1:{wire.lab.port}/wsman/bts01"
    operator.act(endpoint, r"CONTOSO\svc-audit", "Lab-only-1", [
        {"call": M + "New-Item", "with": {"Path": [r"C:\temp"], "ItemType": "Directory"}},
        {"call": M + "Set-Content", "with": {"LiteralPath": [r"C:\temp\a.txt"], "Value": "x"}},
        {"id": "item", "call": M + "Get-Item", "with": {"LiteralPath": [r"C:\temp\a.txt"]}},
        {"set": "LastWriteTimeUtc", "input": "item", "with": {"value": {"$instant": "2026-01-01T00:00:00Z"}}}])
    with pytest.raises(operator.Failed, match="PermissionDenied"):
        operator.act(endpoint, r"CONTOSO\svc-audit", "Lab-only-1", [{"call": M + "Remove-Item", "with": {"LiteralPath": [r"\\vault02\vault\x"]}}])
    assert wire.lab.state.files.get("bts01", r"C:\temp\a.txt").modified == "2026-01-01T00:00:00.0000000Z"


def test_files_stay_when_the_lab_starts_again_and_many_of_them_slow_no_change_of_a_host(tmp_path, console_of):
    console = console_of(ESTATE)
    console.state.files.put_all(files.Entry("n2", rf"E:\in\{number:06}.dat", content=b"x", size=1, created="c", modified="m") for number in range(20_000))
    began = time.perf_counter()
    for number in range(20):
        console.ok("n2", M + "Set-Content", LiteralPath=[rf"E:\in\new{number}.txt"], Value="x")
    assert time.perf_counter() - began < 1
    assert len(console.ok("n2", M + "Get-ChildItem", LiteralPath=[r"E:\in"], Filter="new*", Name=True)) == 20
    first = State(str(tmp_path / "estate.sqlite"), {"hosts": {}}, "2026-11-24T08:00:00Z")
    first.files.put(files.Entry("n1", r"C:\x", content=b"kept", size=4))
    digest = first.state_hash()
    first.close()
    again = State(str(tmp_path / "estate.sqlite"))
    assert again.files.get("n1", "c:\\X").content == b"kept" and again.state_hash() == digest
    again.close()
