"""What RESTORE tells of a backup file without restoring it.

Sources: sql-docs restore-statements-headeronly-, -filelistonly-, -labelonly- and -verifyonly-transact-sql.md (columns: catalogue tsql.json).
Assumed: each database has two files; columns of code page and locale are null; a tail of a log has no flag of its own.
"""
from __future__ import annotations

from lab.sqlmodel import rows
from lab.sqlmodel.restore_syntax import failed
from lab.tsql.problem import Rows
from lab.tsql.store import CATALOGUE

TYPES = {"D": (1, "DATABASE"), "L": (2, "TRANSACTION LOG"), "I": (5, "DATABASE DIFFERENTIAL")}
FLAGS = {"has_bulk_logged_data": 1, "is_snapshot": 2, "is_readonly": 4, "is_single_user": 8, "has_backup_checksums": 16, "is_damaged": 32}
HEADER = {  # columns of HEADERONLY that are named otherwise in backupset
    "BackupName": "name", "BackupDescription": "description", "DatabaseCreationDate": "database_creation_date", "DatabaseBackupLSN": "database_backup_lsn",
    "UnicodeLocaleId": "unicode_locale", "UnicodeComparisonStyle": "unicode_compare_style", "SoftwareVersionMajor": "software_major_version",
    "SoftwareVersionMinor": "software_minor_version", "SoftwareVersionBuild": "software_build_version", "BindingID": "database_guid",
    "RecoveryForkID": "last_recovery_fork_guid", "FamilyGUID": "family_guid", "Collation": "collation_name", "IsReadOnly": "is_readonly",
    "HasIncompleteMetaData": "has_incomplete_metadata", "FirstRecoveryForkID": "first_recovery_fork_guid", "BackupSetGUID": "backup_set_uuid"}


def tell(wanted, header):
    """What HEADERONLY (of a list of headers), FILELISTONLY and LABELONLY tell; VERIFYONLY tells nothing. Raises Failed 3187."""
    if wanted.what == "VERIFYONLY":
        if wanted.options.get("CHECKSUM") and not header["has_backup_checksums"]:
            raise failed(wanted, (3187, 16, "RESTORE WITH CHECKSUM cannot be specified because the backup set does not contain checksum information."))
        return None
    columns = CATALOGUE["results"][wanted.word]
    told = {"HEADERONLY": lambda: [_headeronly(one, wanted.path, columns) for one in header],
            "FILELISTONLY": lambda: [_file(header, file) for file in header["files"]],
            "LABELONLY": lambda: [_label(header)]}[wanted.what]()
    return Rows(columns, [[row.get(column) for column in columns] for row in told])


def _headeronly(header, path, columns):
    number, words = TYPES[header["type"]]
    plain = {column.replace("_", ""): value for column, value in header.items()}
    row = {column: header.get(HEADER[column]) if column in HEADER else plain.get(column.casefold()) for column in columns}
    return row | {
        "BackupType": number, "BackupTypeDescription": words, "Compressed": header["compressed"], "DeviceType": _device(path), "SortOrder": 0, "CodePage": 0,
        "RecoveryModel": header["recovery_model"].replace("_", "-"), "containment": 0, "IsForceOffline": header["is_force_offline"],
        "Flags": sum(flag for column, flag in FLAGS.items() if header[column])}


def _device(path):
    return 109 if path.casefold().startswith("http") else 102


def _file(header, file):
    data = file["type"] == 0
    return {"LogicalName": file["name"], "PhysicalName": file["physical_name"], "Type": "D" if data else "L", "FileGroupName": "PRIMARY" if data else None,
            "Size": file["size"] * 8192, "MaxSize": 35184372080640 if file["max_size"] < 0 else file["max_size"] * 8192, "FileID": file["file_id"],
            "CreateLSN": rows.lsn(0), "DropLSN": rows.lsn(0), "UniqueID": file["file_guid"], "ReadOnlyLSN": rows.lsn(0), "ReadWriteLSN": rows.lsn(0),
            "BackupSizeInBytes": header["backup_size"] if data and header["type"] != "L" else 0, "SourceBlockSize": 512,
            "FileGroupID": 1 if data else 0, "DifferentialBaseLSN": rows.lsn(0), "DifferentialBaseGUID": "00000000-0000-0000-0000-000000000000",
            "IsReadOnly": 0, "IsPresent": 1}


def _label(header):
    return {"MediaSetId": header["media"], "FamilyCount": 1, "FamilySequenceNumber": 1, "MediaFamilyId": rows.guid("family", header["media"]),
            "MediaSequenceNumber": 1, "MediaLabelPresent": 0, "SoftwareName": "Microsoft SQL Server", "SoftwareVendorId": header["software_vendor_id"],
            "MediaDate": header["backup_finish_date"], "Mirror_Count": 1, "IsCompressed": header["compressed"]}
