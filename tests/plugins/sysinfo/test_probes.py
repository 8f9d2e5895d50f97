"""What the probes make of ``/proc`` and ``/sys``."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radical_edge_sysinfo.models import Cache
from radical_edge_sysinfo.probes.blockdevice import rotational
from radical_edge_sysinfo.probes.cpu import MAX_WINDOW_S, MIN_WINDOW_S, CpuProbe, Sample, busy_percent
from radical_edge_sysinfo.probes.cpumodel import cpu_model
from radical_edge_sysinfo.probes.disks import disk_type, read_disks
from radical_edge_sysinfo.probes.mounts import SHARED, Mount, storage_mounts
from radical_edge_sysinfo.probes.network import MAX_WINDOW_S as MAX_RATE_S
from radical_edge_sysinfo.probes.network import Count, rates
from radical_edge_sysinfo.probes.topology import read_topology
from radical_edge_sysinfo.workers import Workers

CONTRACT = "nfs nfs4 cifs smb smbfs lustre gpfs beegfs pvfs2 orangefs glusterfs cephfs afs dvs"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def link(root: Path, name: str, target: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(root / target)


@pytest.fixture
def sys(tmp_path: Path) -> Path:
    """A sysfs with a spinning disk, a solid-state one, and devices made of them."""
    root = write(
        tmp_path / "sys",
        {
            "devices/sda/queue/rotational": "1\n",
            "devices/sda/sda1/partition": "1\n",
            "devices/nvme0n1/queue/rotational": "0\n",
            "devices/nvme0n1/nvme0n1p2/partition": "2\n",
            "devices/dm-0/queue/rotational": "0\n",
            "devices/dm-1/queue/rotational": "0\n",
            "devices/odd/size": "1\n",
        },
    )
    link(root, "devices/dm-0/slaves/nvme0n1p2", "devices/nvme0n1/nvme0n1p2")
    link(root, "devices/dm-1/slaves/dm-0", "devices/dm-0")
    link(root, "devices/dm-1/slaves/sda1", "devices/sda/sda1")
    for number, device in {
        "8:0": "sda", "8:1": "sda/sda1", "259:2": "nvme0n1/nvme0n1p2", "253:0": "dm-0", "253:1": "dm-1", "9:9": "odd"
    }.items():  # fmt: skip
        link(root, f"dev/block/{number}", f"devices/{device}")
    link(root, "class/block/nvme0n1p2", "devices/nvme0n1/nvme0n1p2")
    return root


@pytest.mark.parametrize(
    ("number", "device", "spins"),
    [
        ("8:0", "/dev/sda", True),
        ("8:1", "/dev/sda1", True),
        ("259:2", "/dev/nvme0n1p2", False),
        ("253:0", "/dev/mapper/root", False),
        ("253:1", "/dev/mapper/mixed", True),
        ("9:9", "/dev/odd", None),
        ("0:44", "filer:/home", None),
        ("0:50", "/dev/nvme0n1p2", False),
    ],
    ids=["disk", "partition", "solid", "mapped", "mapped over both", "silent", "no device", "btrfs, by name"],
)
def test_a_device_spins_if_what_lies_below_it_does(sys, number, device, spins) -> None:
    """Partitions ask their disk, mapped devices all that they are made of."""
    assert rotational(number, device, sys) is spins


@pytest.mark.parametrize("fstype", [*CONTRACT.split(), "ceph", "smb3", "fuse.glusterfs", "fuse.beegfs"])
def test_shared_file_systems_are_known(sys, fstype) -> None:
    """The contract's types, and the same systems under their modules' names."""
    mount = Mount(mount="/x", device="server:/x", fstype=fstype, number="0:99", root="/")
    assert disk_type(mount, sys) == "shared"


def test_the_contract_s_list_is_complete() -> None:
    """No type more, none less."""
    assert set(CONTRACT.split()) == SHARED


@pytest.mark.parametrize(
    ("fstype", "device", "number", "kind"),
    [
        ("ext4", "/dev/sda1", "8:1", "local hdd"),
        ("xfs", "/dev/nvme0n1p2", "259:2", "local ssd"),
        ("ext4", "/dev/odd", "9:9", "local unknown"),
        ("zfs", "tank/home", "0:60", "local unknown"),
        ("fuse.sshfs", "me@other:", "0:61", "unknown"),
        ("overlay", "overlay", "0:62", "unknown"),
    ],
)
def test_local_disks_have_a_kind(sys, fstype, device, number, kind) -> None:
    """What the kernel says of the device, or that it says nothing."""
    assert disk_type(Mount(mount="/x", device=device, fstype=fstype, number=number, root="/"), sys) == kind


def test_the_mounts_of_a_login_node(recorded) -> None:
    """Storage only, the topmost mount of a path, each export once, escapes undone."""
    found = {mount.mount: mount.fstype for mount in storage_mounts(recorded("mountinfo-login"))}
    assert found == {
        "/": "xfs",
        "/boot": "xfs",
        "/home": "nfs4",
        "/scratch": "lustre",
        "/gpfs/my project": "gpfs",
        "/mnt/old": "nfs",
        "/ceph": "ceph",
        "/beeond": "fuse.beegfs",
        "/home/me/remote": "fuse.sshfs",
    }


def test_the_root_counts_also_in_memory() -> None:
    """A diskless node has its root in a tmpfs."""
    (mount,) = storage_mounts("1 1 0:2 / / rw - tmpfs rootfs rw\n2 1 0:3 / /tmp rw - tmpfs tmpfs rw\n")
    assert mount.mount == "/"


@given(st.text())
def test_no_text_breaks_the_reader_of_mounts(text: str) -> None:
    """Lines that are none are passed over."""
    storage_mounts(text)


def test_disks_are_asked_and_files_left_out(tmp_path, sys) -> None:
    """A bind mount of a single file is no disk."""
    file = write(tmp_path, {"hosts": "x"}) / "hosts"
    info = write(
        tmp_path,
        {
            "mountinfo": f"1 1 8:1 / {tmp_path} rw - ext4 /dev/sda1 rw\n"
            f"2 1 8:1 /etc/hosts {file} rw - ext4 /dev/sda1 rw\n"
        },
    )
    outcome = read_disks(Workers(), 5.0, mountinfo=info / "mountinfo", sys=sys)
    (disk,) = outcome.value
    assert (disk.mount, disk.type, outcome.gaps) == (str(tmp_path), "local hdd", ())
    assert 0 < disk.used <= disk.total


def test_a_name_that_is_no_text_is_shown(tmp_path, sys) -> None:
    """A path that is not UTF-8 comes out with escapes, and JSON can carry it."""
    folder = tmp_path / "x\udce9"
    folder.mkdir()
    info = tmp_path / "mountinfo"
    info.write_bytes(
        b"1 1 8:1 / " + str(folder).encode("utf-8", "surrogateescape") + b" rw - ext4 /dev/sda1 rw\n"
    )
    (disk,) = read_disks(Workers(), 5.0, mountinfo=info, sys=sys).value
    assert disk.mount.endswith("x\\xe9")


@pytest.mark.parametrize(
    ("name", "model", "vendor"),
    [
        ("cpuinfo-x86", "Intel(R) Xeon(R) Platinum 8480+", "GenuineIntel"),
        ("cpuinfo-grace", "Neoverse-V2", "ARM"),
        ("cpuinfo-a64fx", "A64FX", "Fujitsu"),
        ("cpuinfo-power9", "POWER9, altivec supported", "IBM"),
    ],
)
def test_processors_are_named(recorded, name, model, vendor) -> None:
    """Every architecture has its own way to say it."""
    assert cpu_model(recorded(name)) == (model, vendor)


def test_an_unknown_arm_part_is_named_by_number() -> None:
    """A number is better than nothing."""
    assert cpu_model("CPU implementer : 0x99\nCPU part : 0xabc\n") == ("part 0xabc", "implementer 0x99")


@given(st.text())
def test_no_text_breaks_the_reader_of_cpuinfo(text: str) -> None:
    """There is always an answer."""
    assert all(isinstance(part, str) for part in cpu_model(text))


counters = st.floats(0, 1e9, allow_nan=False)


@given(counters, counters, counters, counters)
def test_a_percentage_is_one_whatever_the_counters_do(a: float, b: float, c: float, d: float) -> None:
    """Counters that run backwards (a virtual machine was moved) give 0 to 100 all the same."""
    assert 0.0 <= busy_percent(Sample(0, a, b), Sample(1, c, d)) <= 100.0


def test_the_percentage_is_that_of_the_time_between_two_samples() -> None:
    """Half of ten seconds of two processors is half."""
    assert busy_percent(Sample(0, 100, 200), Sample(10, 110, 220)) == 50.0


@pytest.mark.parametrize(("age", "pauses"), [(MIN_WINDOW_S / 2, 2), (2.0, 1), (MAX_WINDOW_S + 1, 2)])
def test_an_old_sample_and_a_fresh_one_are_taken_anew(age: float, pauses: int) -> None:
    """The window is neither too short to measure nor longer than what "now" means."""
    clock, waited = [0.0], []

    def sample() -> Sample:
        return Sample(clock[0], clock[0] / 4, clock[0])

    def pause(seconds: float) -> None:
        waited.append(seconds)
        clock[0] += seconds

    probe = CpuProbe(sample, pause)
    probe.read()
    clock[0] += age
    assert probe.read().percent == 25.0
    assert len(waited) == pauses


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, Count(5, 10, 10), (None, None)),
        (Count(0, 0, 100), Count(2, 1000, 100), (500.0, 0.0)),
        (Count(0, 500, 0), Count(2, 100, 50), (None, None)),
        (Count(0, 0, 0), Count(MAX_RATE_S + 1, 9, 9), (None, None)),
        (Count(1, 0, 0), Count(1, 9, 9), (None, None)),
    ],
    ids=["first", "plain", "made anew", "too old", "at once"],
)
def test_rates_come_from_two_samples(before, after, expected) -> None:
    """Without a sample to compare with there is no rate."""
    assert rates(before, after) == expected


def test_the_topology_of_two_sockets_with_two_threads_a_core(tmp_path) -> None:
    """Sockets, cores, threads, nodes, and each cache once however many processors share it."""
    cpus = "devices/system/cpu"
    files = {}
    for cpu in range(8):
        socket, core = cpu // 4, cpu % 2
        files |= {
            f"{cpus}/cpu{cpu}/topology/physical_package_id": str(socket),
            f"{cpus}/cpu{cpu}/topology/core_id": str(core),
            f"{cpus}/cpu{cpu}/cache/index0/level": "1",
            f"{cpus}/cpu{cpu}/cache/index0/type": "Data",
            f"{cpus}/cpu{cpu}/cache/index0/size": "48K",
            f"{cpus}/cpu{cpu}/cache/index0/shared_cpu_list": f"{cpu - cpu % 4 + core},{cpu - cpu % 4 + core + 2}",
            f"{cpus}/cpu{cpu}/cache/index3/level": "3",
            f"{cpus}/cpu{cpu}/cache/index3/type": "Unified",
            f"{cpus}/cpu{cpu}/cache/index3/size": "105M",
            f"{cpus}/cpu{cpu}/cache/index3/shared_cpu_list": f"{socket * 4}-{socket * 4 + 3}",
        }
    files |= {f"devices/system/node/node{node}/cpulist": "0" for node in range(4)}
    files[f"{cpus}/cpuidle/current_driver"] = "none"
    found = read_topology(write(tmp_path, files))
    assert (found.sockets, found.cores_per_socket, found.threads_per_core, found.numa_nodes) == (2, 2, 2, 4)
    assert found.caches == (
        Cache(level=1, type="data", size=48 * 1024, count=4),
        Cache(level=3, type="unified", size=105 * 1024**2, count=2),
    )


def test_a_kernel_that_says_nothing_of_its_topology(tmp_path) -> None:
    """Null is honest, 1 would be a guess."""
    found = read_topology(tmp_path)
    assert (found.sockets, found.cores_per_socket, found.threads_per_core, found.numa_nodes) == (None,) * 4
    assert found.caches == ()
