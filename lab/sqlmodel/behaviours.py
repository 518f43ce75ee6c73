"""What the lab's SQL Servers do beyond the engine, and how that is known: (title, text, source, assumed)."""
from __future__ import annotations

BEHAVIOURS = (
    ("BACKUP",
     "Each log backup begins where the last one ended that was not copy-only, whoever made it; a full begins no chain but the first. "
     "911, 4208 (SIMPLE), 4214 (no full), 3035 (no base), 3201 (device) and 262 (no right), each followed by 3013.",
     "sql-docs: BACKUP, dbo.backupset; catalogue tsql.json (errors)",
     "how fast logs grow, sizes and durations; a device is checked by its share or drive letter; space never runs out; each backup has a file "
     "of its own"),
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
     "ALTER DATABASE SET of recovery model, page verification, statistics, state, PARTNER and HADR; ALTER AVAILABILITY GROUP of its options, replicas "
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
