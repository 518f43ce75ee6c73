"""The accepting side of Kerberos, through the C library libgssapi_krb5 (Debian: libgssapi-krb5-2)."""
from __future__ import annotations

import ctypes
from ctypes import byref, c_char_p, c_size_t, c_uint32, c_void_p

LIBRARY = "libgssapi_krb5.so.2"


class Buffer(ctypes.Structure):
    _fields_ = [("length", c_size_t), ("value", c_void_p)]

    def bytes(self):
        return ctypes.string_at(self.value, self.length) if self.length else b""


class Acceptor:
    """*keytab*: path of the keys of the service. Raises OSError where the library is not there."""

    def __init__(self, keytab):
        self.library = ctypes.CDLL(LIBRARY)
        self.library.krb5_gss_register_acceptor_identity(c_char_p(str(keytab).encode()))

    def accept(self, token):
        """``(user, realm, answer)`` of a client's token; None where it is not one of a ticket for a key of the keytab."""
        gss, minor, context, name, answer, shown = self.library, c_uint32(), c_void_p(), c_void_p(), Buffer(), Buffer()
        kept = ctypes.create_string_buffer(token, len(token))
        given = Buffer(len(token), ctypes.cast(kept, c_void_p))
        if gss.gss_accept_sec_context(byref(minor), byref(context), None, byref(given), None, byref(name), None, byref(answer), None, None,
                                      None):
            return None
        gss.gss_display_name(byref(minor), name, byref(shown), None)
        user, _at, realm = shown.bytes().decode().rpartition("@")
        made = user, realm, answer.bytes()
        for buffer in (answer, shown):
            gss.gss_release_buffer(byref(minor), byref(buffer))
        gss.gss_release_name(byref(minor), byref(name))
        gss.gss_delete_sec_context(byref(minor), byref(context), None)
        return made
