"""Switches of the whole machine: opened for writing, never written."""

import glob

from kit import attempt, opens


def any_of(*patterns):
    """The first that opens; FileNotFoundError when there are none, else the last refusal."""
    refusal = FileNotFoundError(2, "none of them", patterns[0])
    for path in (path for pattern in patterns for path in sorted(glob.glob(pattern))[:20]):
        try:
            return opens(path)
        except OSError as error:
            refusal = error
    raise refusal


attempt("sysrq", opens, "/proc/sysrq-trigger")
attempt("core_pattern", opens, "/proc/sys/kernel/core_pattern")
attempt("modprobe_path", opens, "/proc/sys/kernel/modprobe")
attempt("panic", opens, "/proc/sys/kernel/panic")
attempt("overcommit", opens, "/proc/sys/vm/overcommit_memory")
attempt("drop_caches", opens, "/proc/sys/vm/drop_caches")
attempt("forwarding", opens, "/proc/sys/net/ipv4/ip_forward")
attempt("binfmt", any_of, "/proc/sys/fs/binfmt_misc/register")
attempt("irq", any_of, "/proc/irq/default_smp_affinity", "/proc/irq/*/smp_affinity")
attempt("scsi", any_of, "/proc/scsi/scsi")
attempt("uevent_helper", opens, "/sys/kernel/uevent_helper")
attempt("huge_pages", opens, "/sys/kernel/mm/transparent_hugepage/enabled")
attempt("block_device", any_of, "/sys/block/*/queue/nr_requests")
attempt("power", any_of, "/sys/power/state", "/sys/power/pm_async")
attempt("debugfs", any_of, "/sys/kernel/debug/*")
attempt("firmware", any_of, "/sys/firmware/acpi/pm_profile", "/sys/firmware/memmap/*/start")
