/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 OR BSD-2-Clause */
/* event.h - records on the ring buffers, and the settings that tap writes for the kernel side.
 *
 * The only header that the kernel side and user space share.  It compiles with gcc for the host
 * and with clang for BPF: fixed widths, explicit padding, no bool, no pointers.
 *
 * There are two kinds of rings.  `rings` go to decode: EV_OPEN, EV_DATA, EV_CLOSE.  `tasks` goes to
 * tap: EV_EXEC, EV_EXIT, EV_MAP.  Records of one connection are in one ring, in the order in which they
 * happened; the socket is named by its cookie, which the kernel never gives twice.
 */
#ifndef LIMPID_EVENT_H
#define LIMPID_EVENT_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define EV_CHUNK_MAX   16384 /* bytes of payload per EV_DATA; a power of two */
#define EV_RINGS_MAX   16    /* a power of two */
#define EV_COMM_LEN    16    /* TASK_COMM_LEN, NUL-terminated */
#define EV_NAME_LEN    64    /* last part of a path, cut and NUL-terminated */
#define EV_PATH_MAX    108   /* sizeof(sun_path) */
#define EV_UNIX_COOKIE (1ULL << 62)
#define EV_UDP_COOKIE  (1ULL << 63)
#define EV_CGROUP_V1   (1ULL << 63) /* in a cgroup id: of the pids (else memory) hierarchy of version 1 */

enum ev_kind {
	EV_OPEN = 1,
	EV_DATA = 2,
	EV_CLOSE = 3,
	EV_EXEC = 4,
	EV_KEYS = 5, /* reserved: TLS secrets of one connection */
	EV_EXIT = 6,
	EV_MAP = 7,
	EV_CGROUP = 8,
};
enum ev_flag {
	EV_DATAGRAM = 1, /* EV_DATA: the bytes are (part of) a datagram */
	EV_LATE = 2,	 /* EV_OPEN: the connection existed before capture began */
	EV_BEGIN = 4,	 /* EV_DATA with EV_DATAGRAM: a datagram begins with this record */
	EV_OWED = 8,	 /* EV_OPEN with EV_LATE: the client was the last to say something */
	EV_WIRE = 32,	 /* EV_OPEN: seen between its ends, in a capture file: whose socket it is says nothing */
	EV_ANEW = 16,	 /* EV_OPEN: positions begin at 0 with it.  Of a connection that is known already: the
			  * kernel side had to forget it, for others that were used more */
};
/* EV_DATA: why the bytes [off + ncap, off + len) are not there.  A hole that no record announces (its record
 * found the ring full) shows as a jump of off, or against the totals of EV_CLOSE. */
enum ev_why {
	EV_WHY_NONE = 0,
	EV_WHY_NO_BUFFER, /* no buffer that can be read holds them (pages of a file, MSG_TRUNC) */
	EV_WHY_FAULT,	  /* user memory that could not be read */
	EV_WHY_UNSEEN,	  /* moved while no hook saw it: the kernel's sequence numbers went on */
	EV_WHY_BUDGET,	  /* not wanted: a verdict or budget of user space */
	EV_WHY_SHED,	  /* left out because the ring was filling up */
	EV_WHY_RING,	  /* records that a full ring refused, told afterwards */
	EV_WHY_MAX,
};
enum ev_l4 { EV_TCP = 0, EV_UNIX = 1, EV_UDP = 2 };
#define EV_TLS_KERNEL 255 /* ev_data.tls: what a program gave to TLS by the kernel, or took from it */
enum ev_dir { EV_READ = 0, EV_WRITE = 1 };
/* Towards the kernel, about raw bytes: they go on being counted, and plaintext of a TLS probe goes on
 * being copied whatever the verdict is. */
