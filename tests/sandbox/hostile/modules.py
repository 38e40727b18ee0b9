"""Code for the kernel, another kernel, a new start: with arguments that do no harm where they get through."""

from kit import attempt, reaches

attempt("init_module", reaches, "init_module", 0, 0, b"")
attempt("finit_module", reaches, "finit_module", -1, b"", 0)
attempt("delete_module", reaches, "delete_module", b"there-is-no-such-module", 0)
attempt("kexec", reaches, "kexec_load", 0, 99, 0, 0xFFFF0000)
attempt("reboot", reaches, "reboot", 1, 2, 3, 0)
attempt("swapon", reaches, "swapon", b"/there-is-no-such-file", 0)
attempt("acct", reaches, "acct", b"/there-is-no-such-file")
attempt("quotactl", reaches, "quotactl", 0x80000100, b"/there-is-no-such-file", 0, 0)
