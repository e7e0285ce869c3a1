// SPDX-License-Identifier: Apache-2.0
// What opens over everything: the question before clearing, the keys, all commands, about.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { count } from "../model/format";
import { clearAll, go, health, step, total } from "../session";
import { PAGES } from "../model/route";
import { filesOpen, presenting, togglePresenting, toggleZone, utc } from "../state/screen";
import css from "../style/lazy/overlays.css";
import notices from "../../../LICENSES/page.txt";
import { overlay } from "./dialogs";
import { focusFilter, setFilterText } from "./filter-box";
import { Icon } from "./icons";
import { SECTIONS, THEIRS, lines, spelled } from "./key-help";
import { adopt } from "./lazy";
import { columnsOpen, savedOpen } from "./row-menu-open";
import { loadSamples, samplesBusy } from "./samples";
import { clearAsked, pickerOpen, toggleRecording } from "./top-bar";

adopt(css);

const close = () => (overlay.value = "");

function Dialog(p: { label: string; children: ComponentChildren; class?: string }) {
	const ref = useRef<HTMLDialogElement>(null);
	useEffect(() => ref.current!.showModal(), []);
	return (
		<dialog
			ref={ref}
			class={p.class}
			aria-label={p.label}
			onClose={close}
			onClick={(e) => {
				if (e.target === ref.current) ref.current?.close();
			}}
		>
			{p.children}
		</dialog>
	);
}

function Head({ title }: { title: string }) {
	return (
		<div class="dialog-head">
			<h2>{title}</h2>
			<button class="bare" aria-label="Close" onClick={close}>
				<Icon name="close" />
			</button>
		</div>
	);
}

function Clear() {
	return (
		<Dialog label="Clear all flows">
			<div class="dialog">
				<h2>Delete {count(total.value)} flows?</h2>
				<p>They are deleted for everybody who looks at this hub, and cannot be brought back.</p>
				<div class="dialog-buttons">
					<button class="btn" onClick={close} autofocus>
						Keep them
					</button>
					<button
						class="btn danger"
						onClick={() => {
							close();
							void clearAll();
						}}
					>
						Delete
					</button>
				</div>
			</div>
		</Dialog>
	);
}

/* "c f" is c, then f. */
const Key = ({ name }: { name: string }) => (
	<span class="chord" data-key={name}>
		{name.length > 1 && name.includes(" ") ? name.split(" ").map((k, i) => [i ? " then " : "", <kbd>{k}</kbd>]) : <kbd>{spelled(name)}</kbd>}
	</span>
);

function Keys() {
	const all = lines();
	return (
		<Dialog label="Keys" class="wide key-help">
			<div class="dialog">
				<Head title="Keys" />
				<div class="keys">
					{SECTIONS.map((s) => (
						<section>
							<h3>{s}</h3>
							<dl>
								{all
									.filter((l) => l.section === s)
									.map((l) => (
										<div>
											<dt>
												{l.keys.map((k) => (
													<Key name={k} />
												))}
											</dt>
											<dd>{l.what}</dd>
										</div>
									))}
								{THEIRS.filter(([of]) => of === s).map(([, keys, what]) => (
									<div>
										<dt>
											{keys.map((k) => (
												<kbd>{k}</kbd>
											))}
										</dt>
										<dd>{what}</dd>
									</div>
								))}
							</dl>
						</section>
					))}
				</div>
			</div>
		</Dialog>
	);
}

interface Command {
	what: string;
	key?: string;
	run: () => void;
}

