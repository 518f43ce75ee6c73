"""What the lab's SQL Servers do beyond the engine, and how that is known: (title, text, source, assumed)."""
from __future__ import annotations

BEHAVIOURS = (
    ("BACKUP",
     "Each log backup begins where the last one ended that was not copy-only, whoever made it; a full begins no chain but the first. A set is "
     "appended to its file, INIT and FORMAT overwrite it, NUL keeps nothing; BACKUP LOG WITH NORECOVERY leaves the database restoring. 911, 927, "
     "3036, 3101, 4208 (SIMPLE), 4214 (no full), 3035 (no base), 3201 (device) and 262 (no right), each followed by 3013.",
     "sql-docs: BACKUP, dbo.backupset, errors 3000-3999; catalogue tsql.json (errors)",
     "how fast logs grow, sizes and durations; a device is checked by its share or drive letter; space never runs out; a file is a header of JSON: LSNs, "
     "marks, forks, files; two instances do not append to one file at once"),
    ("RESTORE HEADERONLY, FILELISTONLY, LABELONLY, VERIFYONLY",
     "What the header of a backup file says, in the columns of SQL Server 2019. 262 without CREATE DATABASE, 3201 (no file, no folder), 3241 "
     "(damaged), 4038 (no such set), 3187 (no checksums), each followed by 3013.",
     "sql-docs: pages of the statements, errors 3000-3999 and 4000-4999; catalogue tsql.json (restore_result_columns)",
     "each database has two files; code page and locale are null; the tail of a log has no flag of its own"),
    ("RESTORE DATABASE, RESTORE LOG",
     "With NORECOVERY, RECOVERY, STANDBY, FILE, REPLACE, MOVE, STOPATMARK, STOPBEFOREMARK: a database is restoring, in standby or online; a log fits "
     "by its LSNs and its recovery fork, and recovery begins a fork. 102, 155, 3031; 262, 3110; 3101, 3102, 3104 (in use, in an availability group); 3117, "
     "3118, 3135, 3136, 3153, 3154, 3159, 3170, 3201, 3234, 3241, 4038, 4305 (too recent), 4326 (too early), 4330 (another path), 4335; 1834 and 5133 "
     "with 3156 and 3119 (no place for a file); 4329 is a message. msdb keeps restorehistory and the sets of other instances.",
     "sql-docs: RESTORE, sys.master_files (redo_start_lsn), sys.database_recovery_status, dbo.restorehistory, pages of errors up to 5999 (numbers, "
     "texts)",
     "which check comes first; 3104 for an availability group; 4335 for a mark that lies behind; of the content of a database only MarkLog follows, "
     "with the marks of the logs that were restored; nobody but sessions of the lab uses a database; it takes no time; system databases, STOPAT, "
     "PARTIAL and AFTER are refused"),
    ("BizTalk's backup procedures",
     "When a full is due, in the seven steps of the product; marks, sets, partial sets and numbers that are lost; paths and marks that are cut; "
     "compression with its second try, never of SSODB; the clean-up of 2020, by the order of mark names.",
     "reference backup-procedures.md §1 to §3 and §6 (product scripts of 2020, a database project of 2010)",
     "the newest full is that of the highest set id; the order of rows in the view; a week begins on Sunday; remote calls find their linked server"),
    ("SQL Server Agent",
     "Jobs, steps with their actions, daily and weekly schedules; what has become due runs when the clock moves and leaves the rows of a run: "
     "steps, outcome, activity, last run. Guards of availability groups, as IF around a step or as a step that raises an error.",
     "sql-docs: sysjobs and its kind; field records of ../shared/real/sql (messages h02, h04, h05, h10; jobs)",
     "a run begins some seconds late and is seen when it has surely ended; a job that somebody starts has ended at once; commands that are neither "
     "EXEC, BACKUP nor DBCC CHECKDB do nothing; an administrator trims the history of all jobs but the backup job"),
    ("Procedures of msdb",
     "sp_update_job, sp_update_jobstep, sp_add_jobstep, sp_delete_jobstep, sp_add_schedule, sp_update_schedule, sp_attach_schedule, "
     "sp_detach_schedule, sp_add_jobschedule, sp_start_job, sp_stop_job, sp_delete_job: 14261, 14262, 14266, 14287, 14288, 14294, 14371, 14373, "
     "22022.",
     "sql-docs: pages of the procedures, errors 14000-14999 (catalogue tsql.json)",
     "which check comes first; that ownership of a job gives no right"),
    ("Statements of an operator",
     "ALTER DATABASE MODIFY FILE (NAME, FILENAME), and SET of recovery model, page verification, statistics, state, PARTNER and HADR; "
     "ALTER AVAILABILITY GROUP of its options, replicas "
     "and listener; REVOKE of server rights, DROP LOGIN, CREATE CERTIFICATE, ALTER ENDPOINT of its certificate, sp_configure, RECONFIGURE, "
     "sp_addlinkedserver, sp_serveroption, sp_dropserver, sp_addserver 'local', sp_add_log_shipping_primary_database.",
     "sql-docs: pages of the statements; field records of ../shared/real/sqlha (states of replicas)",
     "every replica sees a change at once; no failover; where data movement is suspended 100 KB of log a second wait, and are sent at once when it "
     "resumes; a partner of mirroring answers and is synchronised at once; other replicas get a new certificate; log shipping shows no job; of "
     "BizTalk's own procedures only BACKUP notices that a database is offline"),
    ("Servers under an instance",
     "A clustered instance answers while its resource is online, shows its nodes and the owner of its group, and its Agent runs while that "
     "resource is online; any other follows its services.",
     "sql-docs: sys.dm_os_cluster_nodes, sys.dm_server_services, SERVERPROPERTY",
     "a failover takes no time; an instance whose server is not of the estate always answers"),
    ("Content",
     "An instance's own catalogue, the group of BizTalk Server 2020 with the hosts and instances of the estate's servers, 15 days of history made by "
     "running the Agent over BizTalk's procedures; a secondary sees its own states only.",
     "reference management-db.md, catalogue biztalkmgmt.json, domain-facts §8 and §11",
     "versions, sizes, paths, applications and adapters; step names and calls of the jobs that no record shows; tables of log shipping are not there"),
)
