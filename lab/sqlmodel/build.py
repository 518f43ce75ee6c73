"""From the SQL Server part of an estate's description to filled instances.

``instances``: name -> {name, cluster | host, shipped_from, edition (Enterprise, Standard), version (what SERVERPROPERTY tells), agent_account, drive},
``availability_groups``: name -> {cluster, listener, replicas (the first is primary), databases: name -> kind}, ``biztalk_group``: {on,
databases: kind -> name, share, backup}, ``logins``: {operator (sysadmin), auditor (what the rights scripts give), others with rights:
database -> role}.
lab/scenarios/healthy.yml shows every key. A backup of null leaves the job as BizTalk's set-up does.
"""
from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from lab import estate
from lab.instance import Instance
from lab.sqlmodel import biztalk, destination, groups, jobs, procedures, scripts, servers
from lab.sqlmodel.servers import Description
from lab.sqlmodel.world import World, local

DAYS = 15                   # of history: one more than what the clean-up keeps
KEEP = {"*": 40}            # rows of history of a job; the backup job's are all kept (assumed: an administrator trims the others)
_MADE = {}                  # (description, clock) -> name -> the bytes of its file
BESIDE = ("BAMArchive", "BAMStarSchema")        # databases of BizTalk that its job does not take


class Plan:
    """What follows from the description: who holds what, under which names."""

    def __init__(self, description):
        self.description = description
        self.netbios = description.get("domain", "contoso.test").split(".")[0].upper()
        self.instances = description.get("instances", {})
        self.groups = description.get("availability_groups", {})
        self.group = description.get("biztalk_group")
        self.aliases = {about["listener"]: about["replicas"][0] for about in self.groups.values()}
        self.account = rf"{self.netbios}\svc-sql"

    def in_group(self, instance):
        """(name, description) of the availability group that an instance is a replica of, or (None, None)."""
        return next(((name, about) for name, about in self.groups.items() if instance in about["replicas"]), (None, None))

    @property
    def places(self):
        """Kind of database -> (server name as BizTalk has it, database)."""
        names = {kind: self.group["databases"].get(kind, kind) for kind in biztalk.PARTS}
        listeners = {database: about["listener"] for about in self.groups.values() for database in about["databases"]}
        return {kind: (listeners.get(name, self.group["on"]), name) for kind, name in names.items()}

    @property
    def sso_server(self):
        """The name under which ENTSSO's master secret server is reached."""
        clustered = [cluster["sso"] for cluster in self.description.get("clusters", {}).values() if cluster.get("sso")]
        return clustered[0] if clustered else next(name.upper() for name, host in self.description["hosts"].items() if "sso" in (host or {}).get("groups", ()))

    @property
    def custom(self):
        """The databases registered beside BizTalk's own: (friendly name, database, server)."""
        return [(name, name, about["listener"]) for about in self.groups.values() for name, kind in about["databases"].items() if kind == "custom"]

    def databases(self, instance):
        """Name -> kind of the user databases that an instance has."""
        about, (_name, group) = self.instances[instance], self.in_group(instance)
        if group:
            return dict(group["databases"])
        if about.get("shipped_from"):
            return {name: kind for name, kind in self.databases(about["shipped_from"]).items() if kind not in BESIDE}
        if self.group and self.group["on"] == instance:
            shared = {database for about in self.groups.values() for database in about["databases"]}
            own = {name: kind for kind, (_server, name) in self.places.items() if name not in shared}
            return own | {self.group["databases"].get(kind, kind): kind for kind in BESIDE}
        return {}

    def describe(self, name, now):
        about = self.instances[name]
        cluster = about.get("cluster")
        nodes = self.description["clusters"][cluster]["nodes"] if cluster else [about["host"]]
        grouped = self.in_group(name)[1]
        source = about.get("shipped_from")
        linked = [source] if source else []
        if self.group and self.group["on"] == name:
            linked = sorted({server for server, _database in self.places.values()} | {row[2] for row in self.custom} - {name})
        share = self.group["share"] if self.group else []
        return Description(
            name, "fci" if cluster else "replica" if grouped else "dr" if source else "alone", cluster or about["host"], nodes, self.account,
            devices=[share, "S:\\", "L:\\"] if cluster or source else [share, "D:\\", "L:\\"], started=now - timedelta(days=16, hours=3),
            databases=self.databases(name), linked=linked, restoring=source, drive=about.get("drive"),
            edition=about.get("edition", "Enterprise"), version=about.get("version", servers.VERSION), agent_account=about.get("agent_account"),
            configuration={"Ad Hoc Distributed Queries": 1} if source else {},
            history_rows={**KEEP, f"Backup BizTalk Server ({self.places['BizTalkMgmtDb'][1]})": 8000} if self.group else KEEP)


