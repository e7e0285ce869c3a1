// SPDX-License-Identifier: Apache-2.0
// Export and import, as two dialogs.  What is under way goes on when the dialog is closed; a line at the bottom says how far it is.
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ApiError } from "../model/api";
import { count, size } from "../model/format";
import { FORMATS, fetchFile, fileName, giveFile } from "../model/files";
import type { Format } from "../model/files";
import { capture, changeCapture, clearAll, filter, matched, say, total } from "../session";
import { filesOpen } from "../state/screen";
import { targetIds } from "../state/notes";
import css from "../style/lazy/files.css";
import { Icon } from "./icons";
import { adopt } from "./lazy";

adopt(css);

type Which = "selection" | "filtered" | "all";
interface Job {
	what: string;
	part: number; /* 0 to 1 */
	stop: AbortController;
}
const job = signal<Job | null>(null);
const result = signal<{ text: string; bad: boolean } | null>(null);
const which = signal<Which>("filtered");
const format = signal<Format>("har");
const secrets = signal(false);
const replace = signal(false);

const words = (e: unknown): string => (e instanceof ApiError ? e.message : e instanceof Error ? e.message : String(e));
const flowsOf = (n: number): string => `${count(n)} ${n === 1 ? "flow" : "flows"}`;

function save(blob: Blob, name: string): void {
	const a = document.createElement("a");
	a.href = URL.createObjectURL(blob);
	a.download = name;
	document.body.append(a);
	a.click();
	a.remove();
	setTimeout(() => URL.revokeObjectURL(a.href), 60000);
}

async function runExport(): Promise<void> {
	const f = FORMATS.find((x) => x.format === format.peek())!;
	const w = which.peek();
	const ids = w === "selection" ? targetIds() : undefined;
	const wish = { format: f.format, secrets: secrets.peek(), ...(ids ? { ids } : { filter: w === "filtered" ? filter.peek() : "" }) };
	const stop = new AbortController();
	let last = { flows: 0, left_out: 0, unread: 0, hidden: 0 };
	result.value = null;
	job.value = { what: `Making ${f.label}`, part: 0, stop };
	try {
		const blob = await fetchFile(
			wish,
			(p, bytes) => {
				last = p;
				job.value = { what: `${f.label}: ${flowsOf(p.flows)}, ${size(bytes)}`, part: p.of ? p.done / p.of : p.more ? 0 : 1, stop };
			},
			stop.signal,
		);
		save(blob, fileName(new Date(), f.ending));
		const more = [
			last.hidden ? `${count(last.hidden)} secrets hidden` : "",
			last.left_out ? `${flowsOf(last.left_out)} left out: ${f.label} has no place for them` : "",
			last.unread ? `${flowsOf(last.unread)} could not be read` : "",
		].filter(Boolean);
		result.value = { text: `${flowsOf(last.flows)} in ${size(blob.size)}${more.length ? `; ${more.join("; ")}` : ""}.`, bad: last.unread > 0 };
		say(`Exported ${flowsOf(last.flows)}.`);
	} catch (e) {
		if (!stop.signal.aborted) result.value = { text: words(e), bad: true };
	}
	job.value = null;
}

async function runImport(file: Blob, name: string): Promise<void> {
	const stop = new AbortController();
	result.value = null;
	job.value = { what: `Reading ${name}`, part: 0, stop };
	try {
		if (replace.peek()) await clearAll();
		const s = await giveFile(
			file,
			(sent, st) => {
				job.value = { what: st ? `${name}: ${count(st.records)} records` : `${name}: ${size(sent)} of ${size(file.size)}`, part: st ? 1 : file.size ? sent / file.size : 1, stop };
			},
			stop.signal,
		);
		result.value = s.error ? { text: `${s.flows ? `${flowsOf(s.flows)}, but: ` : ""}${s.error}`, bad: true } : { text: `${flowsOf(s.flows)} of ${name} are here.`, bad: false };
		if (!s.error) {
			say(`Imported ${flowsOf(s.flows)}.`);
			filesOpen.value = "";
		}
	} catch (e) {
		if (!stop.signal.aborted) result.value = { text: words(e), bad: true };
	}
	job.value = null;
}

function Progress() {
	const j = job.value;
	const r = result.value;
	if (j)
		return (
			<div class="file-job" role="status">
				<progress value={j.part || undefined} max={1} aria-label={j.what} />
				<span class="num">{j.what}</span>
				<button class="btn small" onClick={() => j.stop.abort()}>
					Stop
				</button>
			</div>
		);
	return r ? (
		<p class={`file-result ${r.bad ? "bad" : ""}`} role={r.bad ? "alert" : "status"}>
			<Icon name={r.bad ? "warn" : "ok"} /> {r.text}
		</p>
	) : null;
}

