# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The way to a Windows host: one batch over the task's own Ansible connection, one answer back.

Works with every connection plugin that hands standard input to a PowerShell command (winrm; psrp and ssh by construction).
Success is judged from the answer's lines only, never from an exit code or from standard error.
"""

import base64
import re
import secrets
import threading
import time
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import answer as answers
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import batch as batches

EXECUTOR = Path(__file__).with_name("executor.ps1")
PARTS = {kind: EXECUTOR.with_name(f"executor_{kind}.ps1") for kind in ("exe", "sql")}   # sent with a batch that has such a step


def _sent(path):
    """A script without what only its readers need, since a host takes it in at each start: indents, comments and empty lines."""
    lines = (line.strip() for line in path.read_text(encoding="ascii").splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))


TEXTS = {kind: _sent(path) for kind, path in {**PARTS, "all": EXECUTOR}.items()}    # made once, before Ansible forks

# Tests the language mode first, with nothing that Constrained Language forbids; then both lengths; then runs the executor.
BOOTSTRAP = """\
if($ExecutionContext.SessionState.LanguageMode -ne 'FullLanguage'){'{"bft":"","kind":"refused","reason":"language_mode"}';return}
$ProgressPreference='SilentlyContinue'
$h,$t=(@($input)-join"`n")-split"`n",2
if("$h"-match'BFT1 (\\d+) (\\d+)$'-and"$t".Length-eq1+$Matches[1]+$Matches[2]){
$n=[int]$Matches[1]
&([scriptblock]::Create($t.Substring(0,$n)))$t.Substring($n+1)
}else{'{"bft":"","kind":"refused","reason":"cut"}'}"""

# This very text, blanks and case included: Ansible 2.19 wraps any other command in a second PowerShell.
PREFIX = "PowerShell -NoProfile -NonInteractive -ExecutionPolicy Unrestricted -EncodedCommand "
COMMAND = PREFIX + base64.b64encode(BOOTSTRAP.encode("utf-16-le")).decode("ascii")

OUTCOME = " Whether a change was made is not known: read the state before trying again."


class HostError(Exception):
    """The host gave no answer. The text is for a person; *sent*: the host may have begun the batch."""

    def __init__(self, message, sent):
        super().__init__(message)
        self.message = message
        self.sent = sent


class HostUnreachable(HostError):
    """No conversation with the host came about, or it broke off."""


class HostFailed(HostError):
    """The host talks to us but did not carry out the batch. *code* is its fault code where it gave one."""

    def __init__(self, message, sent, code=None):
        super().__init__(message, sent)
        self.code = code


def run(connection, areas, name, deadline=300, changing=False, progress=None):
    """Carries out one batch and returns its ``answer.Answer``; areas that did not arrive are named in it.

    *connection*: the task's connection plugin. *areas*: area name -> steps. *name*: the inventory name, for messages.
    *deadline*: seconds after which the host begins no further step. *changing*: the batch may change something, so that a loss
    leaves the outcome unknown. *progress*: called about once a second with the seconds so far, from another thread.
    Raises HostUnreachable or HostFailed.
    """
    document = batches.batch(areas, secrets.token_hex(8), deadline)
    stdin = standard_input(document).encode("ascii")
    with _Heartbeat(progress):
        stdout = _exchange(connection, stdin, name, changing)
    answer = answers.parse(stdout.decode("utf-8", "replace"), document)
    if answer.refused == "language_mode":
        raise HostFailed(f"{name} runs PowerShell in a restricted language mode (application control), which the batch cannot do "
                         "without: let this account run in FullLanguage mode.", sent=False)
    if answer.refused:
        raise HostFailed(f"{name} received the batch cut off and carried out nothing: look for a limit on the size of requests "
                         "(WinRM's MaxEnvelopeSizekb) or a broken connection.", sent=False)
    if not answer.host and not answer.areas:
        raise HostFailed(f"{name} ran the command but gave no answer of ours: check that PowerShell 5.1 starts there for this account "
                         f"and that nothing stops its scripts.{OUTCOME if changing else ''}", sent=True)
    return answer


def standard_input(document):
    """What the command takes in: the executor and the batch, as text."""
    return batches.encode(executor(document), document)


def executor(document):
    """The executor with the parts that a batch needs."""
    return "\n".join([*(TEXTS[kind] for kind in PARTS if any(kind in step for area in document["areas"] for step in area["steps"])),
                      TEXTS["all"]])


def refuse_become(connection_name, become):
    """One sentence where *become* is on, since a batch would silently run as the connection's account; else None."""
    if not become:
        return None
    return (f"become does not work for this task: over {connection_name} the batch would silently run as the connection's account. "
            "Use Kerberos delegation or CredSSP for a second hop (not tested by this collection), a psrp session configuration with "
            "RunAs, as a gMSA (not tested either), or another connection account.")


def _exchange(connection, stdin, name, changing):
    """Standard output of the command, as bytes."""
    sent = False
    try:
        if not connection.connected:
            connection._connect()
        sent = True
        return connection.exec_command(COMMAND, in_data=stdin, sudoable=False)[1]
    except Exception as error:
        raise _explained(error, name, sent, changing) from error


class _Heartbeat:
    """Calls *beat(seconds)* about once a second while its block runs."""

    def __init__(self, beat):
        self.beat = beat
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self):
        if self.beat:
            self.thread.start()

    def __exit__(self, *_error):
        self.done.set()
        if self.beat:
            self.thread.join()

    def _work(self):
        started = time.monotonic()
        while not self.done.wait(1.0):
            self.beat(time.monotonic() - started)


