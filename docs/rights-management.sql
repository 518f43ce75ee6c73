-- Made by `python -m tools.rights` from the queries of the areas: for the instance that holds BizTalk's management database. It gives one login what the audit reads and nothing
-- else: no server role, no BTS_OPERATORS, no SQLAgentReaderRole. It can be run again.
--   sqlcmd -S SERVER -b -v Login="CONTOSO\svc-audit" -v Management="BizTalkMgmtDb" -i rights-management.sql
-- A Windows account is taken in as a login; a SQL Server login is made beforehand, with its password.

IF SUSER_ID(N'$(Login)') IS NULL
    CREATE LOGIN [$(Login)] FROM WINDOWS;
GO

USE [$(Management)];
IF USER_ID(N'$(Login)') IS NULL
    CREATE USER [$(Login)] FOR LOGIN [$(Login)];
IF DATABASE_PRINCIPAL_ID(N'biztalk_fault_tolerance_reader') IS NULL
    CREATE ROLE [biztalk_fault_tolerance_reader];
ALTER ROLE [biztalk_fault_tolerance_reader] ADD MEMBER [$(Login)];
GRANT VIEW DEFINITION TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[BizTalkDBVersion] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[adm_Adapter] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[adm_BackupHistory] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[adm_BackupSetId] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[adm_BackupSettings] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[adm_Group] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[adm_GroupSetting] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[adm_Host] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[adm_HostInstance] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[adm_HostInstanceZombie] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[adm_MessageBox] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[adm_OtherBackupDatabases] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[adm_ReceiveHandler] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[adm_ReceiveLocation] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[adm_SendHandler] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[adm_Server] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[adm_Server2HostMapping] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[admv_BackupDatabases] TO [biztalk_fault_tolerance_reader];
GO
