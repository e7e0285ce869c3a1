/* SPDX-License-Identifier: Apache-2.0 */
/* pcap.h - what a capture file was found to hold besides the conversations: counted, so that nothing vanishes. */
#ifndef LIMPID_CAPTURE_PCAP_H
#define LIMPID_CAPTURE_PCAP_H

#include "capture/segment.h"

struct pcap_stats {
	uint64_t packets;
	uint64_t other;	    /* carry no IP (ARP), or neither TCP nor UDP in it */
	uint64_t datagrams; /* of UDP, which nobody decodes yet */
	uint64_t cut;	    /* captured too short to tell, or for their heads */
	uint64_t bad;	    /* contradict themselves */
	uint64_t fragments; /* whose packets never became whole */
	uint64_t unknown;   /* of a link layer that is not known: */
	uint32_t unknown_link;
	uint64_t dropped; /* that the capturing program says it did not get */
	struct segment_stats tcp;
};

/* s is one of source_file_open.  False: it is a recording. */
bool source_pcap_stats(const struct source *s, struct pcap_stats *ret);

#endif