# What went wrong, in words. Foreign exceptions are told by the module they come from, so that none has to be imported.

ACCESS = ("WinRM denied access: over winrm the account must be an administrator of the host; as a member of Remote Management Users it can "
          "use psrp (ansible_connection: psrp)")
QUOTA = "the account has used up a quota of WinRM (shells or operations): close some or lower the number of forks"
FAULTS = {
    5: ACCESS,
    87: "WinRM did not accept a parameter of the request",
    1460: "WinRM gave up while it took in the batch (timeout)",
    2147942402: "Windows did not find the file to start: is PowerShell on the path?",
    2147942405: ACCESS,
    2150858793: "WinRM did not complete the operation in time",
    2150858843: "the shell on the host was gone before the answer came: it was closed or WinRM was restarted",
    2150859173: QUOTA,
    2150859174: QUOTA,
}

REFUSED = "it refused the user name or password"

# Parts of the transports' own words (they are English), the sentence, and what to do. The first that fits is taken.
CONNECT = (
    (r"credentials were rejected|InvalidCredentials|AuthenticationError|AuthenticationFailure|Permission denied|Code 401\b",
     REFUSED, "check ansible_user, ansible_password and the transport"),
    (r"CERTIFICATE_VERIFY_FAILED|SSLCertVerification|SSLError|SSL handshake|WRONG_VERSION_NUMBER",
     "no TLS connection that can be trusted came about",
     "check the CA file (ansible_winrm_ca_trust_path), the certificate's name and dates, and the port"),
    (r"suitable TLS CA certificate bundle", "the file of trusted certificates is not there", "check ansible_winrm_ca_trust_path"),
    (r"Errno 111|Connection refused|10061", "nothing listens on the port", "check that WinRM runs there, the port and the firewall"),
    (r"Name or service not known|getaddrinfo|NameResolution|nodename nor|Temporary failure in name",
     "its name is not known", "check ansible_host and DNS"),
    (r"Errno 113|No route to host|Network is unreachable", "there is no way to it", "check the network"),
    (r"timed out|Timeout|^AnsibleConnectionFailure\s*$", "it did not answer in time", "check that it runs, the network and the firewall"),
    (r"reset by peer|aborted|RemoteDisconnected|Broken pipe|Connection broken|IncompleteRead",
     "the connection was cut", "check the host and what stands between"),
    (r"kinit|Kerberos|krb5|GSSAPI|SPNEGO|No credentials cache",
     "no Kerberos ticket could be had or used", "check the principal, the password and the clocks"),
    (r"Code \d{3}\b|ParseError", "what answers there does not speak WinRM", "check the port, the path and the scheme"),
)
TRANSPORT = re.compile(r"\b(?:plaintext|basic|ssl|kerberos|ntlm|certificate|credssp):(?: |$)")
CAUSED = re.compile(r"wsmanfault_code': '?(\d+)")  # of a fault that the winrm plugin turned into text while it connected


def _explained(error, name, sent, changing):
    """The HostError for whatever a connection plugin raised."""
    outcome = OUTCOME if sent and changing else ""
    module, text = _origin(error), _text(error)
    code = _fault_code(error)
    if code is None and not sent:
        found = CAUSED.search(text)
        code = int(found[1]) if found else None
    if code is None and "w:QuotaLimit" in text:
        return HostFailed(f"{name}: {QUOTA}.{outcome}", sent)
    if code is not None:
        what = FAULTS.get(code, f"WinRM answered with the fault {code} (0x{code & 0xFFFFFFFF:08X})")
        return HostFailed(f"{name}: {what}.{outcome}", sent, code)
    if module in ("winrm", "pypsrp") and "WSManFault" in text:
        return HostFailed(f"{name}: WinRM answered with a fault that has no number; run with -vvvvv to see its own words.{outcome}", sent)
    if module == "ansible" and not isinstance(error, AnsibleConnectionFailure):
        if "send_input failed" in text:
            return HostFailed(f"{name}: the batch could not be sent whole.{outcome}", sent)
        if re.search(r"not installed|No module named|No transport", text):
            return HostFailed(f"{name}: the controller lacks what this connection needs: install pywinrm (or pypsrp) where Ansible runs.",
                              sent)
    if module == "builtins" and not isinstance(error, (OSError, EOFError)):
        return HostFailed(f"{name}: the connection plugin failed on the controller; run with -vvvvv to see its own words.{outcome}", sent)
    what, advice = _words(text)
    if not sent:
        return HostUnreachable(f"{name} cannot be reached: {what}; {advice}.", sent)
    return HostUnreachable(f"{name}: the connection was lost while the batch ran: {what}; {advice}.{outcome}", sent)


def _origin(error):
    """The package that the class of *error* comes from."""
    return type(error).__module__.split(".")[0]


def _fault_code(error):
    """The number of a WS-Management fault that the host answered with, or None."""
    if not type(error).__name__.startswith("WSManFault"):
        return None
    names = {"winrm": ("wsman_fault_code", "wmierror_code"), "pypsrp": ("code",)}.get(_origin(error), ())
    return next((int(code) for code in (getattr(error, name, None) for name in names) if code is not None), None)


def _text(error):
    """Everything that the chain of exceptions says, for recognition only."""
    parts = []
    while error is not None and len(parts) < 10:
        parts.append(f"{type(error).__name__} {error}")
        error = error.__cause__ or error.__context__
    return TRANSPORT.sub("", " ".join(parts))


def _words(text):
    for pattern, what, advice in CONNECT:
        found = re.search(pattern, text)
        if found:
            return what, advice
    return "the transport reported an error", "run with -vvvvv to see its own words"
