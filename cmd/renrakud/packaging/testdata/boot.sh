# boot.sh DIR OLDER PACKAGE: systemd as process 1 of its own namespaces, on a copy of this machine in memory; the packages are /root/older.deb
# and /root/renraku.deb there, or .rpm. It is started in new namespaces of mounts, processes, control groups, network, host name and IPC, and all that it does goes with them.
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cp "$2" "$1/root/root/older.${2##*.}"
cp "$3" "$1/root/root/renraku.${3##*.}"
cd "$1/root"
rm -f usr/sbin/policy-rc.d # images for containers forbid to start services
rm -f var/lib/man-db/auto-update # nobody looks for a manual there
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs sys/fs/cgroup || true # where control groups of the first version are
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs dev
for device in full null random tty urandom zero; do
	touch "dev/$device"
	mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs tmpfs run
mkdir oldroot
pivot_root . oldroot
umount --lazy /oldroot
exec env -i container=unshare PATH=/usr/sbin:/usr/bin /usr/lib/systemd/systemd --unit=basic.target --show-status=false
