#!/usr/bin/env bash
# A Docker engine for the tests alone, beside whichever the machine has:
#   test-daemon.sh start DIR   it answers at unix://DIR/docker.sock; after a kill it takes up what was there
#   test-daemon.sh kill DIR    ends dockerd at once, as a crash would; the containers live on
#   test-daemon.sh stop DIR    ends it and all its containers; nothing is left but DIR, which can be removed
# All it has is below DIR: at most 16 GB where a file can be mounted as a disk. Each can be said twice.
# Its containers reach the outside through its own bridge; networks that a test makes have no way out.
set -euo pipefail
say() { echo "test-daemon.sh: $*" >&2; }
if [[ $# != 2 || ! $1 =~ ^(start|kill|stop)$ ]]; then
  say 'say start, kill or stop, and a folder.'
  exit 2
fi
here=$(cd "$(dirname "$0")/.." && pwd)
dir=$(realpath -m -- "$2")
# Sockets below DIR have long names, of which the system takes 107 bytes. Odd characters would need quotes in /proc.
if [[ ${#dir} -gt 64 || ! $dir =~ ^/[A-Za-z0-9._/-]+$ ]]; then
  say "the folder's whole path must have at most 64 letters, digits, dots and dashes: $dir"
  exit 2
fi
unset DOCKER_HOST DOCKER_CONTEXT DOCKER_TLS DOCKER_TLS_VERIFY DOCKER_CERT_PATH
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
# Engines that share one bridge give two containers the same address: this one has its own.
bridge=$(printf 'ty%08x' "$(printf %s "$dir" | cksum | cut -d ' ' -f 1)")

engine() { docker --host "unix://$dir/docker.sock" "$@"; }
answers() { [[ -S $dir/docker.sock ]] && timeout 5 docker --host "unix://$dir/docker.sock" version >/dev/null 2>&1; }

# The processes of this engine with such a name: one whose arguments say a path below DIR. No other is ever ended.
processes() {
  local process name
  for process in /proc/[0-9]*; do
    { read -r name <"$process/comm"; } 2>/dev/null || continue
    # shellcheck disable=SC2053 # A pattern is meant.
    [[ $name == $1 ]] || continue
    if grep -qzE "^(unix://)?${dir//./\\.}/" "$process/cmdline" 2>/dev/null; then echo "${process#/proc/}"; fi
  done
}
# Signals them all, and waits so many seconds for their end.
end() {
  local until=$((SECONDS + $3)) pids
  pids=$(processes "$1")
  # shellcheck disable=SC2086 # Words are meant.
  [[ -z $pids ]] || kill "-$2" $pids 2>/dev/null || true
  while [[ -n $(processes "$1") ]]; do
    ((SECONDS < until)) || return 1
    sleep 0.1
  done
}
# dockerd takes whoever has the number in such a file for its own, and may end it.
forget_the_dead() {
  [[ -n $(processes dockerd) ]] || rm -f "$dir/dockerd.pid"
  [[ -n $(processes containerd) ]] || rm -f "$dir/exec/containerd/containerd.pid"
}

disk() {
  mkdir -p "$dir/data" "$dir/exec"
  if mountpoint -q "$dir/data"; then return; fi
  if [[ ! -e $dir/disk ]]; then
    # Without the disk last time: what is there goes on being used.
    if [[ -n $(ls -A "$dir/data") ]]; then return; fi
    if ! { truncate -s 16G "$dir/disk" && mkfs.ext4 -q -F -m 0 -O ^has_journal "$dir/disk"; } 2>/dev/null; then
      rm -f "$dir/disk"
      return
    fi
  fi
  # Shared, as dockerd wants it: else it would mount the folder onto itself.
  if mount -o loop,discard "$dir/disk" "$dir/data" 2>/dev/null; then
    mount --make-shared "$dir/data"
  elif [[ -n $(ls -A "$dir/data") ]]; then
    return
  else
    rm -f "$dir/disk"
  fi
}

start() {
  local until=$((SECONDS + 30)) network=() files=8192
  if answers; then return; fi
  if [[ $EUID != 0 ]]; then
    say 'a Docker engine needs root. Run this as root (sudo).'
    return 2
  fi
  if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null; then
    say 'Docker is not here. Install it: apt-get install docker.io iptables'
    return 2
  fi
  if [[ -z $(processes dockerd) ]]; then
    disk
    forget_the_dead
    if command -v ip >/dev/null; then
      ip link show "$bridge" >/dev/null 2>&1 || ip link add name "$bridge" type bridge
      # Each start of a dockerd that writes firewall rules throws away those of every other one on the machine.
      network=(--bridge "$bridge" --iptables=false)
    fi
    # None can be given more than this process may have.
    [[ $(ulimit -H -n) == unlimited || $(ulimit -H -n) -ge $files ]] || files=$(ulimit -H -n)
    # The machine's own settings are for the machine's own engine.
    echo '{}' >"$dir/daemon.json"
    # A session of its own: Ctrl-C in the caller's terminal does not reach it.
    PATH="$here/test/fakes/bin:$PATH" setsid dockerd --config-file "$dir/daemon.json" \
      --host "unix://$dir/docker.sock" --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/dockerd.pid" \
      "${network[@]}" --live-restore --default-ulimit "nofile=$files:$files" --log-level warn \
      </dev/null >>"$dir/dockerd.log" 2>&1 &
    sleep 0.2
  fi
  until answers; do
    if ((SECONDS >= until)) || [[ -z $(processes dockerd) ]]; then
      say 'the engine did not start. The end of its log:'
      tail -n 20 "$dir/dockerd.log" >&2 || true
      return 1
    fi
    sleep 0.1
  done
  way_out
}

# kill -9 of dockerd takes its containerd with it; the containers and their shims stay.
crash() {
  end dockerd KILL 10 || { say 'dockerd does not end.'; return 1; }
  end containerd 0 3 || true
  forget_the_dead
}

# What no engine is there to end: containers whose shim is left.
end_shims() {
  local shim id task
  for shim in $(processes 'containerd-shim*'); do
    id=$(tr '\0' '\n' <"/proc/$shim/cmdline" | grep -xE '[0-9a-f]{64}' || true)
    # shellcheck disable=SC2046 # Words are meant.
    kill -9 "$shim" $(cat "/proc/$shim/task/"*/children) 2>/dev/null || true
    sleep 0.2
    if [[ -z $id ]]; then continue; fi
    task=$dir/exec/containerd/daemon/io.containerd.runtime.v2.task/moby/$id
    [[ ! -e $task/address ]] || rm -f "$(sed 's,^unix://,,' "$task/address")"
    find /sys/fs/cgroup -depth -type d -path "*/$id*" -exec rmdir {} + 2>/dev/null || true
  done
}

unmount() {
  local mounted try
  # The latest first: what lies on top of others.
  awk -v below="$dir/" 'index($5, below) == 1 { print $5 }' /proc/self/mountinfo | tac | while read -r mounted; do
    for try in 1 2 3 4 5; do
      if umount "$mounted" 2>/dev/null; then continue 2; fi
      sleep 0.5
    done
    umount -l "$mounted" || true
  done
}

rule() {
  iptables -w -t "$1" -C "${@:2}" 2>/dev/null || iptables -w -t "$1" -I "${@:2}" 2>/dev/null || true
}
way_out() {
  local addresses
  if ! command -v ip >/dev/null || ! command -v iptables >/dev/null; then return; fi
  addresses=$(ip -4 -o address show dev "$bridge" 2>/dev/null | awk '{ print $4; exit }')
  if [[ -z $addresses ]]; then return; fi
  rule nat POSTROUTING -s "$addresses" ! -o "$bridge" -j MASQUERADE
  rule filter FORWARD -i "$bridge" -j ACCEPT
  rule filter FORWARD -o "$bridge" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
}

forget_network() {
  local table rule
  if command -v iptables >/dev/null; then
    for table in nat filter; do
      { iptables -w -t "$table" -S 2>/dev/null || true; } | { grep -E -- "^-A .* $bridge( |$)" || true; } |
        while read -r rule; do
          # shellcheck disable=SC2086 # Words are meant.
          iptables -w -t "$table" ${rule/#-A/-D} 2>/dev/null || true
        done
    done
  fi
  ! command -v ip >/dev/null || ip link delete "$bridge" 2>/dev/null || true
}

stop() {
  local containers
  # After a crash the engine itself knows best how to end what it left.
  if [[ -d $dir/data && -n $(processes 'containerd-shim*') ]]; then start 2>/dev/null || true; fi
  if answers; then
    containers=$(engine ps --all --quiet || true)
    # shellcheck disable=SC2086 # Words are meant.
    [[ -z $containers ]] || timeout 60 docker --host "unix://$dir/docker.sock" rm --force --volumes $containers \
      >/dev/null 2>&1 || true
    timeout 20 docker --host "unix://$dir/docker.sock" network prune --force >/dev/null 2>&1 || true
  fi
  end dockerd TERM 20 || end dockerd KILL 5 || true
  end_shims
  end 'containerd*' TERM 5 || end 'containerd*' KILL 5 || true
  end 'runc*' KILL 5 || true
  unmount
  forget_network
  rm -f "$dir/docker.sock"
  forget_the_dead
  if [[ -n $(processes '*docker*')$(processes 'containerd*') ]] || grep -qF " $dir/" /proc/self/mountinfo; then
    say "something of the engine is left in $dir."
    return 1
  fi
}

case $1 in
start) start ;;
kill) crash ;;
stop) stop ;;
esac
