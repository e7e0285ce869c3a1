/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/reason.h"

static const struct tls_reason_text texts[TLS_WHY_MAX] = {
	[TLS_WHY_READ] = { "read", "Its TLS library is probed, and what goes through it is read.",
			   "" },
	[TLS_WHY_NO_LIBRARY] = { "no-library",
				 "No TLS library that Limpid knows is in the process; it may be "
				 "built into the "
				 "program without symbols.",
				 "If the program can be built with a shared OpenSSL, or not "
				 "stripped, it can be "
				 "read. Else capture the other end of the connection." },
	[TLS_WHY_UNSUPPORTED] = { "unsupported-library",
				  "The process uses a TLS library that Limpid cannot read yet.",
				  "Capture the other end of the connection, if that one uses "
				  "OpenSSL." },
	[TLS_WHY_GO] = { "go-not-read",
			 "The program is written in Go, and its crypto/tls was not found or cannot "
			 "be probed.",
			 "See the library's line in limpid doctor; capture the other end of the "
			 "connection." },
	[TLS_WHY_JAVA] = { "java-tls",
			   "The process is a Java machine, whose TLS is Java code: there is no "
			   "library to probe.",
			   "Capture the other end of the connection, or have the program use "
			   "OpenSSL "
			   "(netty-tcnative, Tomcat Native)." },
	[TLS_WHY_RUSTLS] = { "rustls",
			     "The program has rustls built in, which has no stable functions to "
			     "probe.",
			     "Capture the other end of the connection, or build the program with "
			     "native-tls, "
			     "which uses OpenSSL." },
	[TLS_WHY_STATIC] = { "static-stripped",
			     "A TLS library that Limpid knows is built into the program, and "
			     "its symbols "
			     "were removed.",
			     "Keep the symbol table (do not strip), or build with the shared "
			     "library." },
	[TLS_WHY_FOREIGN_CODE] = { "bundled-library",
				   "A TLS library is built into another library of the process, "
				   "without symbols.",
				   "Capture the other end of the connection." },
	[TLS_WHY_REFUSED] = { "probes-refused",
			      "The process has a TLS library that Limpid knows, but it could not "
			      "be probed.",
			      "limpid doctor names the file and what was wrong." },
	[TLS_WHY_CHANGED] = { "file-changed",
			      "The library's file was written to while it was in use, so its "
			      "probes were removed.",
			      "Restart the program: what it maps then is looked at anew." },
	[TLS_WHY_MISREAD] = { "misread",
			      "What the probes of its library saw made no sense, so they were "
			      "removed.",
			      "Please report it, with the library's version." },
	[TLS_WHY_NOT_LOOKED_AT] = { "process-gone",
				    "The process ended before its libraries could be looked at.",
				    "If it is started often, the next ones are read from their "
				    "first byte once "
				    "one was seen." },
	[TLS_WHY_SOCKET] = { "socket-unknown",
			     "Its library is probed, but the connection's plaintext did not go "
			     "through it with "
			     "this socket: the program moves the encrypted bytes itself, and the "
			     "connection is "
			     "older than the capture, or they went another way than through its "
			     "own sockets.",
			     "Capture the other end of the connection." },
	[TLS_WHY_LATE] = { "before-capture",
			   "The connection was open before Limpid began, and nothing was said in "
			   "it that the "
			   "library's probes saw.",
			   "The next connection is read from its first byte." },
	[TLS_WHY_SILENT] = { "no-data",
			     "There was a handshake and nothing after it: nothing to read.", "" },
	[TLS_WHY_BROKEN_OFF] = { "handshake-failed",
				 "The handshake was broken off before anything was said.",
				 "The alert says why, and which end sent it." },
	[TLS_WHY_UNTIL_LATER] = { "read-later",
				  "The beginning of the connection could not be read; what came "
				  "later is shown as "
				  "exchanges.",
				  "" },
	[TLS_WHY_CAPTURE] = { "capture-file",
			      "The capture file holds what went over the wire: encrypted.",
			      "Run limpid, or limpid record, on a machine at one of its ends: that reads TLS "
			      "while it is spoken." },
	[TLS_WHY_UNKNOWN] = { "unknown", "Why is not known.", "" },
};

const struct tls_reason_text *tls_reason_text(enum tls_reason r)
{
	return &texts[r < TLS_WHY_MAX ? r : TLS_WHY_UNKNOWN];
}
