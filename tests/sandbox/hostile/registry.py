"""The hostile programs: what each tries, what is to be seen when it is contained, what when it succeeds."""

from dataclasses import dataclass, field

# Weak containers: in each of them one protection, or all, is missing; all of them are bounded.
BOUNDS = ("--memory=1g", "--memory-swap=1g", "--pids-limit=900", "--ulimit=core=1")
USER = ("--user=1000", "--cap-drop=ALL", "--security-opt=no-new-privileges")
# As --privileged, but for a capability that an engine inside a virtual machine may itself not have.
EVERYTHING = (
    "--cap-add=ALL", "--cap-drop=SYS_RESOURCE", "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined", "--security-opt=systempaths=unconfined",
    "--device-cgroup-rule=a *:* rwm", "--volume=/dev:/dev", "--volume=/sys:/sys",
)  # fmt: skip
WEAK = {
    "all rights": (*BOUNDS, *EVERYTHING, "--user=0", "--network=none"),
    "no filter of system calls": (*BOUNDS, *USER, "--security-opt=seccomp=unconfined", "--network=none"),
    "no limits": (
        *BOUNDS,
        *USER,
        "--ulimit=nofile=4000:8000",
        "--shm-size=512m",
        "--network=none",
        "--tmpfs=/tmp:exec,nr_inodes=0",
        "--volume=/workspace",
    ),
    "a runner that shares all": (*BOUNDS, "--pids-limit=200", "--user=0", "--network=none"),
    "programs with rights": (*BOUNDS, "--user=1000", "--network=none"),
    "a bridge without rules": (*BOUNDS, *USER),
}
ALL, FILTER, LIMITS, RUNNER, RIGHTS, BRIDGE = WEAK


@dataclass(frozen=True, slots=True)
class Hostile:
    """One program, `<name>.py` beside this file.

    Where the program says itself of each attempt what came of it, `contained` means that nothing was got and
    `succeeds` that everything was: but for the attempts in `elsewhere`, which not every kernel or engine can
    show. `ends`: the cause of the execution's end in the product. `own_test`: what happens is seen from
    outside, in a test of its own.
    """

    name: str
    tries: str
    contained: str
    succeeds: str
    weak: str
    ends: tuple[str, ...] = ("exit",)
    elsewhere: frozenset[str] = frozenset()
    given: dict[str, object] = field(default_factory=dict)
    own_test: bool = False


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


