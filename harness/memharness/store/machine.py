"""What must be equal before values of two hosts are compared; nothing that tells whose host it is."""

import platform
import struct

from memharness.model.values import Value

_FORMAT = 1  # of this file alone: two of them must be equal


class Machine(Value):
    """The contents of machine.json."""

    format: int
    system: str  # "linux"
    architecture: str  # "x86_64"
    libc: str  # "glibc"; without version: it does not change what is traced, and runners change it often
    pointer_bits: int

    @property
    def name(self) -> str:
        """`linux-x86_64-glibc-64`."""
        return f"{self.system}-{self.architecture}-{self.libc}-{self.pointer_bits}"


def this_machine() -> Machine:
    """Return the facts of this host."""
    return Machine(
        format=_FORMAT,
        system=platform.system().lower() or "unknown",
        architecture=platform.machine() or "unknown",
        libc=platform.libc_ver()[0] or "unknown",
        pointer_bits=struct.calcsize("P") * 8,
    )
