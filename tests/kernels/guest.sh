# shellcheck shell=bash
# guest.sh - a virtual machine with a Debian kernel and nothing but busybox and what is put there; sourced.
#
# Software emulation, so times mean nothing.  A root directory is packed into an initrd; each guest adds its own init script
# and files.  The console is the result: a guest that did not print its last line has failed.

guest_root() { # DIR ARCH: an empty root
	local busybox=/bin/busybox
	mkdir -p "$1"/{bin,proc,sys,dev,tmp,root,etc,run}
	[ "$2" = amd64 ] || busybox=$(tests/kernels/fetch packages bookworm "$2" busybox-static)/bin/busybox
	cp "$busybox" "$1/bin/busybox"
}
needs() { # FILE...: the libraries
	 ldd "$@" | tr -d : | awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^\//) print $i }' | sort -u
}
guest_library() { # DIR FILE...: with what they need
	local dir=$1 lib
	shift
	for lib in "$@" $(needs "$@"); do
		mkdir -p "$dir$(dirname "$lib")"
		cp -L "$lib" "$dir$lib"
	done
}
guest_program() { # DIR FILE...: to /bin, with their libraries when they are not static
	local dir=$1 program
	shift
	for program; do
		cp "$program" "$dir/bin/"
		# shellcheck disable=SC2046 # words
		! ldd "$program" >/dev/null 2>&1 || guest_library "$dir" $(needs "$program")
	done
}

guest_modules() { # KERNEL-DIR DIR: to DIR/modules, unpacked
	local module
	mkdir -p "$2/modules"
	for module in "$1"/modules/*.ko*; do
		case $module in
		*.xz) xz -dc "$module" >"$2/modules/$(basename "$module" .xz)" ;;
		*.ko) cp "$module" "$2/modules/" ;;
		esac
	done
}

# guest_init DIR: standard input is what the guest does, a busybox shell script; $b runs an applet.
guest_init() {
	{
		cat <<-'INIT'
			#!/bin/busybox sh
			b=/bin/busybox
			export PATH=/bin HOME=/root LIMPID_GUEST=1
			$b mount -t proc proc /proc; $b mount -t sysfs sys /sys; $b mount -t devtmpfs dev /dev
			$b mount -t cgroup2 cgroup /sys/fs/cgroup; $b mount -t tracefs tracefs /sys/kernel/tracing
			$b mount -t debugfs debugfs /sys/kernel/debug
			$b mount -t tmpfs tmp /tmp
			$b ip link set lo up
			for module in gf128mul ghash-generic crypto_null ctr gcm tls; do # before those that need them
				[ ! -e /modules/$module.ko ] || $b insmod /modules/$module.ko
			done
			echo # behind what the firmware wrote
			echo "KERNEL $($b uname -r)"
		INIT
		cat
		cat <<-'INIT'
			echo "TEST-EXIT $?"
			$b poweroff -f
		INIT
	} >"$1/init"
	chmod 755 "$1/init"
}

guest_pack() { # DIR INITRD
	(cd "$1" && find . | cpio -o -H newc --quiet | gzip -1) >"$2"
}

# guest_boot KERNEL-DIR ARCH ROOT CONSOLE SECONDS MEMORY-MB: until the guest is off.  False: its script did not end.
# ROOT: a directory, or what guest_pack made of it.
guest_boot() {
	local kernel=$1/vmlinuz arch=$2 root=$3 console=$4 seconds=$5 memory=$6 machine
	if [ -d "$root" ]; then guest_pack "$root" "$console.initrd"; else cp "$root" "$console.initrd"; fi
	guest_modules "$1" "$console.d" # the root is of several kernels
	(cd "$console.d" && find . | cpio -o -H newc --quiet | gzip -1) >>"$console.initrd"
	rm -rf "$console.d"
	case $arch in
	# QEMU 7.2 emulates cmpxchg16b wrongly now and then on one processor: kernels from 6.12 on, which allocate memory with it,
	# crash in one boot of five.  Without it they work, but BPF's task storage of 7 cannot be had, so those get two.
	amd64)
		# A kernel without preemption (5.10) has as many instances of a kretprobe as there can be processors: 32 of them.
		machine=(qemu-system-x86_64 -M q35 -cpu "max,-cx16" -smp 1,maxcpus=32)
		case $kernel in */6.18-* | */7-*) machine=(qemu-system-x86_64 -M q35 -cpu max -smp 2) ;; esac
		machine+=(-append "console=ttyS0 quiet panic=-1")
		;;
	arm64) machine=(qemu-system-aarch64 -M virt -cpu cortex-a72 -smp 1 -append "console=ttyAMA0 quiet panic=-1") ;;
	esac
	timeout "$seconds" "${machine[@]}" -accel tcg,thread=multi -m "$memory" -kernel "$kernel" -initrd "$console.initrd" \
		-nographic -no-reboot -nodefaults -serial stdio 2>&1 </dev/null | tr -d '\r' >"$console"
	rm -f "$console.initrd"
	grep -aq '^TEST-EXIT 0$' "$console"
}
