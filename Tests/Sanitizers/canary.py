"""Errs on purpose, inside the library: a sanitizer that is really in it says so.

usage: canary.py address|thread|leak
"""

import ctypes
import sys
import threading

from streamablehttp._abi import shttp_bytes, shttp_loop_p, shttp_server_options
from streamablehttp._library import library

TRIES = 100_000


def address():
    """The library reads memory that has been freed."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.free.argtypes = [ctypes.c_void_p]
    gone = libc.malloc(64)
    libc.free(gone)
    library.shttp_headers_find(shttp_bytes(gone, 64), b"host", ctypes.byref(shttp_bytes()))


def thread():
    """Two threads write to the same options, and nothing orders them."""
    options = shttp_server_options()
    arguments = ctypes.byref(options), ctypes.sizeof(options)

    def write():
        for _ in range(TRIES):
            library.shttp_server_options_init_sized(*arguments)

    other = threading.Thread(target=write)
    other.start()
    write()
    other.join()


def leak():
    """A loop that nobody destroys."""
    library.shttp_loop_create(None, ctypes.byref(shttp_loop_p()))


{"address": address, "thread": thread, "leak": leak}[sys.argv[1]]()
