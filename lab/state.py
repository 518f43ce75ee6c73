"""The estate as it is now, kept in SQLite: hosts, clusters, file shares and users as JSON documents; a clock; a recorder of calls."""
from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from datetime import UTC, datetime, timedelta

from lab import files

SECRETS = {"accesskey", "sastoken", "password", "credential"}
KINDS = ("hosts", "clusters", "shares", "users")
FORMAT = "%Y-%m-%dT%H:%M:%S.%f"
SCHEMA = """
CREATE TABLE IF NOT EXISTS document (kind TEXT, name TEXT, body TEXT, PRIMARY KEY (kind, name));
CREATE TABLE IF NOT EXISTS call (n INTEGER PRIMARY KEY, clock TEXT, host TEXT, user TEXT, command TEXT, parameters TEXT, changes INTEGER);
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT);
"""


class State:
    """*path* is a file or ``:memory:``. *estate* (kind -> name -> document) replaces what the file holds.

    Cmdlets change the documents in place and end with ``save()``. The clock is the machine's until it is set; then it stands
    where it was put until it is moved.
    """

    def __init__(self, path=":memory:", estate=None, clock=None):
        self.database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.database.execute("PRAGMA journal_mode=WAL")
        self.database.execute("PRAGMA synchronous=OFF")
        self.database.executescript(SCHEMA)
        self.files = files.Store(self.database)
        self._written, self._clock = {}, self.meta("clock")
        self.open_world = self._world = None
        self.jobs, self.working, self.pace = {}, False, 1       # running jobs (lab.jobs); seconds of work in one second of the clock
        if estate is not None:
            self.replace(estate)
        else:
            self._load()
        if clock is not None:
            self.set_clock(clock)

    def replace(self, estate):
        """Puts another estate in the place of this one; calls are forgotten. The files that its documents describe go into their own table."""
        self.database.executescript("DELETE FROM document; DELETE FROM call;")
        self._written = {}
        self.files.clear()
        began = next((host["os"]["installed"] for host in estate.get("hosts", {}).values()), self.clock)
        for name, document in [*estate.get("hosts", {}).items(), *estate.get("shares", {}).items()]:
            self.files.put_all(files.described(name, document, began))
        for kind in KINDS:
            setattr(self, kind, estate.get(kind, {}))
        self.save()

    def _load(self):
        for kind in KINDS:
            setattr(self, kind, {})
        for kind, name, body in self.database.execute("SELECT kind, name, body FROM document"):
            getattr(self, kind)[name] = json.loads(body)
            self._written[kind, name] = body

    def save(self):
        """Writes the documents that have changed."""
        self.database.execute("BEGIN")
        for kind in KINDS:
            for name, document in getattr(self, kind).items():
                body = json.dumps(document, sort_keys=True)
                if self._written.get((kind, name)) != body:
                    self.database.execute("INSERT OR REPLACE INTO document VALUES (?, ?, ?)", (kind, name, body))
                    self._written[kind, name] = body
        self.database.execute("COMMIT")

    def close(self):
        self.database.close()
        for instance in self._world.instances.values() if self._world else ():
            instance.close()

    def state_hash(self):
        """SHA-256 over the estate; sessions, clock, recorder and users' passwords take no part."""
        whole = [[kind, name, getattr(self, kind)[name]] for kind in ("hosts", "clusters", "shares")
                 for name in sorted(getattr(self, kind))]
        whole.append(["files", self.files.digest()])
        if self._world:
            whole += [["instances", name, instance.state_hash()] for name, instance in sorted(self._world.instances.items())]
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()

    @property
    def world(self):
        """The estate's SQL Servers (lab.sqlmodel.world.World), opened when first asked for; None where it has none."""
        if self._world is None and self.open_world:
            self._world = self.open_world()
            self.meta("agents", self.meta("agents") or self.clock)
            self.catch_up()
        return self._world

    # --- clock

    @property
    def clock(self):
        """Now in the estate: ISO 8601 UTC with seven digits."""
        return self._clock or iso(datetime.now(UTC))

    def set_clock(self, moment):
        """Lets the clock stand at an instant (ISO 8601)."""
        self._clock = self.meta("clock", iso(moment))
        self.catch_up()

    def catch_up(self):
        """Carries jobs on, and lets the Agents of the SQL Servers run what has become due; what they have run is remembered beside the clock."""
        self.advance()
        clock = self.clock
        if self._world and self._world.catch_up(self.meta("agents"), clock):
            self.meta("agents", clock)

    def advance(self):
        """Carries the jobs of all hosts on to now."""
        if self.jobs:
            from lab import jobs
            jobs.advance(self)

    @contextlib.contextmanager
    def at(self, moment):
        """The estate at an earlier instant: what a job did then bears its time."""
        now, self._clock = self._clock, moment
        try:
            yield
        finally:
            self._clock = now

    @staticmethod
    def later(moment, seconds):
        """An instant so many seconds after another."""
        return iso(datetime.strptime(moment[:26], FORMAT) + timedelta(seconds=seconds))

    def elapsed(self, since):
        """Seconds of the clock since an instant."""
        return (datetime.strptime(self.clock[:26], FORMAT) - datetime.strptime(since[:26], FORMAT)).total_seconds()

    def worked(self, since):
        """Seconds of work that were done since an instant; a lab for people works faster than its clock goes."""
        return self.elapsed(since) * self.pace

    def move_clock(self, seconds):
        self.set_clock(self.later(self.clock, seconds))
        return self.clock

    def meta(self, key, value=None):
        if value is not None:
            self.database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
            return value
        row = self.database.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    # --- recorder

    def record(self, host, user, command, parameters, changes):
        """Keeps a call; secrets among its parameters are left out."""
        parameters = {name: "***" if name.casefold() in SECRETS else value for name, value in parameters.items()}
        self.database.execute("INSERT INTO call (clock, host, user, command, parameters, changes) VALUES (?, ?, ?, ?, ?, ?)",
                              (self.clock, host, user, command, json.dumps(parameters, default=lambda o: {"$object": getattr(o, "id", str(o))}),
                               int(changes)))

    def calls(self):
        names = ("n", "clock", "host", "user", "command", "parameters", "changes")
        return [{**dict(zip(names, row)), "parameters": json.loads(row[5]), "changes": bool(row[6])}
                for row in self.database.execute("SELECT n, clock, host, user, command, parameters, changes FROM call ORDER BY n")]

    # --- look-ups

    def host_name(self, name):
        return next((known for known in self.hosts if known.casefold() == name.casefold()), None)

    def user(self, name):
        """The user of this name in any spelling; ``DOMAIN\\name``, or the bare name of a local one. None when unknown."""
        if name == files.SYSTEM:
            return {"admin": True, "clusters": {}}
        return next((user for known, user in self.users.items() if name and known.casefold() == name.casefold()), None)

    def identities(self, name, host):
        """The names, in lower case, that an access list of *host* may know an account by: its own, its groups'."""
        user = self.user(name) or {}
        names = {name, "Everyone", r"NT AUTHORITY\Authenticated Users", files.USERS, *user.get("groups", ())}
        if user.get("admin"):
            names.add(files.ADMINISTRATORS)
        if name.endswith("$"):
            names.add(name.rpartition("\\")[0] + r"\Domain Computers")
        return {one.casefold() for one in names}

    def cluster_of(self, host):
        """The cluster that a host is a node of, or None."""
        return self.clusters.get(self.hosts[host]["cluster"])

    def right(self, user, cluster, right):
        """Gives a user ``full``, ``read`` or ``none`` on a cluster."""
        self.user(user)["clusters"][cluster] = right
        self.save()

    def unreadable(self, host, type_name, properties):
        """Makes the getters of properties of a cluster object's type throw on a host."""
        self.hosts[self.host_name(host)]["unreadable"][type_name] = properties
        self.save()

    def damage(self, host, path, how="flip"):
        """What a failing disk does to a file (lab.files.damage): ``flip``, ``cut`` or ``lose``."""
        files.damage(self, host, path, how)

    def power(self, host, on):
        """What a hand at the power button does. Cluster membership follows as at a crash or a start."""
        from lab import membership
        membership.power(self, self.host_name(host), on)
        self.save()


def iso(moment):
    """An instant (text or datetime) as the estate writes it: ISO 8601 UTC with seven digits."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    if moment.tzinfo:
        moment = moment.astimezone(UTC)
    return moment.strftime(FORMAT) + "0Z"
