"""The system calls of Linux, sorted by what a sandbox may do with them (man 2; x86_64 and aarch64 names)."""


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Each of these is a way to the kernel's inside, to other processes, or to more rights. No policy allows them.
NEVER = _set("""
    acct add_key bpf chroot clock_adjtime clock_settime create_module delete_module fanotify_init fsconfig
    fsmount fsopen fspick finit_module get_kernel_syms init_module io_uring_enter io_uring_register
    io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl lookup_dcookie mbind migrate_pages
    modify_ldt mount mount_setattr move_mount move_pages name_to_handle_at nfsservctl open_by_handle_at
    open_tree perf_event_open pidfd_getfd pivot_root process_madvise process_mrelease process_vm_readv
    process_vm_writev ptrace query_module quotactl quotactl_fd reboot request_key set_mempolicy
    set_mempolicy_home_node setdomainname sethostname setns settimeofday stime swapoff swapon _sysctl
    syslog umount umount2 unshare uselib userfaultfd ustat vhangup vm86 vm86old vmsplice
""")

# Without these neither the runner, which is PID 1, nor anything it starts could work.
ESSENTIAL = _set("""
    access arch_prctl brk capget capset chdir clone close close_range dup dup2 dup3 epoll_create
    epoll_create1 epoll_ctl epoll_pwait epoll_wait execve exit exit_group faccessat faccessat2 fchdir
    fcntl fork fstat futex getcwd getdents64 getegid geteuid getgid getpid getppid getrandom getrlimit
    gettid getuid ioctl kill lseek lstat madvise mmap mprotect mremap munmap newfstatat open openat pipe
    pipe2 poll ppoll prctl pread64 prlimit64 pwrite64 read readlink readlinkat readv recvfrom recvmsg
    restart_syscall rseq rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity select pselect6
    sendmsg sendto set_robust_list set_tid_address setgid setgroups setresgid setresuid setrlimit setsid
    setuid sigaltstack socketpair stat statfs statx tgkill umask uname vfork wait4 waitid write writev
""")

DEFAULT = ESSENTIAL | _set("""
    _llseek _newselect accept accept4 alarm bind capget chmod chown chown32 clock_getres
    clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 connect
    copy_file_range creat eventfd eventfd2 epoll_pwait2 fadvise64 fadvise64_64 fallocate fchmod fchmodat
    fchmodat2 fchown fchown32 fchownat fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr fstat64
    fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex_time64 futex_waitv futimesat
    get_robust_list get_thread_area getcpu getdents getegid32 geteuid32 getgid32 getgroups getgroups32
    getitimer getpeername getpgid getpgrp getpriority getresgid getresgid32 getresuid getresuid32
    getrusage getsid getsockname getsockopt gettimeofday getuid32 getxattr inotify_add_watch inotify_init
    inotify_init1 inotify_rm_watch ioprio_get ioprio_set ipc landlock_add_rule landlock_create_ruleset
    landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listxattr llistxattr lremovexattr
    lsetxattr lstat64 membarrier memfd_create mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall
    mmap2 msgctl msgget msgrcv msgsnd msync munlock munlockall nanosleep openat2 pause personality
    pidfd_open pidfd_send_signal pkey_alloc pkey_free pkey_mprotect ppoll_time64 preadv preadv2
    pselect6_time64 pwritev pwritev2 readahead recv recvmmsg recvmmsg_time64 remap_file_pages removexattr
    rename renameat renameat2 rmdir rt_sigpending rt_sigqueueinfo rt_sigsuspend rt_sigtimedwait
    rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getattr
    sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity
    sched_setattr sched_setparam sched_setscheduler sched_yield semctl semget semop semtimedop
    semtimedop_time64 send sendfile sendfile64 sendmmsg set_thread_area setfsgid setfsgid32 setfsuid
    setfsuid32 setgid32 setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid32
    setresuid32 setreuid setreuid32 setsockopt setuid32 setxattr shmat shmctl shmdt shmget shutdown
    signalfd signalfd4 sigprocmask sigreturn socket socketcall splice stat64 statfs64 symlink symlinkat
    sync sync_file_range syncfs sysinfo tee time timer_create timer_delete timer_getoverrun timer_gettime
    timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64
    timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit unlink unlinkat utime
    utimensat utimensat_time64 utimes waitpid
""")

# What the kernel counts for the whole machine, or per user across containers: who takes all of it leaves
# nothing to the host's databases and to other sandboxes. Few programs need it, so a policy has to name it.
ON_DEMAND = _set("""
    io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit mq_getsetattr mq_notify mq_open
    mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink
""")

# What a strict sandbox does without: things that ordinary programs rarely need, and that had faults before.
STRICT_LESS = _set("""
    ipc membarrier mknod mknodat mlockall msgctl msgget msgrcv msgsnd personality pkey_alloc pkey_free
    pkey_mprotect remap_file_pages sched_setattr sched_setparam sched_setscheduler setfsgid setfsgid32
    setfsuid setfsuid32 socketcall splice tee
""")
