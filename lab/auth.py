"""Who is on a connection: Basic, or NTLM inside Negotiate with the message encryption of WinRM (MS-WSMV 2.2.9.1)."""
from __future__ import annotations

import base64
import binascii
import os
import re
import struct
from pathlib import Path

import spnego
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import SpnegoError

ENCRYPTED = "multipart/encrypted"
BOUNDARY = b"--Encrypted Boundary"
PART = (b'\r\n\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n\tOriginalContent: type=application/soap+xml;'
        b"charset=UTF-8;Length=%d\r\n" + BOUNDARY + b"\r\n\tContent-Type: application/octet-stream\r\n")


class Undecryptable(Exception):
    """The body is encrypted for another session. WinRM answers 400."""


class Authenticator:
    """The authentication of one TCP connection; NTLM belongs to the connection, not to the request.

    *password_of(user)* gives the password or None; *credentials* is the file that pyspnego's NTLM acceptor looks users up in.
    """

    def __init__(self, password_of, credentials, certificate_hash=None):
        self.password_of, self.credentials = password_of, Path(credentials)
        self.bindings = certificate_hash and GssChannelBindings(application_data=b"tls-server-end-point:" + certificate_hash)
        self.context = None
        self.user = None

    def step(self, authorization):
        """``(accepted, headers)`` for the Authorization header of a request, which may be empty."""
        scheme, _blank, value = authorization.partition(" ")
        if not scheme:
            return self.user is not None, {} if self.user else {"WWW-Authenticate": ["Negotiate", 'Basic realm="WSMAN"']}
        try:
            token = base64.b64decode(value, validate=True)
        except binascii.Error:
            return False, {"WWW-Authenticate": ["Negotiate", 'Basic realm="WSMAN"']}
        if scheme.lower() == "basic":
            user, _colon, password = token.decode("utf-8", "replace").partition(":")
            self.user = user if password and self.password_of(user) == password else None
            return self.user is not None, {} if self.user else {"WWW-Authenticate": ["Negotiate", 'Basic realm="WSMAN"']}
        return self._negotiate(token)

    def _negotiate(self, token):
        os.environ["NTLM_USER_FILE"] = str(self.credentials)  # the acceptor's only way to users; read at each step
        if self.context is None or self.context.complete:
            self.user = None
            self.context = spnego.server(hostname="localhost", service="HTTP", protocol="negotiate", channel_bindings=self.bindings,
                                         options=spnego.NegotiateOptions.use_ntlm)
        try:
            reply = self.context.step(token)
        except SpnegoError:
            self.context = None
            return False, {"WWW-Authenticate": ["Negotiate"]}
        if not self.context.complete:
            return False, {"WWW-Authenticate": ["Negotiate " + base64.b64encode(reply or b"").decode()]}
        self.user = self.context.client_principal
        if self.password_of(self.user) is None:
            self.user = None
            return False, {"WWW-Authenticate": ["Negotiate"]}
        return True, {}

    def unwrap(self, body):
        """The envelope inside an encrypted body. Raises Undecryptable."""
        if self.context is None or not self.context.complete:
            raise Undecryptable("no session on this connection")
        try:
            sealed = body.split(b"application/octet-stream\r\n", 1)[1]
            sealed = sealed[:sealed.rindex(BOUNDARY)]
            size = struct.unpack("<I", sealed[:4])[0]
            return self.context.unwrap_winrm(sealed[4:4 + size], sealed[4 + size:])
        except (SpnegoError, IndexError, ValueError, struct.error) as error:
            raise Undecryptable(str(error)) from error

    def wrap(self, text):
        """``(content type, body)`` of an encrypted answer."""
        result = self.context.wrap_winrm(text)
        body = (BOUNDARY + PART % (len(text) + result.padding_length) + struct.pack("<I", len(result.header))
                + result.header + result.data + BOUNDARY + b"--\r\n")
        return ENCRYPTED + ';protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"', body


def write_credentials(path, users):
    """Writes users (name -> password) where the NTLM acceptor finds them, readable by this account only."""
    lines = []
    for name, password in users.items():
        domain, _backslash, user = name.rpartition("\\")
        if re.search(r"[:\r\n]", name + password):
            raise ValueError(f"the user {name}: name and password of a lab user may hold no colon")
        lines.append(f"{domain}:{user}:{password}\n")
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as handle:
        handle.writelines(lines)
