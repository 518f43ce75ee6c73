"""The instances of an estate together: jobs, log chains and backup sets read from their tables, run, and written back.

A World is made for one act (a call over the wire, the Agent catching up) and ends with ``flush``. What an instance cannot tell by
its tables stands in its description (see servers.py): devices, the account of its Agent, how much history it keeps.
Assumed: remote calls always find their linked server; the databases of one set are backed up one after the other.
"""
from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lab.sqlmodel import agent, commands, destination, media, restores, rows, server_statements, sets
from lab.sqlmodel.backups import Failed
from lab.tsql import exec_call
from lab.tsql.problem import SqlProblem
from lab.tsql.zone import from_local, to_local

# what other jobs of BizTalk and of SQL Server itself run: without effect in the lab
QUIET = {"bts_purgemessages", "bts_managemessagerefcountlog", "bts_cleanupdeadprocesses", "int_purgeparts", "sp_updatestats", "bts_purgesubscriptions",
         "ops_operateoninstancesonmastermsgbox", "bts_copytrackedmessagestodta", "btsmon_inconsistent", "btsmon_generateerrorstring",
         "btf_cleanupexpiredentries", "dtasp_purgetrackingdatabase", "ruleengine_cleanup"}


def local(instant):
    """An instant as the servers' own clocks show it."""
    return to_local(instant).replace(tzinfo=None)