enum ev_verdict { EV_COPY_ALL = 0, EV_COPY_HEAD = 1, EV_COPY_NONE = 2 };
enum ev_side { EV_SIDE_UNKNOWN = 0, EV_CLIENT = 1, EV_SERVER = 2 };
/* How the socket of plaintext was found: the greater, the less sure (docs/tls.md, "Which socket"). */
enum ev_sure { EV_SURE_NONE = 0, EV_SURE_NESTED = 1, EV_SURE_STICKY = 2, EV_SURE_MATCHED = 3 };
enum ev_end {
	EV_END_READ = 1,  /* the peer's last byte was read (read returned 0) */
	EV_END_WRITE = 2, /* this end sent its FIN: shutdown or close */
	EV_END_ALL = 4,	  /* the socket is gone, or left out from now on; when it is chosen again, or connects
			   * anew, an EV_OPEN follows */
	EV_END_RESET = 8, /* the connection was reset, or ended with an error */
	/* Of the plaintext alone (close_notify); the socket may go on, even with TLS anew: */
	EV_END_TLS_READ = 16,  /* the library said that the peer sends no more */
	EV_END_TLS_WRITE = 32, /* the program said that it does not */
};

struct ev_hdr {
	__u64 ts_ns;	   /* CLOCK_MONOTONIC */
	__u32 size;	   /* bytes in this record, header included */
	__u16 kind, flags; /* enum ev_kind, enum ev_flag */
	__u64 cookie;	   /* names the socket for ever: never a descriptor, those get reused */
	__u32 tgid, tid;   /* who moved the bytes; 0 when no process did (softirq) */
};

/* Before the first EV_DATA of a connection, and again when the side becomes known or another
 * process (a prefork worker that was handed the socket) begins to use it.
 *
 * EV_UNIX: no addresses; path is what the server's end is bound to, without a NUL at its end, with one at its
 * beginning when the name is abstract; empty for a socketpair.  The cookie is made of the socket's inode number
 * (EV_UNIX_COOKIE), so that peer_cookie can be told without touching the other end.
 * EV_UDP: one "connection" per socket and remote address; its cookie is EV_UDP_COOKIE | a number. */
struct ev_open {
	struct ev_hdr h;
	__u64 cgroup_id;
	union {
		__u64 peer_cookie; /* EV_UNIX: of the other end; 0: unknown, or not of this machine */
		__u64 tcp_link;	   /* EV_TCP: a number that both ends have, whatever addresses lie between
				    * them: made of the initial sequence numbers; 0: unknown */
	};
	__u8 local[16], remote[16]; /* IPv4 as ::ffff:a.b.c.d, network order */
	__u16 lport, rport;	    /* host order */
	__u8 side, l4;		    /* enum ev_side, enum ev_l4 */
	__u16 path_len;	 /* <= EV_PATH_MAX; h.size is sizeof(struct ev_open) + path_len */
	__u32 netns;	 /* inode number of the network namespace */
	__u32 peer_tgid; /* EV_UNIX: who holds (or made) the other end; 0: unknown */
	char comm[EV_COMM_LEN];
	union {
		char peer_comm[EV_COMM_LEN]; /* EV_UNIX: of peer_tgid, as is the cgroup; empty: unknown */
		__u64 base[2]; /* EV_TCP, by enum ev_dir: how far the socket's stream was at position 0.  That of an
				* EV_ANEW less that of the first is what its positions are behind */
	};
	__u64 peer_cgroup_id;
	char path[];
};

struct ev_data {
	struct ev_hdr h;
	__u64 off;	     /* position of data[0] in this direction's byte stream */
	__u32 len, ncap;     /* bytes moved; bytes in data[], <= EV_CHUNK_MAX, <= len */
	__u8 dir;	     /* enum ev_dir */
	__u8 tls;	     /* 0, or 1 + row in tls/table.c, or EV_TLS_KERNEL: then data[] is plaintext
				* and off counts a stream of its own */
	__u8 sure;	     /* enum ev_sure: how the socket of plaintext was found */
	__u8 why;	     /* enum ev_why, when ncap < len */
	__u16 tls_lib, pad2; /* number tap gave the probed file: names the library's version */
	__u8 data[];
};

/* The totals make a loss at the very end of a stream visible.  how 0: no end; they were asked for. */
struct ev_close {
	struct ev_hdr h;
	__u64 total[2];	    /* bytes moved so far on the socket, by enum ev_dir */
	__u64 tls_total[2]; /* the same of plaintext seen by a TLS probe */
	__u32 how;	    /* enum ev_end, or-ed */
	__u32 pad;
};

/* EV_EXEC, EV_EXIT: name is the comm.  EV_MAP: a file was mapped executable; name is the last
 * part of its path, addr where it was mapped.  EV_CGROUP: a runtime made this cgroup for a container, in version 2's
 * tree, and has nobody in it yet. */
