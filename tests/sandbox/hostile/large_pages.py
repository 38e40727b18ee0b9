"""Large pages: they come from a pool of the machine's, and no container's limit of memory counts them."""

from kit import attempt, reaches

SIZE = 2 * 1024**2
PRIVATE_ANONYMOUS, LARGE = 0x22, 0x40000

attempt("mapped", reaches, "mmap", 0, SIZE, 3, PRIVATE_ANONYMOUS | LARGE, -1, 0)
attempt("in_a_file", reaches, "memfd_create", b"large", 4)
attempt("shared", reaches, "shmget", 0, SIZE, 0o4600)
