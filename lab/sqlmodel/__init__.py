"""What the lab's SQL Servers hold: from the ``instances`` of a scenario to databases, Agent, BizTalk group and their history.

``servers.py`` describes the instances, ``catalog.py`` and ``biztalk.py`` give the rows of sys.* and of the management database,
``agent.py`` is SQL Server Agent, ``backups.py`` the BACKUP statement with its log chains, ``sets.py`` BizTalk's backup procedures,
``procedures.py`` what can be called over the wire. History is not written: the Agent really runs, from some days ago until now.
"""