struct ev_task {
	struct ev_hdr h; /* cookie is 0 */
	__u64 cgroup_id;
	__u64 addr;  /* EV_MAP */
	__u64 ino;   /* EV_MAP: inode number as the file system below an overlay has it */
	__u32 pidns; /* inode number of the pid namespace */
	__u32 ppid;
	char name[EV_NAME_LEN];
};

/* Why bytes or records are missing: index into the per-CPU counters `losses`. */
enum ev_loss {
	EV_LOSS_RING = 0,     /* records refused by a full ring */
	EV_LOSS_RING_BYTES,   /* as EV_WHY_RING: bytes of which they were to tell */
	EV_LOSS_FAULT_BYTES,  /* as EV_WHY_FAULT */
	EV_LOSS_NO_BUFFER,    /* bytes, as EV_WHY_NO_BUFFER */
	EV_LOSS_UNSEEN_BYTES, /* as EV_WHY_UNSEEN */
	EV_LOSS_BUDGET_BYTES, /* as EV_WHY_BUDGET */
	EV_LOSS_SHED_BYTES,   /* as EV_WHY_SHED */
	EV_LOSS_INFLIGHT,     /* calls whose entry was not remembered */
	EV_LOSS_TLS_UNMAPPED, /* plaintext bytes whose socket is unknown */
	EV_LOSS_TASK_RING,    /* records of the `tasks` ring */
	EV_LOSS_RULES,	      /* processes started by captured ones that `tgid_rules` had no room for */
	EV_LOSS_UNTOLD,	      /* of EV_LOSS_RING, the EV_OPEN and EV_CLOSE that cannot be told afterwards */
	EV_LOSS_UNTOLD_BYTES, /* of all bytes above, those of which no record will tell */
	EV_COUNT_WAKEUPS,     /* no loss: how often the reader of the rings was woken */
	EV_COUNT_DATAGRAMS,   /* no loss: UDP datagrams that captured processes moved, copied or not */
	EV_COUNT_UDP_BYTES,   /* the bytes in them */
	EV_LOSS_SKIPPED,      /* at most so many runs of programs whose work nobody did, since the kernel skipped them while one
			       * like them was preempted: its own count, asked for by user space */
	EV_LOSS_MAX,
};

/* What to capture: one element of the array map `policy`, replaced as a whole by tap. */
enum ev_default { EV_DEFAULT_NONE = 0, EV_DEFAULT_CONTAINERS = 1, EV_DEFAULT_ALL = 2 };
#define EV_OWN_PORTS 4
struct ev_policy {
	__u32 dflt;	  /* enum ev_default: for cgroups and processes without a rule */
	__u32 host_pidns; /* pid namespace of the host: everything else is a container */
	__u32 paused;	  /* nothing is copied; the byte counts go on */
	__u32 ends;	  /* enum ev_ends, or-ed: which rules about ports and addresses there are */
	__u32 comms;	  /* whether the map `comm_rules` has any */
	__u32 pad;
	__u16 own_ports[EV_OWN_PORTS]; /* loopback connections with such a port at one end are
					* Limpid's own (a browser that shows the page); 0: none */
};
/* Values of the maps `cgroup_rules` (key: cgroup id, __u64), `tgid_rules` (key: tgid, __u32) and `comm_rules`
 * (key: struct ev_comm_key; the longest prefix decides).  A tgid rule goes on to the processes that it starts, and
 * ends with the process.  A command name, or name of an executable's file, that is left out wins over all; then a tgid rule; a chosen
 * command name becomes one; then a cgroup rule; then the default. */
enum ev_rule { EV_RULE_EXCLUDE = 0, EV_RULE_INCLUDE = 1 };

/* Of the process, which is that of its first thread.  bits: 8 * length of a prefix, or of a whole name with its NUL. */
#define EV_COMM_RULES 512
struct ev_comm_key {
	__u32 bits;
	char comm[EV_COMM_LEN];
};

/* A connection is left out when a port or address of either end is; else, when some are chosen, it needs a
 * chosen port and a chosen address, at either end.  Map `port_rules`: a bit per port, EV_PORT_WORDS words for
 * each enum ev_rule.  Map `addr_rules`: the longest prefix of an address decides; the value is an enum ev_rule. */
