#!/bin/bash
# Runs inside of namespaces that `machine.ts` has made: lays out a small Debian around addrd as its package would, and
# becomes systemd. Whatever is written goes to memory: nothing of the host changes.
set -euo pipefail
project=$1 node=$2 layout=$3
mount -t tmpfs none /mnt
for dir in usr etc var; do
  mkdir -p "/mnt/$dir/upper" "/mnt/$dir/work"
  mount -t overlay overlay -o "lowerdir=/$dir,upperdir=/mnt/$dir/upper,workdir=/mnt/$dir/work" "/$dir"
done
mkdir -p /usr/lib/addrd /usr/bin
mount --bind "$project" /usr/lib/addrd
mount -o remount,bind,ro /usr/lib/addrd
if [[ ! $node -ef /usr/bin/node ]]; then
  rm -f /usr/bin/node
  touch /usr/bin/node
  mount --bind "$node" /usr/bin/node
fi
# Only what a service needs to be started; the host's own units stay out.
for dir in /usr/lib/systemd/system /etc/systemd/system; do mount -t tmpfs none $dir; done
for target in sysinit basic network sockets multi-user time-sync shutdown machine; do
  printf '[Unit]\nDefaultDependencies=no\n' >"/usr/lib/systemd/system/$target.target"
done
cp /usr/lib/addrd/systemd/addrd.{service,socket} /usr/lib/systemd/system/
mount -t tmpfs none /run
mkdir -p /run/systemd /run/lock
rm -rf /etc/addrd /var/lib/addrd /var/lib/private
cp -r "$layout"/. /
mount -t tmpfs -o mode=1777 none /tmp
ip link set lo up
while read -r _ dir _; do umount -R "$dir"; done < <(grep -E ' /sys/fs/cgroup ' /proc/mounts)
mount -t cgroup2 none /sys/fs/cgroup
mount -t proc proc /proc
# Credentials reach a service through a mount that is propagated to it, as on a host.
mount --make-rshared /
export container=addrd SYSTEMD_LOG_TARGET=console
touch /run/console
mount --bind /run/console /dev/console
exec /lib/systemd/systemd --system --unit=machine.target >/run/systemd.log 2>&1
