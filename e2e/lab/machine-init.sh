#!/bin/sh
# PID 1 of a machine, in mount, uts, ipc, pid, net and cgroup namespaces of its own. Arguments: NAME DIRECTORY.
# All that is mounted here vanishes with the namespaces when this process is killed: that is how a machine is put off.
set -eu
name=$1 directory=$2
hostname "$name"
mount -t proc proc /proc
mount -t sysfs sysfs /sys
if [ "$(cut -d: -f1 /proc/self/cgroup)" = 0 ]; then
  # One tree of version 2. A group with processes of its own cannot hand controllers down, so they go to a leaf first.
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  mkdir -p /sys/fs/cgroup/init
  while read -r process; do
    echo "$process" >/sys/fs/cgroup/init/cgroup.procs || : # ended meanwhile
  done </sys/fs/cgroup/cgroup.procs
  for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
  done
else
  mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
  while IFS=: read -r _ controllers _; do
    case $controllers in
      '') mkdir /sys/fs/cgroup/unified && mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified ;;
      name=*) mkdir "/sys/fs/cgroup/${controllers#name=}" && mount -t cgroup -o "none,$controllers" cgroup "/sys/fs/cgroup/${controllers#name=}" ;;
      *)
        mkdir "/sys/fs/cgroup/$controllers" && mount -t cgroup -o "$controllers" cgroup "/sys/fs/cgroup/$controllers"
        # Controllers that share a tree (cpu,cpuacct) are looked up by their single names.
        for controller in $(echo "$controllers" | tr , ' '); do
          [ -e "/sys/fs/cgroup/$controller" ] || ln -s "$controllers" "/sys/fs/cgroup/$controller"
        done
        ;;
    esac
  done </proc/self/cgroup
fi
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/netns
mount --bind "$directory/var-lib" /var/lib
mount --bind "$directory/var-log" /var/log
mount --make-rshared /
trap : TERM
# keep NAME COMMAND...: runs it for ever, as a service manager would.
keep() {
  service=$1
  shift
  (
    while :; do
      "$@" >>"$directory/log/$service.log" 2>&1 </dev/null || echo "$service ended with $?" >>"$directory/log/$service.log"
      sleep 1
    done
  ) &
}
. "$directory/services.sh"
while :; do wait || :; sleep 1; done
