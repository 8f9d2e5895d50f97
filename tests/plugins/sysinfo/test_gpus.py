"""The vendors' tools, as small programs that print what the real ones do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radical_edge_sysinfo.gpus import amdsmi, intel, nvidia, rocmsmi, values
from radical_edge_sysinfo.gpus.drm import read_drm
from radical_edge_sysinfo.outcome import ProbeError

HERE = Path(__file__).parent / "recorded"


async def gpus(host) -> list[dict[str, object]]:
    async with host() as h:
        found = await h.metrics()
        assert found["errors"] == {}
        return found["gpus"]


async def test_nvidia_s(host, programs) -> None:
    """One entry a device; what a device in MIG mode does not tell is null."""
    programs(
        "nvidia-smi", f'case "$1" in --query-gpu=index,uuid,*) cat {HERE}/nvidia-smi.csv;; *) exit 2;; esac'
    )
    first, second = await gpus(host)
    assert first == {
        "id": "nvidia-0",
        "index": 0,
        "name": "NVIDIA A100-SXM4-80GB",
        "driver_version": "550.54.15",
        "uuid": "GPU-3f1a6c52-0d8e-4f9b-9a53-7c1d2e4b5a60",
        "vendor": "NVIDIA",
        "util_gpu": 87.0,
        "util_mem": 41.0,
        "mem_total": 81920,
        "mem_used": 65012,
        "mem_free": 16908,
    }
    assert (second["util_gpu"], second["util_mem"], second["mem_free"]) == (None, None, 81920)


@pytest.mark.parametrize("name", ["rocm-smi-5.json", "rocm-smi-6.json"])
async def test_amd_s_by_the_older_tool(host, programs, name) -> None:
    """Two generations of names, and warnings before the document."""
    programs("rocm-smi", f"cat {HERE}/{name}")
    found = await gpus(host)
    if name == "rocm-smi-5.json":
        assert found == [
            {
                "id": "amd-0",
                "index": 0,
                "name": "AMD INSTINCT MI200 (MCM) OAM AC MBA",
                "driver_version": "5.16.9.22.20",
                "uuid": "0x5a1b2c3d4e5f6071",
                "vendor": "AMD",
                "util_gpu": 63.0,
                "util_mem": 12.0,
                "mem_total": 65520,
                "mem_used": 32760,
                "mem_free": 32760,
            }
        ]
    else:
        assert [(gpu["id"], gpu["name"], gpu["util_gpu"]) for gpu in found] == [
            ("amd-0", "AMD Instinct MI300X", 0.0),
            ("amd-10", "AMD Instinct MI300X", 7.0),
        ]
        assert (found[0]["uuid"], found[0]["util_mem"], found[1]["mem_total"]) == ("", 3.0, None)


AMD_SMI = (
    f'case "$1" in static|list|metric) cat {HERE}/amd-smi-$1.json; echo $1 >>"$0.calls";; *) exit 2;; esac'
)


async def test_amd_s_by_the_newer_tool(host, programs) -> None:
    """Names, ids and measurements come from three answers; the last one alone is asked for again."""
    path = programs("amd-smi", AMD_SMI)
    programs("rocm-smi", "echo must not be asked; exit 3")
    async with host(min_interval_s=0.0) as h:
        first, second = (await h.metrics())["gpus"]
        h.plugin.sampler.gpus._due = 0.0
        await h.metrics()
    assert first == {
        "id": "amd-0",
        "index": 0,
        "name": "AMD Instinct MI300X",
        "driver_version": "6.10.5",
        "uuid": "ebff74a1-0000-1000-8011-2233445566aa",
        "vendor": "AMD",
        "util_gpu": 42.0,
        "util_mem": 5.0,
        "mem_total": 196592,
        "mem_used": 1024,
        "mem_free": 195568,
    }
    assert (second["name"], second["mem_total"], second["mem_used"], second["mem_free"]) == (
        "",
        196608,
        None,
        None,
    )
    calls = path.with_name("amd-smi.calls").read_text().split()
    assert (calls.count("static"), calls.count("list")) == (1, 1)
    assert calls.count("metric") >= 2


def test_the_newest_amd_smi_wraps_its_list(recorded) -> None:
    """From ROCm 7 on the list is a member of an object."""
    assert amdsmi.entries(recorded("amd-smi-metric-7.json")).keys() == {0}


async def test_amd_s_older_tool_helps_out(host, programs) -> None:
    """A newer tool that fails is named, and the older one's answer is there."""
    programs("amd-smi", "echo 'ERROR: no permission' >&2; exit 1")
    programs("rocm-smi", f"cat {HERE}/rocm-smi-5.json")
    async with host() as h:
        found = await h.metrics()
    assert [gpu["id"] for gpu in found["gpus"]] == ["amd-0"]
    assert "amd-smi ended with code 1: ERROR: no permission" in found["errors"]["gpus"]


