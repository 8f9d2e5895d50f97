"""
Which file systems are mounted, from ``/proc/self/mountinfo``.

psutil's own list leaves out every file system that has no block device, and with it NFS and Lustre. Reading
this file touches none of the file systems, so it can't hang on a dead one.

Source: proc_pid_mountinfo(5).
"""

from __future__ import annotations

import re

from attrs import frozen

# The contract's list.
SHARED = frozenset({
    "nfs", "nfs4", "cifs", "smb", "smbfs", "lustre", "gpfs", "beegfs", "pvfs2", "orangefs", "glusterfs",
    "cephfs", "afs", "dvs",
})  # fmt: skip
# The same systems under the names that the kernel's or their own modules use.
_SHARED_ALIASES = frozenset({"ceph", "smb3", "fhgfs", "auristorfs", "kafs", "panfs", "wekafs", "daos"})
# Neither disks nor shared: what the kernel shows of itself, memory, packed images, and desktops' helpers.
_NOT_STORAGE = frozenset({
    "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs",
    "efivarfs", "erofs", "fuse.gvfsd-fuse", "fuse.lxcfs", "fuse.portal", "fuse.snapfuse",
    "fuse.squashfuse", "fusectl", "hugetlbfs", "iso9660", "mqueue", "nsfs", "proc", "pstore", "ramfs",
    "rpc_pipefs", "securityfs", "selinuxfs", "squashfs", "sysfs", "tmpfs", "tracefs",
})  # fmt: skip
_ESCAPE = re.compile(r"\\([0-7]{3})")


@frozen
class Mount:
    """A mount: ``number`` is the device's major:minor, ``root`` the part of it that is mounted."""

    mount: str
    device: str
    fstype: str
    number: str
    root: str

    @property
    def shared(self) -> bool:
        """Whether other hosts see the same files."""
        fstype = self.fstype.removeprefix("fuse.")
        return fstype in SHARED or fstype in _SHARED_ALIASES

    @property
    def local(self) -> bool:
        """Whether it lies on a block device of this host, as far as its name tells."""
        return not self.shared and (self.device.startswith("/dev/") or self.fstype == "zfs")


def storage_mounts(mountinfo: str) -> tuple[Mount, ...]:
    """
    Return the mounts that hold files on some storage, by path.

    What is mounted over is left out, and so is a second mount of the same part of the same device. The root
    is always there, also when it is in memory.
    """
    visible: dict[str, Mount] = {}
    for line in mountinfo.splitlines():
        if (mount := _parse(line)) is not None:
            visible[mount.mount] = mount  # the later line lies on top
    first: dict[tuple[str, str, str], Mount] = {}
    for mount in sorted(visible.values(), key=lambda mount: (len(mount.mount), mount.mount)):
        if mount.mount == "/" or mount.fstype not in _NOT_STORAGE:
            first.setdefault((mount.number, mount.device, mount.root), mount)
    return tuple(sorted(first.values(), key=lambda mount: mount.mount))


def _parse(line: str) -> Mount | None:
    before, dash, after = line.partition(" - ")
    head, tail = before.split(" "), after.split(" ")
    if not dash or len(head) < 6 or len(tail) < 2:
        return None
    return Mount(
        mount=_plain(head[4]),
        device=_plain(tail[1]),
        fstype=tail[0],
        number=head[2],
        root=_plain(head[3]),
    )


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)
