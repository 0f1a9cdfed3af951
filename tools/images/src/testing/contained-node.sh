#!/bin/sh
# Runs Node on an image's folder as a container does that has a read-only root: nothing is there but the system's own libraries, Node, and the folder as
# /app, and nothing can be written but one folder. As a user that has no name, no rights and no home. Called within a mount namespace of its own
# (`unshare --mount`), which takes everything away when Node ends; each command replaces the one before, so that signals reach Node.
#   contained-node.sh ROOT IMAGE NODE WRITABLE [argument of Node]…     ROOT: an empty folder
set -eu
root=$1 image=$2 node=$3 writable=$4
shift 4

mount -t tmpfs -o mode=755 tmpfs "$root"
cd "$root"
mkdir -p usr app proc dev etc tmp ".$writable"
touch node
cp /etc/hosts /etc/resolv.conf etc/
ln -s usr/bin usr/lib usr/lib64 .
mount --bind -o ro /usr usr
mount --bind -o ro "$image" app
mount --bind -o ro "$node" node
mount --bind "$writable" ".$writable"
mount --rbind /proc proc
mount --rbind /dev dev
mount -o remount,ro "$root"
exec chroot --userspec=65532:65532 --groups= "$root" /usr/bin/env -u NODE_OPTIONS -u NODE_EXTRA_CA_CERTS HOME=/ /node "$@"
