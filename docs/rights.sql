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

USE [msdb];
IF USER_ID(N'$(Login)') IS NULL
    CREATE USER [$(Login)] FOR LOGIN [$(Login)];
IF DATABASE_PRINCIPAL_ID(N'biztalk_fault_tolerance_reader') IS NULL
    CREATE ROLE [biztalk_fault_tolerance_reader];
ALTER ROLE [biztalk_fault_tolerance_reader] ADD MEMBER [$(Login)];
GRANT SELECT ON [dbo].[log_shipping_primary_databases] TO [biztalk_fault_tolerance_reader];
GRANT SELECT ON [dbo].[suspect_pages] TO [biztalk_fault_tolerance_reader];
GO
