/* SPDX-License-Identifier: Apache-2.0 */
#include <argp.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "cmd/run.h"

static const struct command commands[] = {
	{ "agent", "capture here, send flows to a hub", run_agent, NULL,
	  "Captures what containers say to each other and sends it to a hub.",
	  ARGS_CAPTURE | ARGS_DECODE | ARGS_AGENT, false },
	{ "hub", "receive from agents, store, serve the page", run_hub, NULL,
	  "Receives flows from agents, keeps them, and serves the page.", ARGS_HUB, false },
	{ "tail", "flows on the terminal as they happen", run_tail, "[FILTER]",
	  "Prints each exchange as it ends.  FILTER as on the page, for example:\n"
	  "  limpid tail status:5xx or dur>1s\v"
	  "The language of filters is described in docs/filter.md.",
	  ARGS_CAPTURE | ARGS_DECODE | ARGS_PRINT, false },
	{ "read", "flows out of a pcap, pcapng or Limpid recording; needs no root", run_read, "FILE [FILTER]",
	  "Prints the exchanges in a pcap or pcapng file, or in a recording made by limpid record; all may be "
	  "compressed by gzip, zstd or xz.  - is standard input:\n"
	  "  tcpdump -i any -U -w - | limpid read -\n"
	  "docs/captures.md says what is read, and what exit statuses mean.", ARGS_FILE | ARGS_DECODE | ARGS_PRINT,
	  false },
	{ "record", "raw capture records, for a bug report or a test", run_record, NULL,
	  "Writes what the kernel side delivers to a file, for limpid read.  It holds everything "
	  "that was "
	  "said, decrypted.",
	  ARGS_CAPTURE | ARGS_OUTPUT, false },
	{ "export", "flows into a file: har, jsonl or pcapng", run_export, "har|jsonl|pcapng [FILTER] -o FILE",
	  "Writes what was captured as a HAR file (browsers' tools), as JSON lines (docs/flow.md) or as a capture with the "
	  "decrypted payload (Wireshark, tshark).  Passwords, tokens, cookies and card numbers become REDACTED: docs/redaction.md.\v"
	  "Without --running, --db or --read the usual database of this machine is read, also while Limpid runs.  -o - "
	  "writes to standard output.  docs/export.md says what each format keeps.",
	  ARGS_WORD | ARGS_FILTER | ARGS_OUTPUT | ARGS_EXPORT | ARGS_DECODE, false },
	{ "import", "flows out of such a file, or a browser's HAR", run_import, "FILE",
	  "Puts the flows of a HAR file (also a browser's), of JSON lines or of a capture into a running Limpid or a "
	  "database.  A second import of the same file changes nothing.",
	  ARGS_FILE | ARGS_IMPORT | ARGS_DECODE, false },
	{ "doctor", "what this machine supports, and what is missing", run_doctor, NULL,
	  "Says what can be captured here, and for each TLS library that runs: decrypted, or why "
	  "not.  With --running, what a running Limpid could not capture, and why.",
	  ARGS_CAPTURE | ARGS_JSON | ARGS_RUNNING, false },
	{ "version", "the version", run_version, NULL, "Prints the version.", 0, false },
	{ "import-reader", NULL, run_import_reader, "FILE", NULL, ARGS_FILE, true },
	{ "selftest-sandbox", NULL, run_selftest, "WORD", NULL, ARGS_WORD, true },
};
#define NCOMMANDS (sizeof(commands) / sizeof(*commands))

static const struct command all = {
	.run = run_all,
	.groups = ARGS_CAPTURE | ARGS_DECODE | ARGS_HUB,
	.usage = "[COMMAND]",
	.doc = "Shows the requests and responses that containers exchange, decrypted.\n\n"
	       "Without a command: captures here, stores here, and prints the address of the "
	       "page.\v"
	       "Commands:\n"
	       "  agent    capture here, send flows to a hub\n"
	       "  hub      receive from agents, store, serve the page\n"
	       "  tail     flows on the terminal as they happen\n"
	       "  read     flows out of a recording; needs no root\n"
	       "  record   raw capture records, for a bug report or a test\n"
	       "  export   flows into a file: har, jsonl or pcapng\n"
	       "  import   flows out of such a file, or a browser's HAR\n"
	       "  doctor   what this machine supports, and what is missing\n"
	       "  version  the version\n\n"
	       "limpid COMMAND --help says more.",
};

int run_version(const struct args *a)
{
	struct utsname u = { 0 };

	(void)a;
	(void)uname(&u); /* empty then */
	printf("limpid %s (%s, Linux %s)\n", LIMPID_VERSION, u.machine, u.release);
	return 0;
}

int main(int argc, char **argv)
{
	const struct command *c = &all;
	struct args a;

	argp_program_version = "limpid " LIMPID_VERSION;
	for (size_t i = 0; i < NCOMMANDS && argc > 1; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			c = &commands[i];
	args_read(c, c == &all ? argc : argc - 1, c == &all ? argv : argv + 1, &a);
	log_setup("", a.level);
	return c->run(&a);
}
