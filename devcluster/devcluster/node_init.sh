#!/bin/sh
# Process 1 of the node: it has process, mount, network and IPC namespaces of its own, and all that runs or is mounted in
# them ends with it. It lays out the node's folders, says which process it is, and then only reaps.
#
# usage: node_init.sh STATE IMAGES PROGRAMS PAUSE
set -eu
state=$1 images=$2 programs=$3 pause=$4

# The /proc of the machine is still the one in sight, so this is the process id that the machine knows.
read -r pid _ </proc/self/stat

# unshare has cut the ties to the machine's mounts; kubelet wants its own to be shared with the pods.
mount --make-rshared /
mount -t proc proc /proc

# Laid out aside first, because the sources may lie below the folders to be covered.
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir -p /mnt/run/cluster /mnt/run/programs /mnt/run/lock /mnt/lib/containerd /mnt/lib/kubelet /mnt/log
mount --bind "$state" /mnt/run/cluster
mount --bind "$programs" /mnt/run/programs
mount --bind "$images" /mnt/lib/containerd
mount --bind "$state/kubelet" /mnt/lib/kubelet
mount --bind "$state/logs/node" /mnt/log
mount --rbind /mnt/log /var/log
mount --rbind /mnt/lib /var/lib
mount --rbind /mnt/run /run

echo "$pid" >/run/cluster/run/node.pid.new
mv /run/cluster/run/node.pid.new /run/cluster/run/node.pid
exec "$pause"
