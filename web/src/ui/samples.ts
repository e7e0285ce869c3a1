// SPDX-License-Identifier: Apache-2.0
// Flows to look at before there are own ones: recorded from real programs by tools/make-samples, read by the hub like any
// other file, as of now, and each with a note that says what it is.
import { signal } from "@preact/signals";
import file from "../../samples.jsonl";
import { ApiError, api } from "../model/api";
import { giveFile } from "../model/files";
import { SAMPLE_NOTE, asOfNow } from "../model/samples";
import { go, say } from "../session";
import { setSamples } from "../state/screen";

export const samplesBusy = signal(false);

export async function loadSamples(): Promise<void> {
	samplesBusy.value = true;
	try {
		const r = await fetch(new URL(file, import.meta.url), { credentials: "same-origin" });
		if (!r.ok) throw new ApiError(r.status, "The hub does not have the samples: load the page again.");
		const { text, ids } = asOfNow(await r.text(), Date.now());
		const s = await giveFile(new Blob([text]), () => undefined, new AbortController().signal);
		if (s.error) throw new ApiError(400, s.error);
		await api.marks(ids, { note: SAMPLE_NOTE });
		setSamples(true);
		go("flows");
		say(`${s.flows} samples are here.`);
	} catch (e) {
		say(`The samples could not be loaded: ${e instanceof Error ? e.message : String(e)}`);
	}
	samplesBusy.value = false;
}