function Choice<T extends string>(p: { name: string; legend: string; value: T; list: { value: T; label: string; text?: string; disabled?: boolean }[]; onChange: (v: T) => void }) {
	return (
		<fieldset class="file-choice">
			<legend>{p.legend}</legend>
			{p.list.map((o) => (
				<label class={o.disabled ? "off" : ""}>
					<input type="radio" name={p.name} value={o.value} checked={p.value === o.value} disabled={o.disabled} onChange={() => p.onChange(o.value)} />
					<span>{o.label}</span>
					{o.text && <span class="muted">{o.text}</span>}
				</label>
			))}
		</fieldset>
	);
}

/* Own rules; sent when the field is left. */
function Rules() {
	const rules = capture.value?.redact ?? [];
	return (
		<label class="file-rules" for="redact-rules">
			Also hide, one a line <span class="muted">a name such as customer-number, or an /expression/; kept by the hub</span>
			<textarea
				id="redact-rules"
				rows={Math.min(6, rules.length + 1)}
				spellcheck={false}
				value={rules.join("\n")}
				onChange={(e) => {
					const list = (e.target as HTMLTextAreaElement).value.split("\n").map((s) => s.trim()).filter(Boolean);
					if (list.join("\n") !== rules.join("\n")) void changeCapture({ redact: list });
				}}
			/>
		</label>
	);
}

function ExportForm() {
	const ids = targetIds();
	const filtered = filter.value !== "";
	const w: Which = which.value === "selection" && !ids.length ? "filtered" : which.value;
	if (w !== which.value) which.value = w;
	return (
		<form
			onSubmit={(e) => {
				e.preventDefault();
				void runExport();
			}}
		>
			<Choice
				name="which"
				legend="Which flows"
				value={w}
				onChange={(v) => (which.value = v)}
				list={[
					{ value: "selection", label: `Selected: ${count(ids.length)}`, disabled: !ids.length },
					{ value: "filtered", label: filtered ? `Shown by the filter: ${count(matched.value)}` : `Shown: ${count(matched.value)}` },
					{ value: "all", label: `All: ${count(total.value)}` },
				]}
			/>
			<Choice name="format" legend="As" value={format.value} onChange={(v) => (format.value = v)} list={FORMATS.map((f) => ({ value: f.format, label: f.label, text: f.text }))} />
			<Choice
				name="secrets"
				legend="Secrets"
				value={secrets.value ? "yes" : "no"}
				onChange={(v) => (secrets.value = v === "yes")}
				list={[
					{ value: "no", label: "Redacted", text: "passwords, tokens, cookies, card numbers become REDACTED" },
					{ value: "yes", label: "As it was said", text: "the file holds every secret that was captured" },
				]}
			/>
			{!secrets.value && <Rules />}
			<Progress />
			<div class="dialog-buttons">
				<button type="button" class="btn" onClick={() => (filesOpen.value = "import")}>
					Import instead…
				</button>
				<button type="submit" class="btn primary" id="export-go" disabled={!!job.value}>
					<Icon name="download" /> Export
				</button>
			</div>
		</form>
	);
}

function ImportForm() {
	const input = useRef<HTMLInputElement>(null);
	return (
		<form
			class="file-drop"
			onSubmit={(e) => e.preventDefault()}
			onDragOver={(e) => e.preventDefault()}
			onDrop={(e) => {
				e.preventDefault();
				const f = e.dataTransfer?.files[0];
				if (f && !job.peek()) void runImport(f, f.name);
			}}
		>
			<p>A session or JSON lines of Limpid, a HAR of Limpid or of a browser, a pcap or pcapng, a recording. Drop it here, or choose it.</p>
			<label class="file-replace">
				<input type="checkbox" checked={replace.value} onChange={(e) => (replace.value = (e.target as HTMLInputElement).checked)} /> Delete what is here first <span class="muted">for everybody</span>
			</label>
			<input
				ref={input}
				id="import-file"
				type="file"
				aria-label="File to import"
				disabled={!!job.value}
				onChange={() => {
					const f = input.current?.files?.[0];
					if (f) void runImport(f, f.name);
					if (input.current) input.current.value = "";
				}}
			/>
			<Progress />
		</form>
	);
}

export default function Files() {
	const ref = useRef<HTMLDialogElement>(null);
	const open = filesOpen.value;
	useEffect(() => {
		const d = ref.current!;
		if (open && !d.open) d.showModal();
		if (!job.peek()) result.value = null; /* of another dialog */
		if (!open && d.open) d.close();
	}, [open]);
	return (
		<>
			<dialog
				ref={ref}
				id="files"
				class="wide"
				aria-label={open === "import" ? "Import" : "Export"}
				onClose={() => (filesOpen.value = "")}
				onClick={(e) => {
					if (e.target === ref.current) filesOpen.value = "";
				}}
			>
				{open && (
					<div class="dialog files">
						<div class="dialog-head">
							<h2>{open === "import" ? "Open a file" : "Export"}</h2>
							<button class="bare" aria-label="Close" onClick={() => (filesOpen.value = "")}>
								<Icon name="close" />
							</button>
						</div>
						{open === "import" ? <ImportForm /> : <ExportForm />}
					</div>
				)}
			</dialog>
			{!open && job.value && (
				<div class="file-strip">
					<Progress />
				</div>
			)}
		</>
	);
}