function commands(): Command[] {
	const flows = (run: () => void) => () => {
		go("flows");
		run();
	};
	return [
		...PAGES.map(([p, label], i) => ({ what: `Show ${label}`, key: String(i + 1), run: () => go(p) })),
		{ what: "Filter", key: "/", run: focusFilter },
		{ what: "Saved filters", key: "S", run: flows(() => (savedOpen.value = true)) },
		{ what: "Show all flows: no filter", run: flows(() => setFilterText("")) },
		{ what: "Show failures only", run: flows(() => setFilterText("is:error")) },
		{ what: "Follow the newest", key: "F", run: flows(() => step({ type: "newest" })) },
		{ what: "Hold the list still, or go on", key: " ", run: flows(() => step({ type: "space" })) },
		{ what: "Columns", key: "C", run: flows(() => (columnsOpen.value = true)) },
		{ what: "Choose what is captured", run: () => (pickerOpen.value = true) },
		{ what: "Start or stop recording", key: "Ctrl+e", run: toggleRecording },
		{ what: "Delete all flows", key: "Ctrl+Shift+Delete", run: clearAsked },
		{ what: "Export to a file", key: "w", run: () => (filesOpen.value = "export") },
		{ what: "Open a file", key: "o", run: () => (filesOpen.value = "import") },
		{ what: "Load samples", run: () => void (samplesBusy.peek() || loadSamples()) },
		{ what: presenting.peek() ? "Presentation mode off" : "Presentation mode: hide secrets", key: "P", run: togglePresenting },
		{ what: utc.peek() ? "Times of this place" : "Times in UTC", run: toggleZone },
		{ what: "Another theme", run: () => document.getElementById("theme-button")?.click() },
		{ what: "Keys", key: "?", run: () => (overlay.value = "keys") },
		{ what: "About Limpid, licences", run: () => (overlay.value = "about") },
	];
}

function Commands() {
	const [text, setText] = useState("");
	const [at, setAt] = useState(0);
	const words = text.toLowerCase().split(/\s+/).filter(Boolean);
	const list = commands().filter((c) => words.every((w) => c.what.toLowerCase().includes(w)));
	const run = (c: Command | undefined) => {
		if (!c) return;
		close();
		/* Once this dialog has given the focus back. */
		setTimeout(c.run);
	};
	const onKey = (e: KeyboardEvent) => {
		if (e.key === "ArrowDown") setAt(Math.min(list.length - 1, at + 1));
		else if (e.key === "ArrowUp") setAt(Math.max(0, at - 1));
		else if (e.key === "Enter") run(list[at]);
		else return;
		e.preventDefault();
		e.stopPropagation();
	};
	useEffect(() => document.getElementById(`command-${at}`)?.scrollIntoView({ block: "nearest" }), [at]);
	return (
		<Dialog label="Commands" class="commands">
			<input
				type="text"
				role="combobox"
				aria-expanded="true"
				aria-controls="command-list"
				aria-activedescendant={list[at] ? `command-${at}` : undefined}
				aria-label="Command"
				placeholder="What do you want to do?"
				autofocus
				spellcheck={false}
				value={text}
				onInput={(e) => (setText(e.currentTarget.value), setAt(0))}
				onKeyDown={onKey}
			/>
			<ul id="command-list" role="listbox" aria-label="Commands">
				{list.map((c, i) => (
					<li id={`command-${i}`} role="option" aria-selected={i === at} class={i === at ? "on" : ""} onClick={() => run(c)} onPointerMove={() => i !== at && setAt(i)}>
						<span>{c.what}</span>
						{c.key && <kbd>{spelled(c.key)}</kbd>}
					</li>
				))}
			</ul>
			{!list.length && <p class="muted">No command has these words.</p>}
		</Dialog>
	);
}

function About() {
	const [text, setText] = useState("Loading…");
	useEffect(() => {
		fetch(new URL(notices, import.meta.url), { credentials: "same-origin" })
			.then(async (r) => setText(r.ok ? await r.text() : "They could not be loaded."))
			.catch(() => setText("The hub did not answer."));
	}, []);
	return (
		<Dialog label="About" class="wide">
			<div class="dialog about">
				<Head title="About Limpid" />
				<p>
					Version {health.value?.hub.version ?? "not known"}. The requests and responses of your containers, decrypted, on this machine. Licensed under Apache-2.0; the parts that run in the kernel under GPL-2.0 or
					BSD-2-Clause.
				</p>
				<h3>What this page is made with</h3>
				<pre tabIndex={0} aria-label="Licences">
					{text}
				</pre>
			</div>
		</Dialog>
	);
}

export default function Overlays() {
	switch (overlay.value) {
	case "clear":
		return <Clear />;
	case "keys":
		return <Keys />;
	case "commands":
		return <Commands />;
	case "about":
		return <About />;
	case "":
		return null;
	}
}