def opened(description, folder, clock, fresh=True):
    """The World of an estate's instances, with files in *folder* (None: in memory).

    *clock* gives the estate's time (see lab.instance). *fresh*: filled anew. A process that asks again for the same content at the
    same time gets copies of the first."""
    plan = Plan(description)
    files = {name: str(Path(folder) / f"sql{number}.sqlite") if folder else ":memory:" for number, name in enumerate(plan.instances)}
    known = _MADE.get((repr(description), clock())) if fresh and folder else None
    if fresh and folder:
        for name, file in files.items():
            for path in (file, file + "-wal", file + "-shm"):
                Path(path).unlink(missing_ok=True)
            if known:
                Path(file).write_bytes(known[name])
    instances = {name: Instance(name, file, clock) for name, file in files.items()}
    now = next(iter(instances.values())).now
    world = World(instances, {name: plan.describe(name, local(now)) for name in instances}, plan.aliases)
    for name, instance in instances.items():
        if instance.fresh:
            _fill(plan, world, name, now)
    procedures.install(world)
    if fresh and not known:
        world.run_agents(now - timedelta(days=DAYS), now)
        world.flush()
        if folder:
            _MADE[repr(description), clock()] = {name: instance.sqlite.serialize() for name, instance in instances.items()}
    return world


def _fill(plan, world, name, now):
    instance, about = world.instances[name], world.descriptions[name]
    here, utc = local(now), now.replace(tzinfo=None)
    servers.fill(instance, about)
    if about.restoring:
        destination.create(instance)
    for role, login in plan.description.get("logins", {}).items():
        instance.login(login["name"], login["password"], sysadmin=role == "operator")
        for database, right in login.get("rights", {}).items():
            if database in about.databases and not about.restoring:
                instance.grant(login["name"], "CONNECT", database)
                instance.grant(login["name"], right, database)
    group, about_group = plan.in_group(name)
    if group:
        cluster = plan.description["clusters"][about_group["cluster"]]
        witness = cluster.get("witness", {}).get("share")
        members = [(node.upper(), 0, 1) for node in cluster["nodes"]] + ([(witness, 2, 1)] if witness else [])
        groups.fill(instance, group, about_group, about_group["cluster"], members, here)
    made = list(_jobs(plan, name))
    if plan.group and plan.group["on"] == name:
        hosts = estate.biztalk_instances(plan.description)
        biztalk.management(instance, plan.places, plan.sso_server, hosts, plan.custom, utc)
        biztalk.view(instance, plan.places["BizTalkMgmtDb"][1])
        biztalk.messagebox(instance, plan.places["BizTalkMsgBoxDb"][1], hosts, utc)
    jobs.insert(instance, made)
    if auditor := plan.description.get("logins", {}).get("auditor"):
        scripts.run(instance, auditor["name"], plan.places["BizTalkMgmtDb"][1] if plan.group and plan.group["on"] == name else None)


def _jobs(plan, name):
    """The jobs of an instance: BizTalk's for the databases that it holds, an administrator's own, those of log shipping."""
    about, (_group, group) = plan.instances[name], plan.in_group(name)
    databases, share = plan.databases(name), plan.group["share"]
    if about.get("shipped_from"):
        yield from jobs.shipping_jobs(about["shipped_from"])
    else:
        places = {kind: place for kind, place in plan.places.items() if place[1] in databases}
        wanted = []
        if "BizTalkMgmtDb" in places:
            wanted += jobs.management_jobs(places["BizTalkMgmtDb"][1], plan.group["backup"] and {"path": share, **plan.group["backup"]})
        if "BizTalkMsgBoxDb" in places:
            wanted += jobs.messagebox_jobs(places["BizTalkMsgBoxDb"], plan.places["BizTalkDTADb"])
        if "BizTalkDTADb" in places:
            wanted.append(jobs.tracking_job(places["BizTalkDTADb"][1]))
        if "BizTalkRuleEngineDb" in places:
            wanted.append(jobs.rules_job(places["BizTalkRuleEngineDb"][1]))
        yield from (jobs.guarded(job, job["database"]) for job in wanted) if group else wanted
    beside = [database for database, kind in databases.items() if kind in BESIDE]
    readable = [] if about.get("shipped_from") or group and group["replicas"][0] != name else list(databases)
    yield jobs.own_check_job(["master", "model", "msdb", *readable])
    yield jobs.own_backup_job(["master", "model", "msdb", *beside], rf"{share}\{name.replace(chr(92), '_')}", 13000)
