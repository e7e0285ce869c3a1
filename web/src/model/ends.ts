// SPDX-License-Identifier: Apache-2.0
// Which connections are captured, as one line of text: "port 80, not address 10.0.0.0/8".  The hub checks the values.

const KINDS = new Set(["port", "address", "udp"]);

export function formatEnds(rules: string[]): string {
	return rules.map((r) => r.replace(/,/g, ", ")).join(" ");
}

/* The rules of a text, or what is wrong with it.  A value belongs to the word before it; commas and spaces are the same. */
export function parseEnds(text: string): { rules: string[] } | { error: string } {
	const rules: string[] = [];
	let not = false;
	let kind = "";
	let values: string[] = [];
	const end = () => {
		if (!kind) return;
		const head = `${not ? "not " : ""}${kind} `;
		rules.push(...(kind === "address" ? values.map((v) => head + v) : [head + values.join(",")]));
		not = false;
		kind = "";
	};
	for (const w of text.toLowerCase().split(/[\s,;]+/).filter(Boolean)) {
		if (w === "not" || KINDS.has(w)) {
			if (kind && !values.length) return { error: `“${kind}” needs a value` };
			end();
			if (w === "not") not = true;
			else kind = w;
			values = [];
		} else if (!kind) {
			return { error: `“${w}”: begin with port, address or udp, or with not` };
		} else {
			values.push(w);
		}
	}
	if (kind ? !values.length : not) return { error: `“${kind || "not"}” needs ${kind ? "a value" : "port or address"}` };
	end();
	return { rules };
}
