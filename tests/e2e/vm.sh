# shellcheck shell=bash
# vm.sh - a virtual machine with the kernel of a fresh Debian 12; sourced after lib.sh.
#
# The kernel is Debian's own package, only unpacked.  The machine has nothing but busybox and what is put there;
# software emulation, so times mean nothing.
vm_root=$TMP/vm

vm_fetch_kernel() { # into $CACHE/kernel-6.1
	local package
	package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-6\.1\..*\)/\1/p' | head -n 1)
	[ -n "$package" ] || return 1
	mkdir -p "$CACHE/kernel-6.1" && chmod 755 "$CACHE/kernel-6.1"
	(cd "$CACHE/kernel-6.1" && apt-get -q download "$package" && dpkg-deb -x linux-image-*.deb . && rm -f linux-image-*.deb)
}
vm_kernel() { ls "$CACHE"/kernel-6.1/boot/vmlinuz-6.1* 2>/dev/null; }

# vm_need WHAT: ends the script with a skipped test when there can be no machine.
vm_need() {
	local tool
	for tool in qemu-system-x86_64 cpio busybox apt-get dpkg-deb; do
		command -v $tool >/dev/null || { skip "$1" "$tool is not installed"; exit 0; }
	done
	[ "$(uname -m)" = x86_64 ] || { skip "$1" "x86-64 only"; exit 0; }
	if [ -z "$(vm_kernel)" ] && ! vm_fetch_kernel >"$TMP/fetch.log" 2>&1; then
		skip "$1" "the kernel's package cannot be downloaded: $(tail -n 1 "$TMP/fetch.log")"
		exit 0
	fi
	mkdir -p "$vm_root"/{bin,proc,sys,dev,tmp}
	cp "$(command -v busybox)" "$vm_root/bin/busybox"
}

vm_library() { # with what it needs
	local lib
	for lib in "$1" $(ldd "$1" | grep -o '/[^ ]*'); do
		mkdir -p "$vm_root$(dirname "$lib")"
		cp -L "$lib" "$vm_root$lib"
	done
}
vm_program() { # to /bin, with its libraries
	local lib
	cp "$1" "$vm_root/bin/"
	for lib in $(ldd "$1" | grep -o '/[^ ]*'); do vm_library "$lib"; done
}

# vm_run: standard input is a busybox shell script ($b runs an applet); the console comes to $TMP/console.
# False: it did not come to the script's end, whose exit status is then not 0 or 1.
vm_run() {
	{
		cat <<-'INIT'
			#!/bin/busybox sh
			b=/bin/busybox
			$b mount -t proc proc /proc; $b mount -t sysfs sys /sys; $b mount -t devtmpfs dev /dev
			$b mount -t cgroup2 cgroup /sys/fs/cgroup
			$b ip link set lo up
			echo # behind what the firmware wrote
			echo "KERNEL $($b uname -r)"
		INIT
		cat
		cat <<-'INIT'
			echo "TEST-EXIT $?"
			$b poweroff -f
		INIT
	} >"$vm_root/init"
	chmod 755 "$vm_root/init"
	(cd "$vm_root" && find . | cpio -o -H newc --quiet | gzip -1) >"$TMP/initrd"
	timeout 1200 qemu-system-x86_64 -M q35 -accel tcg,thread=multi -cpu max -smp 1 -m 1024 -kernel "$(vm_kernel)" \
		-initrd "$TMP/initrd" -append "console=ttyS0 quiet panic=-1" -nographic -no-reboot -nodefaults \
		-serial stdio 2>&1 </dev/null | tr -d '\r' >"$TMP/console"
	grep -aq '^TEST-EXIT [01]$' "$TMP/console" && grep -aq '^KERNEL 6\.1\.' "$TMP/console"
}
vm_version() { sed -n 's/^KERNEL //p' "$TMP/console"; }
vm_show() { tail -n "${1:-30}" "$TMP/console" | sed 's/^/# /'; }