PROGRAMS = (
    # --- limits
    Hostile(
        "fork_bomb",
        "600 processes",
        "fork is refused at the limit of processes",
        "all 600 stand",
        LIMITS,
    ),
    Hostile("threads", "600 threads", "no thread beyond the same limit", "all 600 stand", LIMITS),
    Hostile(
        "memory",
        "700 MiB of memory",
        "the execution ends as out of memory; the sandbox goes on",
        "it has them",
        LIMITS,
        ends=("oom",),
    ),
    Hostile(
        "memory_in_files",
        "700 MiB in a file without a disk",
        "the execution ends as out of memory; the sandbox goes on",
        "it has them",
        LIMITS,
        ends=("oom",),
    ),
    Hostile(
        "memory_in_many",
        "720 MiB of memory in 120 processes",
        "some of them are killed; the sandbox goes on",
        "all stand",
        LIMITS,
        ends=("exit", "oom"),
    ),
    Hostile(
        "memory_left_behind",
        "400 MiB in a segment of shared memory, left without a process",
        "there is no segment larger than /dev/shm may be",
        "it stands",
        LIMITS,
    ),
    Hostile(
        "disk",
        "more bytes than the workspace, /tmp and /dev/shm have",
        "no space is left, in each of them",
        "the files stand",
        LIMITS,
    ),
    Hostile(
        "inodes",
        "more empty files than the workspace, /tmp and /dev/shm have room for",
        "no space is left for more, in each of them",
        "the files stand",
        LIMITS,
        # by default they hold 131,072, 16,384 and 8,192
        given={"most": {"/workspace": 140_000, "/tmp": 20_000, "/dev/shm": 10_000}},
        own_test=True,
    ),
    Hostile(
        "open_files",
        "3,000 open files, and a higher limit of them",
        "both are refused",
        "both are had",
        LIMITS,
    ),
    Hostile(
        "starve_processors",
        "more processors than given: by affinity, and by six processes that spin",
        "one processor is there, and no more time than its own is used",
        "several processors work for it",
        LIMITS,
    ),
    Hostile(
        "starve_terminals",
        "200 pseudo-terminals, of the thousands that a machine has",
        "refused beyond 64: the neighbours keep theirs",
        "all are opened",
        LIMITS,
    ),
    Hostile(
        "output_flood",
        "10 MiB on each stream",
        "it ends at the limit of output, and the sandbox goes on",
        "all of it comes out",
        LIMITS,
        ends=("output_limit",),
    ),
    # --- the kernel's calls
    Hostile(
        "ptrace",
        "to trace a child, read its memory, take its files",
        "each is refused by the filter",
        "each is done",
        FILTER,
    ),
    Hostile(
        "namespaces",
        "namespaces of its own by unshare, clone, clone3 and setns",
        "each is refused",
        "each is had",
        ALL,
    ),
    Hostile(
        "mounts",
        "mounts by the old calls and by the new ones",
        "each is refused",
        "each is done",
        ALL,
    ),
    Hostile(
        "sockets",
        "raw, packet, vsock and kernel sockets",
        "each is refused",
        "each is had",
        ALL,
        elsewhere=_set("alg xdp raw_icmp6 netlink_audit netlink_netfilter"),
    ),
    Hostile("change_network", "another address, a link's state", "refused", "changed", ALL),
    Hostile(
        "keyrings",
        "keys in the kernel",
        "refused by the filter",
        "a key is stored",
        FILTER,
        elsewhere=_set("request_key"),
    ),
    Hostile("bpf", "a map for programs in the kernel", "refused", "the map stands", ALL),
    Hostile("perf_event", "a counter of the processor", "refused by the filter", "it counts", FILTER),
    Hostile("io_uring", "a ring of requests", "refused by the filter", "the ring stands", FILTER),
    Hostile("userfaultfd", "page faults answered by a program", "refused by the filter", "had", FILTER),
    Hostile(
        "i386_calls",
        "system calls by the 32-bit door",
        "the process is ended, or refused",
        "they answer",
        FILTER,
        elsewhere=_set("x32"),
    ),
    Hostile(
        "machine_limits",
        "what the kernel counts for the whole machine",
        "refused by the filter",
        "had",
        FILTER,
    ),
    Hostile(
        "modules",
        "kernel modules, kexec, reboot, swap, accounting",
        "the kernel is not reached",
        "the kernel looks at the request",
        ALL,
    ),
    Hostile("file_handles", "files by handle, past every mount", "refused", "a folder is opened so", ALL),
    Hostile(
        "large_pages",
        "large pages, of the machine's pool that no limit of memory counts",
        "refused by the filter",
        "the kernel looks for them",
        FILTER,
        elsewhere=_set("shared"),
    ),
    Hostile(
        "core_dumps",
        "another limit of core dumps than the one with which the host starts no program for a crash",
        "refused by the filter",
        "it has it",
        FILTER,
    ),
    Hostile("clock", "another time for the machine", "refused", "accepted (nothing is changed)", ALL),
    Hostile("hostname", "another name for the machine", "refused", "it has it", ALL),
    Hostile("chroot_escape", "out of a changed root", "there is no changed root", "it is outside again", ALL),
    # --- rights
    Hostile("more_rights", "root, groups, capabilities", "none is had", "all are there", ALL),
    Hostile(
        "setuid_files",
        "the image's setuid programs and file capabilities",
        "they give no rights",
        "they give root and capabilities",
        RIGHTS,
        elsewhere=_set("make_one"),
        own_test=True,
    ),
    Hostile(
        "own_oom_score",
        "to be killed last, and run first",
        "refused",
        "granted",
        ALL,
        elsewhere=_set("oom_score real_time"),
    ),
    # --- files of the system
    Hostile(
        "read_only_root",
        "files in the system's folders and in the runner's",
        "read-only or not its own",
        "they are written",
        ALL,
    ),
    Hostile(
        "proc_and_sys",
        "the machine's switches in /proc and /sys",
        "none opens for writing",
        "they open",
        ALL,
        elsewhere=_set("sysrq modprobe_path binfmt irq scsi uevent_helper huge_pages power debugfs firmware"),
    ),
    Hostile(
        "read_secrets_of_the_host",
        "the host's memory, log and symbols",
        "none can be read",
        "they can",
        ALL,
        elsewhere=_set("kcore timer_list keys"),
    ),
    Hostile("cgroups", "its own limits, and the release agent", "nothing opens for writing", "all does", ALL),
    Hostile(
        "devices",
        "devices, made or opened",
        "none is there, none can be made",
        "they open",
        ALL,
        elsewhere=_set("disks tunnel fuse virtual_machines consoles"),
    ),
    # --- the runner
    Hostile(
        "signal_others",
        "signals to PID 1 and the runner's helpers",
        "none may be sent",
        "they arrive",
        RUNNER,
    ),
    Hostile("pid1_files", "PID 1's memory, files and OOM score in /proc", "none opens", "all open", RUNNER),
    Hostile(
        "inherited_files", "open files left over from the runner", "there are none", "there are some", RUNNER
    ),
    Hostile(
        "helper_sockets",
        "sockets of the runner",
        "there are none to be found",
        "they take connections",
        RUNNER,
    ),
    Hostile(
        "runners_interpreter",
        "the runner's own interpreter, for more rights",
        "it gives none",
        "it gives root",
        RUNNER,
    ),
    Hostile(
        "environment_of_others",
        "secrets in other processes' environments",
        "none is found",
        "they are read",
        RUNNER,
    ),
    Hostile(
        "kill_pid1", "every signal to PID 1", "PID 1 goes on", "the sandbox is gone", RUNNER, own_test=True
    ),
    Hostile(
        "kill_everyone",
        "SIGKILL to all it may reach",
        "the runner goes on",
        "the helpers are gone",
        RUNNER,
        own_test=True,
    ),
    Hostile(
        "stop_everyone",
        "SIGSTOP to all it may reach",
        "it can be cancelled",
        "it hangs for ever",
        RUNNER,
        own_test=True,
    ),
    Hostile(
        "forged_frames",
        "the runner's frames, printed and written to its files",
        "they are output like any other",
        "the reader of the stream takes them for frames",
        RUNNER,
        own_test=True,
    ),
    Hostile(
        "forged_end",
        "to be over for the runner, and to go on",
        "what says that it is over is ended",
        "a session, whose word is taken, goes on",
        RUNNER,
        own_test=True,
    ),
    Hostile(
        "survive_setsid",
        "to outlive a kill by sessions, double forks and changing processes",
        "nothing is left",
        "something is left",
        RUNNER,
        own_test=True,
    ),
    Hostile(
        "survive_exit",
        "to leave processes behind",
        "nothing is left",
        "something is left",
        RUNNER,
        own_test=True,
    ),
    Hostile(
        "survive_at_the_limit",
        "to fork at the limit faster than it is killed",
        "nothing is left",
        "something is left",
        RUNNER,
        own_test=True,
    ),
    Hostile(
        "survive_stopped",
        "to be stopped when the end comes",
        "nothing is left",
        "something is left",
        RUNNER,
        own_test=True,
    ),
    # --- neighbours
    Hostile(
        "network_reach",
        "the host, the metadata service, other sandboxes",
        "none answers",
        "all answer",
        BRIDGE,
        own_test=True,
    ),
    Hostile(
        "starve_user_limits",
        "all of what the kernel counts per user",
        "a neighbour has its own",
        "nothing is left for a neighbour",
        LIMITS,
        own_test=True,
    ),
    Hostile(
        "user_limits_left",
        "the neighbour of the one above",
        "it has its own",
        "it has nothing",
        LIMITS,
        # a machine whose limits the product raised has enough of these for all
        elsewhere=_set("no_watcher_left no_pipes_left"),
        own_test=True,
    ),
    # --- what people see
    Hostile(
        "terminal_escapes",
        "output that acts on who looks at it",
        "it is shown as text",
        "it acts",
        LIMITS,
        own_test=True,
    ),
    Hostile(
        "plant_links",
        "links out of the workspace, pipes, sockets, names without end",
        "the file API stays inside",
        "a plain file API reads and writes outside",
        ALL,
        own_test=True,
    ),
    Hostile(
        "swap_links",
        "a folder that is now a folder, now a link",
        "the file API stays inside",
        "a plain file API reads outside",
        ALL,
        own_test=True,
    ),
)
BY_NAME = {program.name: program for program in PROGRAMS}
