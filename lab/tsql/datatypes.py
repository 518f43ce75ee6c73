"""What ODBC drivers ask on their own; it is not recorded and no fault strikes it: sp_datatype_info_100 straight after login, and
sp_describe_undeclared_parameters for a parameter without a value, to which 2812 is an answer that Microsoft's driver takes."""
from __future__ import annotations

import re

from lab.tsql.problem import Returned, Rows, SqlProblem

COLUMNS = {"TYPE_NAME": "sysname", "DATA_TYPE": "smallint", "PRECISION": "int", "LITERAL_PREFIX": "varchar(32)",
           "LITERAL_SUFFIX": "varchar(32)",
           "CREATE_PARAMS": "varchar(32)", "NULLABLE": "smallint", "CASE_SENSITIVE": "smallint", "SEARCHABLE": "smallint",
           "UNSIGNED_ATTRIBUTE": "smallint", "MONEY": "smallint", "AUTO_INCREMENT": "smallint", "LOCAL_TYPE_NAME": "sysname",
           "MINIMUM_SCALE": "smallint", "MAXIMUM_SCALE": "smallint", "SQL_DATA_TYPE": "smallint", "SQL_DATETIME_SUB": "smallint",
           "NUM_PREC_RADIX": "int", "INTERVAL_PRECISION": "smallint", "USERTYPE": "smallint"}
TYPES = {12: ("varchar", 8000, "'", "'", "max length"), -9: ("nvarchar", 4000, "N'", "'", "max length"),
         -3: ("varbinary", 8000, "0x", None, "max length"), 93: ("datetime2", 27, "'", "'", "scale"), 4: ("int", 10, None, None, None),
         -5: ("bigint", 19, None, None, None), -7: ("bit", 1, None, None, None), -11: ("uniqueidentifier", 36, "'", "'", None)}
ASKED = re.compile(r"\s*(?:EXEC\s+)?(?:\[?sys\]?\.+)?sp_(?:datatype_info(?:_\d+)?|(describe_undeclared_parameters))\b\s*(-?\d+)?",
                   re.IGNORECASE)


def asked(text):
    return ASKED.match(text) is not None


def answer(text, parameters):
    """The rows for a type: by the number in the text, or by the first parameter of a call."""
    if ASKED.match(text)[1]:
        yield SqlProblem(2812, 16, 62, "Could not find stored procedure 'sp_describe_undeclared_parameters'.")
        return
    number = ASKED.match(text)[2] or next((value for _type, value in parameters.values()), 0)
    rows = []
    for code, (name, size, prefix, suffix, create) in TYPES.items():
        if int(number) in (0, code):
            rows.append([name, code, size, prefix, suffix, create, 1, 0, 3, None, 0, None, name, 0, 7 if code == 93 else 0, code, None,
                         None, None, 0])
    yield Rows(COLUMNS, rows)
    yield Returned(0)
