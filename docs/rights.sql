-- Made by `python -m tools.rights` from the queries of the areas: for every instance. It gives one login what the audit reads and nothing
-- else: no server role, no BTS_OPERATORS, no SQLAgentReaderRole. It can be run again.
--   sqlcmd -S SERVER -b -v Login="CONTOSO\svc-audit" -i rights.sql
-- A Windows account is taken in as a login; a SQL Server login is made beforehand, with its password.

IF SUSER_ID(N'$(Login)') IS NULL
    CREATE LOGIN [$(Login)] FROM WINDOWS;
GO

USE [master];
GRANT VIEW ANY DATABASE TO [$(Login)];
GRANT VIEW ANY DEFINITION TO [$(Login)];
GRANT VIEW SERVER STATE TO [$(Login)];
GO

USE [master];
IF USER_ID(N'$(Login)') IS NULL
    CREATE USER [$(Login)] FOR LOGIN [$(Login)];
IF DATABASE_PRINCIPAL_ID(N'biztalk_fault_tolerance_reader') IS NULL
    CREATE ROLE [biztalk_fault_tolerance_reader];
ALTER ROLE [biztalk_fault_tolerance_reader] ADD MEMBER [$(Login)];
IF OBJECT_ID(N'dbo.bts_LogShippingHistory') IS NOT NULL
    GRANT SELECT ON [dbo].[bts_LogShippingHistory] TO [biztalk_fault_tolerance_reader];
IF OBJECT_ID(N'dbo.bts_LogShippingLastRestoreSet') IS NOT NULL
    GRANT SELECT ON [dbo].[bts_LogShippingLastRestoreSet] TO [biztalk_fault_tolerance_reader];
GO

USE [msdb];
IF USER_ID(N'$(Login)') IS NULL
    CREATE USER [$(Login)] FOR LOGIN [$(Login)];
IF DATABASE_PRINCIPAL_ID(N'biztalk_fault_tolerance_reader') IS NULL
    CREATE ROLE [biztalk_fault_tolerance_reader];
ALTER ROLE [biztalk_fault_tolerance_reader] ADD MEMBER [$(Login)];
GRANT SELECT ON [dbo].[backupmediafamily] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[backupmediaset] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[backupset] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[log_shipping_primary_databases] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[logmarkhistory] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[suspect_pages] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[syscategories] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[sysjobactivity] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[sysjobhistory] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[sysjobs] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[sysjobschedules] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[sysjobservers] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[sysjobsteps] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[sysoperators] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[sysschedules] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[syssessions] TO [biztalk_fault_tolerance_reader];
GO
