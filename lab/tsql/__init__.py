"""The T-SQL that the lab understands: SELECT over SQLite, EXEC of procedures in Python, a short list of writes. All else is refused."""