enum ev_ends { EV_PORTS_CHOSEN = 1, EV_PORTS_LEFT_OUT = 2, EV_ADDRS_CHOSEN = 4, EV_ADDRS_LEFT_OUT = 8 };
#define EV_PORTS_UDP  2 /* in `port_rules`, after enum ev_rule: UDP ports whose datagrams are copied */
#define EV_PORT_SETS  3
#define EV_PORT_WORDS 1024
#define EV_ADDR_RULES 512
struct ev_addr_key {
	__u32 bits;    /* of the prefix: 0 to 128 */
	__u8 addr[16]; /* as in ev_open */
};

/* What tap tells the program of a TLS probe about its place: the BPF cookie of the attachment.
 * Arguments are numbered from 0; argument 0 is the library's connection object. */
enum ev_tls_what { EV_TLS_READ = 0, EV_TLS_WRITE = 1, EV_TLS_HANDSHAKE = 2, EV_TLS_FORGET = 3,
		   EV_TLS_HIDE = 4, /* what it is given and what it calls are no plaintext, or were told of before */
		   EV_TLS_END = 5 }; /* the object sends no more plaintext */
#define EV_TLS_LEN_RETURN 0xff
struct ev_tls_site {
	__u16 lib;	       /* ev_data.tls_lib */
	__u8 tls;	       /* ev_data.tls */
	__u8 what;	       /* enum ev_tls_what */
	__u8 buf_arg, num_arg; /* the buffer, its size */
	__u8 len_arg;	       /* points at the bytes moved, when the call returns 1; or
				   * EV_TLS_LEN_RETURN: the return value is their number */
	__u8 form;	       /* enum ev_tls_form, or-ed: how the call differs from SSL_read's kind */
};
enum ev_tls_form {
	EV_TLS_SIZE = 1,     /* the size is a size_t, not an int */
	EV_TLS_LONG = 2,     /* the return value is as long, not an int */
	EV_TLS_RESUMES = 4,  /* without a buffer it goes on with what an earlier call was given, and returns that one's bytes */
	EV_TLS_PEEKS = 16,   /* argument 3 are flags, of which MSG_PEEK's says that it consumes nothing */
	EV_TLS_EOF = 32,     /* a read into a buffer that returns 0 has met the end */
	EV_TLS_PACKET = 8,   /* buf_arg is where it puts a pointer to GnuTLS's packet, which has the bytes */
};
/* The same of a place in a Go program, whose end of a call is another place than its beginning. */
struct ev_go_site {
	__u16 lib;
	__u8 tls, what;
	/* Of an end in a deferred function: bytes from the caller's stack pointer to its return address, and to the number
	 * of bytes moved.  frame 0: a return instruction, the number is in its register. */
	__u16 frame, slot;
};
/* Where in a connection object a library keeps the 32 random bytes of its ClientHello: at object + random, or, when random_at is
 * not 0, at *(object + random_at) + random; random 0: not known.  side: where an int is that is 1 on the server's side and 0 on the
 * client's; 0: not known. */
struct ev_tls_layout {
	__u16 random_at, random, side, pad;
};
#define EV_TLS_LIBS 1024 /* values of ev_data.tls_lib are below; element of the map `tls_libs`: */
struct ev_tls_lib {
	__u64 calls, bytes; /* that moved plaintext of captured processes */
	__u64 bad;	    /* calls that claimed to move more than their buffer holds */
	__u64 off;	    /* set by the first of those: nothing more is taken from this library */
	struct ev_tls_layout layout;
};

_Static_assert(sizeof(struct ev_tls_site) == 8 && sizeof(struct ev_go_site) == 8 && sizeof(struct ev_tls_lib) == 40, "layout");
_Static_assert(sizeof(struct ev_hdr) == 32 && sizeof(struct ev_open) == 136, "layout");
_Static_assert(sizeof(struct ev_data) == 56 && sizeof(struct ev_close) == 72, "layout");
_Static_assert(sizeof(struct ev_task) == 128 && sizeof(struct ev_addr_key) == 20 &&
		       sizeof(struct ev_comm_key) == 20, "layout");

#endif
