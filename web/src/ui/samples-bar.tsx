// SPDX-License-Identifier: Apache-2.0
// Says that samples are among the flows, and how to be rid of them.
import { useEffect } from "preact/hooks";
import { SAMPLE_FILTER } from "../model/samples";
import { live, total } from "../session";
import { setSamples } from "../state/screen";
import { setFilterText } from "./filter-box";
import { Icon } from "./icons";
import { clearAsked } from "./top-bar";

export default function SamplesBar() {
	/* Deleted, here or elsewhere. */
	const gone = live.value && total.value === 0;
	useEffect(() => {
		if (gone) setSamples(false);
	}, [gone]);
	return (
		<div class="banner" role="status" id="samples-bar">
			<Icon name="info" /> These are samples, recorded elsewhere; each has a note that says so.
			<button class="btn small" onClick={() => setFilterText(SAMPLE_FILTER)}>
				Only samples
			</button>
			<button class="btn small" onClick={() => setFilterText(`-${SAMPLE_FILTER}`)}>
				Only real flows
			</button>
			<button class="btn small" title="Samples and real ones, for everybody" onClick={clearAsked}>
				Delete all flows
			</button>
			<button class="bare" aria-label="Say no more of samples" onClick={() => setSamples(false)}>
				<Icon name="close" />
			</button>
		</div>
	);
}
