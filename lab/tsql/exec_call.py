"""EXEC procedure @name = value, …: how it is written, which procedure is meant, and how its arguments meet the declared parameters."""
from __future__ import annotations

import re
from dataclasses import dataclass, field

from lab.tsql import access, types
from lab.tsql.lexer import unquoted
from lab.tsql.problem import SqlProblem, not_modelled


@dataclass
class Argument:
    """*name* in lower case without ``@``, empty when by position; *value* as it is kept; *default*: the word DEFAULT."""

    name: str
    type: str
    value: object
    output: bool = False
    default: bool = False


@dataclass
class Call:
    name: str
    arguments: list = field(default_factory=list)

    def outputs(self, procedure):
        """The parameters, in lower case, whose values are wanted back."""
        return {(argument.name or procedure.parameters[place][0].casefold()) for place, argument in enumerate(self.arguments)
                if argument.output}


def bare(statement):
    """Whether the first statement of a batch is a procedure's name without EXEC."""
    return re.fullmatch(r"\[.*\]|sp_\w+", statement.tokens[0], re.IGNORECASE) is not None


def parse(statement, parameters):
    """The Call that an EXEC statement makes. Raises SqlProblem 102, 137."""
    tokens = statement.tokens[1:] if statement.word in ("EXEC", "EXECUTE") else list(statement.tokens)
    if len(tokens) > 1 and tokens[0].startswith("@") and tokens[1] == "=":
        raise not_modelled("EXEC @variable = procedure")
    if not tokens or tokens[0] == "(":
        raise not_modelled("EXEC of a string")
    name, place = [], 0
    while place < len(tokens) and (not name or tokens[place - 1] == "." or tokens[place] == "."):
        name.append(tokens[place])
        place += 1
    call = Call("".join(name))
    while place < len(tokens):
        argument = Argument("", "null", None)
        if tokens[place].startswith("@") and tokens[place + 1:place + 2] == ["="]:
            argument.name = tokens[place][1:].casefold()
            place += 2
        place = _value(tokens, place, argument, parameters)
        if tokens[place:place + 1] and tokens[place].upper() in ("OUTPUT", "OUT"):
            argument.output = True
            place += 1
        call.arguments.append(argument)
        if tokens[place:place + 1] not in ([], [","]):
            raise SqlProblem(102, 15, 1, f"Incorrect syntax near '{tokens[place]}'.")
        place += 1
    return call


def _value(tokens, place, argument, parameters):
    token = tokens[place] if place < len(tokens) else ""
    if not token or token in (",", "(", ")", "="):
        raise SqlProblem(102, 15, 1, f"Incorrect syntax near '{token}'.")
    if token == "-":
        place += 1
        token = "-" + tokens[place]
    if token.startswith("@"):
        name = token[1:].casefold()
        if name not in parameters:
            raise SqlProblem(137, 15, 2, f'Must declare the scalar variable "{token}".')
        argument.type, argument.value = parameters[name]
    elif token.upper() == "DEFAULT":
        argument.default = True
    elif token.upper() == "NULL":
        pass
    elif re.fullmatch(r"-?\d+", token):
        argument.type, argument.value = ("int" if abs(int(token)) < 2**31 else "bigint"), int(token)
    elif re.fullmatch(r"-?[\d.]+([eE][+-]?\d+)?", token):
        argument.type, argument.value = "float", float(token)
    elif token[:2].lower() == "0x":
        argument.type, argument.value = "varbinary(max)", bytes.fromhex(token[2:])
    else:       # a bare word is a string too
        argument.type, argument.value = "nvarchar(max)" if token[:1].upper() == "N" else "varchar(max)", unquoted(token)
    return place + 1


def parts_of(name):
    """``[database, schema, name]`` of a dotted name, empty where left out."""
    parts = [unquoted(part) for part in re.findall(r"\[(?:[^\]]|\]\])*\]|\"[^\"]*\"|[^.]+|(?<=\.)(?=\.)", name)]
    if len(parts) > 3:
        raise not_modelled("four-part names")
    return [""] * (3 - len(parts)) + parts


def find(session, name):
    """The procedure that a name means to a session. Raises SqlProblem 229, 911, 916, 2812."""
    instance = session.instance
    database, schema, own = parts_of(name)
    places = [database or session.database] + (["master"] if own.casefold().startswith("sp_") else [])
    for place in places:
        for owner in [schema] if schema else ["dbo", "sys"]:
            found = instance.procedures.get(f"{place}.{owner}.{own}".casefold())
            if found:
                owner_database, schema, own = found.name.split(".")
                instance.rights.check_database(session.login, owner_database)
                access.check_open(instance, owner_database)
                if not found.public:
                    instance.rights.check_object(session.login, "EXECUTE", owner_database, schema, own)
                return found
    raise SqlProblem(2812, 16, 62, f"Could not find stored procedure '{'.'.join(part for part in parts_of(name) if part)}'.")


def bind(procedure, call):
    """Parameter in lower case -> value of the declared type, of what was given. Raises SqlProblem 119, 201, 8114, 8144, 8145."""
    own = procedure.name.split(".")[2]
    known, made, named = {entry[0].casefold(): entry for entry in procedure.parameters}, {}, False
    if len(call.arguments) > len(procedure.parameters):
        raise SqlProblem(8144, 16, 2, f"Procedure or function {own} has too many arguments specified.")
    for place, argument in enumerate(call.arguments):
        named = named or bool(argument.name)
        if named and not argument.name:
            raise SqlProblem(119, 15, 1, f"Must pass parameter number {place + 1} and subsequent parameters as '@name = value'.")
        name = argument.name or procedure.parameters[place][0].casefold()
        if name not in known:
            raise SqlProblem(8145, 16, 1, f"@{name} is not a parameter for procedure {own}.")
        if name in made:
            raise SqlProblem(8143, 16, 1, f"Parameter '@{name}' was supplied multiple times.")
        if not argument.default:
            made[name] = _converted(argument, known[name][1])
    for name, _kind, required, output in procedure.parameters:
        if required and not output and name.casefold() not in made:
            raise SqlProblem(201, 16, 4, f"Procedure or function '{own}' expects parameter '@{name}', which was not supplied.")
    return made


def _converted(argument, declared):
    try:
        return types.convert(argument.value, argument.type, declared)
    except SqlProblem as problem:
        if problem.number == 50000:
            raise
        raise SqlProblem(8114, 16, 5, f"Error converting data type {types.base(argument.type)} to {types.base(declared)}.") from None
