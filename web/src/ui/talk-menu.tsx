// SPDX-License-Identifier: Apache-2.0
// A conversation out of the page: as JSON lines, copied or saved.
import type { Flow, Message } from "../model/api";
import { fileName } from "../model/files";
import { count } from "../model/format";
import { EXPORT_MAX, jsonLines } from "../model/talk-api";
import { say } from "../session";
import { presenting } from "../state/screen";
import { copyText } from "./clipboard";
import { Icon } from "./icons";
import { Menu } from "./menu";

const COPY_MAX = 8 << 20;

async function save(f: Flow, secrets: boolean): Promise<void> {
	say("Reading the conversation…");
	try {
		const { lines, cut } = await jsonLines(f.id, secrets, EXPORT_MAX);
		const url = URL.createObjectURL(new Blob([lines.map((l) => l + "\n").join("")], { type: "application/x-ndjson" }));
		const a = document.createElement("a");
		a.href = url;
		a.download = fileName(new Date(), "jsonl").replace(/^limpid/, "limpid-messages");
		a.click();
		setTimeout(() => URL.revokeObjectURL(url), 60_000);
		say(`${count(lines.length)} messages saved${secrets ? "" : ", without secrets"}${cut ? "; the rest was too much for one file" : ""}`);
	} catch (e) {
		say(e instanceof Error ? e.message : String(e));
	}
}

async function copy(f: Flow): Promise<void> {
	try {
		const { lines, cut } = await jsonLines(f.id, false, COPY_MAX);
		await copyText(lines.join("\n") + "\n", cut ? `The first ${count(lines.length)} messages, without secrets,` : `${count(lines.length)} messages, without secrets,`);
	} catch (e) {
		say(e instanceof Error ? e.message : String(e));
	}
}

/* shown: what the search leaves of what is loaded. */
export function TalkMenu({ f, shown, chosen }: { f: Flow; shown: () => readonly Message[]; chosen: Message | null }) {
	const items = [
		{ label: "Copy all as JSON lines, without secrets", run: () => void copy(f) },
		{ label: "Copy those on screen, as JSON lines", run: () => void copyText(shown().map((m) => JSON.stringify(m)).join("\n") + "\n", `${count(shown().length)} messages`) },
		{ label: "Copy the chosen one", disabled: !chosen, run: () => chosen && void copyText((chosen.body?.decoded !== undefined ? JSON.stringify(chosen.body.decoded) : (chosen.body?.text ?? chosen.body?.base64 ?? "")), "Message") },
		{ label: "Save all as JSON lines, without secrets", run: () => void save(f, false) },
		{ label: "Save all as JSON lines, as they are", disabled: presenting.value, run: () => void save(f, true) },
	];
	return (
		<Menu label="Copy or save the conversation" items={items}>
			<Icon name="download" /> Messages
		</Menu>
	);
}
