# shellcheck shell=bash
# Shared by the scripts beside it; sourced, never run. Progress goes to stderr, answers to stdout.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=${VENV:-$ROOT/.venv}
VAR=${DATA_DIR:-$ROOT/var}

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# may_apt: this user may install Debian packages
may_apt() { [ "$(id -u)" = 0 ] && have apt-get; }

# apt_install PACKAGE...: quietly, without letting a package start its server, one caller at a time
apt_install() {
  may_apt || return 1
  (flock 9; apt_install_locked "$@") 9>/var/lock/agi-site-apt
}
apt_install_locked() {
  local policy=/usr/sbin/policy-rc.d made='' log
  log=$(mktemp)
  [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod +x "$policy"; made=1; }
  local install=(apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$@")
  local rc=0
  DEBIAN_FRONTEND=noninteractive "${install[@]}" >"$log" 2>&1 ||
    { apt-get -o DPkg::Lock::Timeout=300 update -qq >"$log" 2>&1 &&
      DEBIAN_FRONTEND=noninteractive "${install[@]}" >>"$log" 2>&1; } || rc=$?
  [ -z "$made" ] || rm -f "$policy"
  [ "$rc" = 0 ] || tail -n 5 "$log" >&2
  rm -f "$log"
  return "$rc"
}

# port_taken PORT: something listens there on loopback
port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# alive PIDFILE WORD: that process runs, and its command line holds WORD (a pid may have been given to another)
alive() {
  local pid
  pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null &&
    tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$2"
}

# wait_for SECONDS COMMAND...: until it succeeds
wait_for() {
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.2
  done
}

# end_process PIDFILE SECONDS: TERM, then KILL
end_process() {
  local pid
  pid=$(cat "$1" 2>/dev/null) || return 0
  [ -n "$pid" ] || return 0
  kill "$pid" 2>/dev/null || { rm -f "$1"; return 0; }
  gone() { ! kill -0 "$pid" 2>/dev/null; }
  wait_for "$2" gone || kill -9 "$pid" 2>/dev/null || true
  rm -f "$1"
}

# keep_bytecode: what tests start compiles the program's files once, not in each of a hundred processes
keep_bytecode() { unset PYTHONDONTWRITEBYTECODE; }
