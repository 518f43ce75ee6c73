"""What the lab's SQL Server engine does, and how that is known: (title, text, source, assumed)."""
from __future__ import annotations

BEHAVIOURS = (
    ("TDS",
     "TDS 7.4, and TDS 8 when the client begins with TLS; SQL logins, and Kerberos where a keytab is given; batches, "
     "sp_executesql, sp_prepare, sp_execute, sp_prepexec, sp_unprepare, calls of procedures; attention. All text goes as nvarchar.",
     "MS-TDS; reference tds.md §2, §5 (what ten clients accept)",
     "transactions, MARS, NTLM and sql_variant columns are refused; versions and messages beyond what the drivers read"),
    ("SELECT",
     "Joins, subqueries, CTEs, UNION, TOP, OFFSET, GROUP BY, windows, CASE, LIKE with classes, COLLATE; integer arithmetic "
     "overflows at the type's end (8115) and division by zero is 8134; ntext does not compare (402), bit has no MAX (8117), an "
     "aggregate takes no subquery (130).",
     "sql-docs: T-SQL reference, data type precedence, messages of sys.messages",
     "collation as in Latin1_General_CI_AS by Unicode's case folding; the first error ends the text, what earlier statements did "
     "stays"),
    ("Dates",
     "DATEDIFF counts boundaries, datetime is kept in steps of 1/300 s, GETDATE() is the local time of W. Europe and "
     "SYSDATETIMEOFFSET() has its offset; both follow the lab's clock.",
     "sql-docs: DATEDIFF, datetime",
     "the server stands in W. Europe; the doubled hour of October counts as winter"),
    ("EXEC",
     "Arguments by place or name are converted to the declared type; a string that is too long is cut without an error; 119, 201, "
     "8114, 8143, 8144, 8145, 2812. A name that begins with sp_ is looked for in master too.",
     "reference catalogue tsql.json and biztalkmgmt.json (parameters), field-truths (a path of more than 128 characters is cut "
     "silently)",
     "what a procedure did before its error stays"),
    ("Rights",
     "SELECT, INSERT, UPDATE, DELETE, EXECUTE on an object, its schema or its database (229), a database without a user (916), "
     "views of the server's state without VIEW SERVER STATE (300, then 297), logins (18456) and their database (4060, then 18456). "
     "HAS_PERMS_BY_NAME answers from the same.",
     "sql-docs: permission sections of the pages of each view; messages of sys.messages",
     "nothing in msdb is granted to public; DENY is not modelled; of 2022's VIEW SERVER PERFORMANCE STATE nothing"),
    ("Metadata visibility",
     "sys.objects and its kind, INFORMATION_SCHEMA and OBJECT_ID show only objects on which the login has a right or VIEW "
     "DEFINITION; files, availability groups, endpoints, permissions and linked logins show no rows without VIEW ANY DEFINITION.",
     "sql-docs: Metadata Visibility Configuration; permission sections of the catalog views",
     "VIEW ANY DATABASE has been taken from public: without it sys.databases shows master, tempdb and the current one; "
     "object ids are made from names; constraints, keys and column types beyond name and length are not shown"),
    ("INSERT, UPDATE, DELETE",
     "One table, values or expressions, a condition; the right to read is needed for a condition; text that does not fit is 8152.",
     "sql-docs: INSERT, UPDATE, DELETE (permissions)",
     "no identity columns, defaults, keys or triggers: a column that is left out is NULL"),
)