async def test_intel_s(host, programs) -> None:
    """Properties and measurements are two tables; a device may lack some."""
    programs(
        "xpu-smi",
        f'case "$1" in discovery) cat {HERE}/xpu-smi-discovery.csv;; dump) cat {HERE}/xpu-smi-dump.csv;; esac',
    )
    first, second = await gpus(host)
    assert first == {
        "id": "intel-0",
        "index": 0,
        "name": "Intel(R) Data Center GPU Max 1550",
        "driver_version": "I915_24.1.11_PSB_240117.14",
        "uuid": "00000000-0000-0018-0000-002f0bd58086",
        "vendor": "Intel",
        "util_gpu": 73.5,
        "util_mem": 20.4,
        "mem_total": 131072,
        "mem_used": 26754,
        "mem_free": 104318,
    }
    assert (second["util_gpu"], second["mem_total"], second["mem_used"], second["mem_free"]) == (
        None,
        None,
        82,
        None,
    )


async def test_three_vendors_in_one_host(host, programs) -> None:
    """Ids are unique across vendors."""
    programs("nvidia-smi", f"cat {HERE}/nvidia-smi.csv")
    programs("rocm-smi", f"cat {HERE}/rocm-smi-5.json")
    programs(
        "xpu-smi",
        f"case $1 in discovery) cat {HERE}/xpu-smi-discovery.csv;; *) cat {HERE}/xpu-smi-dump.csv;; esac",
    )
    found = await gpus(host)
    assert [gpu["id"] for gpu in found] == ["nvidia-0", "nvidia-1", "amd-0", "intel-0", "intel-1"]


async def test_a_login_node_with_the_tool_and_no_device(host, programs) -> None:
    """That is no error."""
    programs("nvidia-smi", f"cat {HERE}/nvidia-smi.none; exit 6")
    programs("rocm-smi", "echo 'WARNING: No JSON data to report'")
    assert await gpus(host) == []


@pytest.mark.usefixtures("programs")
async def test_a_host_without_tools_and_devices(host) -> None:
    """Nothing there is no error."""
    assert await gpus(host) == []


def test_without_a_tool_the_kernel_s_driver_answers(tmp_path) -> None:
    """AMD's driver tells use and memory in sysfs, Intel's at least that there is a device."""
    amd, other, intel_card = (tmp_path / f"class/drm/card{number}/device" for number in (1, 0, 2))
    for device, files in {
        other: {"vendor": "0x1a03"},
        amd: {
            "vendor": "0x1002", "device": "0x740f", "product_name": "AMD Instinct MI210", "unique_id": "5a1b",
            "gpu_busy_percent": "17", "mem_busy_percent": "4",
            "mem_info_vram_total": "68702699520", "mem_info_vram_used": "10485760",
            "driver/module/version": "6.8.5",
        },
        intel_card: {"vendor": "0x8086", "device": "0x56c0"},
    }.items():  # fmt: skip
        for name, text in files.items():
            (device / name).parent.mkdir(parents=True, exist_ok=True)
            (device / name).write_text(f"{text}\n")
    (tmp_path / "class/drm/card1-DP-1").mkdir()
    (found,) = read_drm("AMD", tmp_path)
    assert (found.id, found.name, found.util_gpu, found.mem_total) == (
        "amd-0",
        "AMD Instinct MI210",
        17.0,
        65520,
    )
    assert (found.mem_used, found.mem_free, found.driver_version) == (10, 65510, "6.8.5")
    (found,) = read_drm("Intel", tmp_path)
    assert (found.id, found.name, found.mem_total) == ("intel-0", "Intel GPU 0x56c0", None)


PARSERS = [
    nvidia.parse,
    rocmsmi.parse,
    amdsmi.entries,
    lambda printed: intel.rows(printed, column=0, columns=5),
]


@pytest.mark.parametrize("parse", PARSERS)
@given(st.text() | st.text(alphabet='0123456789,"[]{}:card\n N/A'))
def test_no_output_breaks_a_parser(parse, printed: str) -> None:
    """Whatever a tool prints, the parser answers or says in one line that it is no list of GPUs."""
    said = ""
    try:
        parse(printed)
    except ProbeError as exc:
        said = str(exc)
    assert "\n" not in said


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["value", "unit", "gpu", "usage"]), inner)
    ),
)


@given(json_values)
def test_any_value_is_a_number_or_none(value: object) -> None:
    """A tool may put anything where a number belongs."""
    found = values.percent(value)
    assert found is None or 0 <= found <= 100
    for read in (values.mib, values.mib_of_bytes):
        size = read(value)
        assert size is None or size >= 0
    assert isinstance(values.text(value), str)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("16 GiB", 16384),
        ({"value": 2, "unit": "GB"}, 2048),
        ({"value": "N/A", "unit": "MB"}, None),
        ("32768.00 MiB", 32768),
        ("[N/A]", None),
        (True, None),
        ("12 parsecs", None),
    ],
)
def test_memory_comes_in_many_spellings(value: object, expected: int | None) -> None:
    """All of them end as MiB."""
    assert values.mib(value) == expected