class World:
    """*instances*: name -> Instance; *descriptions*: name -> servers.Description; *aliases*: other names, such as a listener's, -> name."""

    def __init__(self, instances, descriptions, aliases):
        self.instances, self.descriptions, self.aliases = instances, descriptions, aliases
        self.servers, self.jobs, self.groups = {}, {}, {}
        self.marks, self.unmarked = {}, {}          # (instance, database) -> new (mark, LSN, time); -> the mark up to which they go
        self._busy = None                           # until when the backups of the running call take
        self._at_once = False                       # whether backups take no time: those that somebody starts while the clock stands

    # --- who is who

    def resolve(self, server):
        """The name of the instance that answers to a server name. Raises Failed 7202."""
        names = {name.casefold(): name for name in self.instances} | {alias.casefold(): name for alias, name in self.aliases.items()}
        if server.casefold() not in names:
            raise Failed((7202, 11, f"Could not find server '{server}' in sys.servers. Verify that the correct server name was specified."))
        return names[server.casefold()]

    def primary(self, instance, database):
        """sys.fn_hadr_is_primary_replica: 1, 0, or None where the database is in no group."""
        found = self.instances[instance].query(
            'SELECT s.is_primary_replica FROM "master.sys.dm_hadr_database_replica_states" s JOIN "master.sys.databases" d '
            "ON d.database_id = s.database_id WHERE d.name = ? AND s.is_local = 1", (database,))
        return found[0]["is_primary_replica"] if found else None

    def now(self, name):
        """The clock of an instance."""
        return self.instances[name].local

    # --- what is read once

    def server(self, name):
        if name not in self.servers:
            self.servers[name] = rows.read_server(self.instances[name], self.descriptions[name])
        return self.servers[name]

    def files(self, name):
        """The backup files that an instance reaches."""
        return media.Files(self.instances[name], next(iter(self.instances.values())))

    def jobs_of(self, name):
        if name not in self.jobs:
            self.jobs[name] = rows.read_jobs(self.instances[name], self.descriptions[name])
        return self.jobs[name]

    def group(self, instance, database):
        """The backup side of the group whose management database this is."""
        key = (instance, database)
        if key not in self.groups:
            made = rows.read_group(self.instances[instance], database)
            made.backup, made.mark, made.unmark = lambda *a: self._backup(made, *a), self._mark, self._unmark
            self.groups[key] = made
        return self.groups[key]

    # --- the Agent

    def catch_up(self, after, until):
        """Whether a minute or more lies between two instants (ISO 8601): then what has become due is run and written, and heartbeats are sent."""
        after, until = (datetime.fromisoformat(moment[:26].rstrip("Z")).replace(tzinfo=UTC) for moment in (after, until))
        if (until - after).total_seconds() < 60:
            return False
        self.run_agents(after, until)
        self.flush()
        for instance in self.instances.values():
            rows.beat(instance, until.replace(tzinfo=None))
            server_statements.fall_behind(instance, (until - after).total_seconds())
        return True

    def run_agents(self, after, until):
        """Lets every Agent that runs carry out what is due after one instant and until another (UTC)."""
        for name, instance in self.instances.items():
            if rows.agent_runs(instance):
                agent.run_due(self.jobs_of(name), local(after), local(until), lambda step, now, name=name: self.execute(name, step, now),
                              self.descriptions[name].account)

    def settle(self, name):
        """What was due on an instance in the last minutes is run before somebody makes a backup there by hand: LSNs follow the clock."""
        now, begun = self.now(name), timedelta(seconds=4)
        if rows.agent_runs(self.instances[name]):
            agent.run_due(self.jobs_of(name), now - timedelta(minutes=5), now, lambda step, moment: self.execute(name, step, moment),
                          self.descriptions[name].account, lags=(begun, begun))

    def start_job(self, name, job, now, invoked, first_step=None):
        """Runs one job at once, at local time *now*. Returns whether it succeeded."""
        self.settle(name)
        self._at_once = True
        return agent.run(job, now, lambda step, moment: self.execute(name, step, moment), self.descriptions[name].account,
                         invoked, first_step)

    def execute(self, name, step, now):
        """Carries out one step on an instance at local time *now*. Returns its end. Raises Failed."""
        try:
            command = commands.read(step.command)
            if command.guard is not None and self.primary(name, command.guard) != 1:
                if command.raises and self.primary(name, command.guard) == 0:
                    raise Failed((50000, 11, "Not the primary replica."))
                return now
            for statement in command.statements:
                now = self._statement(name, step.database, statement, now)
        except SqlProblem as problem:
            raise Failed((problem.number, problem.severity, problem.message)) from problem
        return now

    def _statement(self, name, database, statement, now):
        if isinstance(statement, commands.BackupStatement):
            return self.backup(name, statement, now, self.descriptions[name].account)
        if isinstance(statement, commands.CheckStatement):
            self.instances[name].set_properties(**{f"{statement.database}.LastGoodCheckDbTime": rows.kept(now)})
            return now
        own = exec_call.parts_of(statement.name)[2].casefold()
        procedure = self.instances[name].procedures.get(f"{database}.dbo.{own}".casefold())
        if procedure and own in CALLS:
            return self.call(name, database, own, exec_call.bind(procedure, statement), now)[1]
        if own in destination.CALLS:
            return destination.CALLS[own](self, name, now)
        if own not in QUIET:
            raise Failed((2812, 16, f"Could not find stored procedure '{own}'."))
        return now

    def backup(self, name, statement, now, user):
        """A BACKUP on an instance at local time *now*. Returns its end. Raises Failed."""
        if statement.tail:
            restores.check_tail(self.instances[name], statement)
        made = self.server(name).backup(statement, now, user)
        if statement.tail:
            restores.begin(self.instances[name], made)
        if self._at_once:
            made.finish = made.start
        return made.finish

    # --- BizTalk's procedures

    def call_at_once(self, name, database, procedure, given):
        """The same by somebody's hand, now."""
        self.settle(name)
        self._at_once = True
        return self.call(name, database, procedure, given, self.now(name))[0]

    def call(self, name, database, procedure, given, now):
        """One of BizTalk's backup procedures with bound arguments at local time *now*: (what it returns, its end). Raises Failed."""
        self._busy = now
        moment = sets.Moment(from_local(now).astimezone(UTC).replace(tzinfo=None), now)
        return CALLS[procedure](self.group(name, database), moment, given), self._busy

    def _backup(self, group, server, database, kind, folder, mark, compressed, _moment):
        """The remote call of sp_BackupBizTalkFull or sp_BackupBizTalkLog."""
        name = self.resolve(server)
        word = "sp_BackupBizTalkLog" if kind == "L" else "sp_BackupBizTalkFull"
        self._procedure(name, database, word)
        if (server.casefold(), database.casefold()) in group.sso:
            compressed = None                       # its older copy has no such argument: the instance's default decides
        elif compressed and not any(one[0] == "bCompression" for one in self.instances[name].procedures[f"{database}.dbo.{word}".casefold()].parameters):
            raise Failed((8144, 16, f"Procedure or function {word} has too many arguments specified."))
        path = folder + sets.file_name(self.server(name).name, database, kind, mark, folder)
        statement = commands.BackupStatement(kind, database, path, compression=compressed)
        self._busy = self.backup(name, statement, self._busy, self.descriptions[name].account)
        return path

    def _mark(self, server, database, mark, _moment):
        name = self.resolve(server)
        self._procedure(name, database, "sp_SetMark")
        chain = self.server(name).database(database)
        chain.grow(self._busy)
        chain.advance(1)
        self.marks.setdefault((name, database), []).append((mark, chain.lsn, self._busy))
        chain.marks.append([mark, chain.lsn])

    def _unmark(self, server, database, mark):
        name = self.resolve(server)
        self._procedure(name, database, "sp_CleanUpMarkLog")
        self.unmarked[name, database] = max(mark, self.unmarked.get((name, database), ""))

    def _procedure(self, name, database, procedure):
        """Raises Failed where the database is not there or lacks a procedure of BizTalk's scripts."""
        if self.server(name).database(database) is None:
            raise Failed((911, 16, f"Database '{database}' does not exist. Make sure that the name is entered correctly."))
        if f"{database}.dbo.{procedure}".casefold() not in self.instances[name].procedures:
            raise Failed((2812, 16, f"Could not find stored procedure '{database}.dbo.{procedure}'."))

    # --- writing back

    def flush(self):
        """Writes what has happened into the instances' tables; the World is then as new."""
        for name, jobs in self.jobs.items():
            rows.write_jobs(self.instances[name], jobs)
        for (name, database), group in self.groups.items():
            rows.write_group(self.instances[name], database, group)
        for name, server in self.servers.items():
            rows.write_server(self.instances[name], server, self.files(name))
        for name, database in self.marks.keys() | self.unmarked.keys():
            rows.write_marks(self.instances[name], database, self.marks.get((name, database), []), self.unmarked.get((name, database), ""),
                             self.descriptions[name].account)
        self.__init__(self.instances, self.descriptions, self.aliases)


CALLS = {  # BizTalk's procedures: (group, moment, bound arguments) -> what they return
    "sp_backupallfull_schedule": lambda group, moment, given: group.full_if_due(
        moment, given["frequency"], given["markname"], given["backuppath"], bool(given.get("forcefullbackupafterpartialsetfailure")),
        given.get("backuphour"), bool(given.get("uselocaltime"))),
    "sp_backupallfull": lambda group, moment, given: group.full(moment, given["markname"], given["backuppath"], bool(given.get("uselocaltime"))),
    "sp_markall": lambda group, moment, given: group.log(moment, given["markname"], given["backuppath"], bool(given.get("uselocaltime"))),
    "sp_deletebackuphistory": lambda group, moment, given: group.delete_history(moment, given.get("daystokeep"), bool(given.get("uselocaltime"))),
    "sp_forcefullbackup": lambda group, moment, given: setattr(group, "force_full", True),
    "sp_setbackupcompression": lambda group, moment, given: setattr(group, "compression", bool(given["bcompression"])),
}
