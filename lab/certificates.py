"""The lab's own certificate authority, its certificate for loopback, and three certificates that a client must refuse."""
from __future__ import annotations

import datetime
import hashlib
import os
import ssl
from pathlib import Path

import trustme

NAMES = ("127.0.0.1", "localhost")


def ensure(folder):
    """Makes the authority and the certificates on the first start. Returns the path of the authority's certificate."""
    folder = Path(folder)
    trusted = folder / "ca.pem"
    if not trusted.exists():
        authority, stranger = trustme.CA(organization_name="biztalk.fault_tolerance lab"), trustme.CA()
        past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
        issued = {
            "good": authority.issue_cert(*NAMES),
            "untrusted": stranger.issue_cert(*NAMES),
            "wrong_name": authority.issue_cert("other-host.contoso.test"),
            "expired": authority.issue_cert(*NAMES, not_before=past, not_after=past + datetime.timedelta(days=90)),
        }
        for name, certificate in issued.items():
            file = os.open(folder / f"{name}.pem", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(file, "wb") as handle:
                handle.write(certificate.private_key_and_cert_chain_pem.bytes())
        authority.cert_pem.write_to_path(str(trusted))
    return trusted


def context(folder, name):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(Path(folder) / f"{name}.pem")
    return made


def fingerprint(folder, name):
    """SHA-256 of the certificate as DER: what channel bindings are made of."""
    text = (Path(folder) / f"{name}.pem").read_text()
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERTIFICATE"):])).digest()
