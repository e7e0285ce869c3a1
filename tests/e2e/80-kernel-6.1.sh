#!/usr/bin/env bash
# 80-kernel-6.1 - the checks of 10-syscalls.sh on the kernel of a fresh Debian 12, in a virtual machine.
#
# The kernel is Debian's own package, only unpacked.  The machine has nothing but busybox, the checker and
# its libraries; software emulation, so times mean nothing.
. "$(dirname "$0")/lib.sh"
for tool in qemu-system-x86_64 cpio busybox apt-get dpkg-deb; do
	command -v $tool >/dev/null || {
		skip "the checks on kernel 6.1" "$tool is not installed"
		exit 0
	}
done
[ "$(uname -m)" = x86_64 ] || {
	skip "the checks on kernel 6.1" "x86-64 only"
	exit 0
}

fetch_kernel() { # into $CACHE/kernel-6.1
	local package
	package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-6\.1\..*\)/\1/p' | head -n 1)
	[ -n "$package" ] || return 1
	mkdir -p "$CACHE/kernel-6.1" && chmod 755 "$CACHE/kernel-6.1"
	(cd "$CACHE/kernel-6.1" && apt-get -q download "$package" && dpkg-deb -x linux-image-*.deb . && rm -f linux-image-*.deb)
}

make_initrd() { # $TMP/initrd
	local root=$TMP/root lib
	mkdir -p "$root"/{bin,proc,sys,dev,tmp}
	cp "$(command -v busybox)" "$root/bin/busybox"
	cp build/tests/capture_check "$root/bin/"
	for lib in $(ldd build/tests/capture_check | grep -o '/[^ ]*'); do
		mkdir -p "$root$(dirname "$lib")"
		cp -L "$lib" "$root$lib"
	done
	cat >"$root/init" <<-'INIT'
		#!/bin/busybox sh
		b=/bin/busybox
		$b mount -t proc proc /proc; $b mount -t sysfs sys /sys; $b mount -t devtmpfs dev /dev
		$b mount -t cgroup2 cgroup /sys/fs/cgroup
		$b ip link set lo up
		echo # behind what the firmware wrote
		echo "KERNEL $($b uname -r)"
		/bin/capture_check
		echo "TEST-EXIT $?"
		$b poweroff -f
	INIT
	chmod 755 "$root/init"
	(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$TMP/initrd"
}

kernel() { ls "$CACHE"/kernel-6.1/boot/vmlinuz-6.1* 2>/dev/null; }
make -s build/tests/capture_check >"$TMP/make.log" 2>&1 || {
	not_ok "the checker builds"
	sed 's/^/# /' "$TMP/make.log"
	exit 1
}
if [ -z "$(kernel)" ] && ! fetch_kernel >"$TMP/fetch.log" 2>&1; then
	skip "the checks on kernel 6.1" "its package cannot be downloaded: $(tail -n 1 "$TMP/fetch.log")"
	exit 0
fi
make_initrd
timeout 300 qemu-system-x86_64 -M q35 -accel tcg,thread=multi -cpu max -smp 1 -m 1024 -kernel "$(kernel)" \
	-initrd "$TMP/initrd" -append "console=ttyS0 quiet panic=-1" -nographic -no-reboot -nodefaults \
	-serial stdio 2>&1 </dev/null | tr -d '\r' >"$TMP/console"
grep -aE '^(ok|not ok|#) ' "$TMP/console"
# shellcheck disable=SC2034 # lib.sh goes on counting from here
n_tests=$(grep -acE '^(ok|not ok) ' "$TMP/console")
if grep -aq '^TEST-EXIT [01]$' "$TMP/console" && grep -aq '^KERNEL 6\.1\.' "$TMP/console"; then
	ok "the checker comes to its end on $(sed -n 's/^KERNEL //p' "$TMP/console")"
else
	not_ok "the virtual machine did not come to its end"
	tail -n 30 "$TMP/console" | sed 's/^/# /'
fi
