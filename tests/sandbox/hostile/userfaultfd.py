"""Page faults answered by the program: the tool that makes races in the kernel easy to win."""

from kit import attempt, call

attempt("faults", call, "userfaultfd", 1 | 0o2000000)  # USER_MODE_ONLY, CLOEXEC
